"""What a corpus came to: how many open, how many are good on each target, and why others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.corpus.attempt import Outcome

GOOD = ("verified", "simulated")


def line(outcome: Outcome) -> str:
    """One model in one line."""
    statuses = " ".join(f"{t}={s}" for t, s in sorted(outcome.statuses.items())) or "-"
    cause = f"  {outcome.cause}" if outcome.cause else ""
    return f"{outcome.model}: exit {outcome.code}, {outcome.seconds:g} s, {statuses}{cause}"


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The lines of the summary."""
    opened = [o for o in outcomes if o.opened]
    yield f"{len(opened)} of {len(outcomes)} open"
    for target in sorted({t for o in opened for t in o.statuses}):
        counts = Counter(o.statuses[target] for o in opened if target in o.statuses)
        good = sum(counts[s] for s in GOOD)
        rest = ", ".join(f"{n} {s}" for s, n in counts.most_common() if s not in GOOD)
        yield f"{target}: {good} of {sum(counts.values())} verified or simulated{f'; {rest}' if rest else ''}"
    causes = Counter(o.cause for o in outcomes if o.cause)
    for cause, count in causes.most_common():
        yield f"{count} × {cause}"
