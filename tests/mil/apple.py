"""Runs Apple's own tests of the MIL operations, which ship inside coremltools, against our evaluator.

`python -m tests.mil.apple --all` runs all of them, `--sample` at least three of every test function, and
`-k WORD` those whose name contains a word. With `--log FILE` a run that was cut goes on where it stopped. The models
are converted by coremltools, saved as packages, read back and executed by kexport_shared.mil; Apple's comparison with
Apple's tolerances judges.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import logging
import os
import re
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.mil.exclusions import excluded, unused
from tests.mil.stand_in import Watch, install

SETTINGS = {
    "PYMIL_TEST_TARGETS": "mlprogram",
    "INCLUDE_MIL_FP32_UNIT_TESTS": "1",
    "RUN_BACKWARD_COMPATIBILITY": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
SAMPLES = 3
HALF = re.compile("fp16|float16")
MODE = re.compile(r"\b(?:mode|op_name)=(\w+)")
KINDS = ("passed", "failed", "excluded", "skipped by Apple", "nothing to compare")


def tests_folder() -> Path:
    """Where Apple's tests lie in the installed coremltools."""
    spec = importlib.util.find_spec("coremltools")
    if spec is None or spec.origin is None:
        raise SystemExit("coremltools is not installed: pip install 'kexport[coreml]'")
    return Path(spec.origin).parent / "converters" / "mil" / "mil" / "ops" / "tests"


class Plugin:
    """Chooses the tests and keeps account of them."""

    def __init__(self, sample: bool, word: str, mode: str, share: tuple[int, int], log: Path | None):
        self.watch = Watch(mode)
        self._log = log
        self.results: list[dict[str, Any]] = logged(log)
        self._sample = sample
        self._word = word
        self._share = share

    def pytest_configure(self) -> None:
        """Puts the evaluator in Core ML's place before the tests are imported."""
        install(self.watch)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keeps the sample, and sets aside what is excluded."""
        if not self._word:
            for exclusion in unused([i.nodeid for i in items]):
                self._note(exclusion.pattern, "failed", "no test needs this exclusion any more")
        kept = sampled(items) if self._sample else list(items)
        part, parts = self._share
        known = {r["test"] for r in self.results}
        kept = [i for i in kept[part::parts] if _name(i.nodeid) not in known]
        for item in kept:
            reason = excluded(item.nodeid)
            if reason:
                self._note(item.nodeid, "excluded", reason)
        items[:] = [i for i in kept if not excluded(i.nodeid)]
        gc.collect()
        gc.freeze()  # every conversion collects garbage, which would walk all collected tests and TensorFlow again

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported fails."""
        if report.failed:
            self._note(report.nodeid, "failed", str(report.longrepr)[-3000:])

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Starts the account of one test."""
        marked = item.get_closest_marker("xfail")
        self.watch.start(item.nodeid)
        if marked:
            item.own_markers.remove(marked)
            self.watch.expected_failure = str(marked.kwargs.get("reason", "marked"))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Files the outcome of one test."""
        if report.outcome == "skipped":
            text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self._note(report.nodeid, "skipped by Apple", text.removeprefix("Skipped: "))
        elif report.outcome == "failed":
            if self.watch.expected_failure:
                why = f"Apple expects a device to fail: {self.watch.expected_failure}"
                self._note(report.nodeid, "excluded", why)
            else:
                self._note(report.nodeid, "failed", str(report.longrepr)[-3000:])
        elif report.when == "call":
            kind = "passed" if self.watch.predictions else "nothing to compare"
            self._note(report.nodeid, kind, "")

    def _note(self, test: str, kind: str, reason: str) -> None:
        used = sorted(self.watch.operations) if kind == "passed" else []
        record = {"test": _name(test), "kind": kind, "reason": reason, "operations": used}
        self.results.append(record)
        if self._log:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")


def logged(log: Path | None) -> list[dict[str, Any]]:
    """What earlier runs wrote to a log; a line that was cut is taken out of it, and its test runs again."""
    if log is None or not log.exists():
        return []
    whole, newline, cut = log.read_text(encoding="utf-8").rpartition("\n")
    if cut:
        log.write_text(whole + newline, encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]


def _name(test: str) -> str:
    return test.split("ops/tests/")[-1]


def sampled(items: list[pytest.Item]) -> list[pytest.Item]:
    """Three of the tests of every function, spread evenly over its parameters, and one of every mode it has.

    Two of three are in float32 throughout, if there are any: Apple's tolerance for float16 is wide.
    """
    functions: dict[str, list[pytest.Item]] = {}
    for item in items:
        functions.setdefault(item.nodeid.split("[")[0], []).append(item)
    chosen = []
    for group in functions.values():
        picked = _preferred(group, SAMPLES)
        modes: dict[str, list[pytest.Item]] = {}
        for item in group:
            modes.setdefault(" ".join(MODE.findall(item.nodeid)), []).append(item)
        seen = {" ".join(MODE.findall(item.nodeid)) for item in picked}
        chosen += picked + [_preferred(rest, 1)[0] for mode, rest in modes.items() if mode not in seen]
    return chosen


def _preferred(group: list[pytest.Item], count: int) -> list[pytest.Item]:
    full = [i for i in group if not HALF.search(i.nodeid)]
    half = [i for i in group if HALF.search(i.nodeid)]
    strict = min(len(full), max(count - count // SAMPLES, count - len(half)))
    return spread(full, strict) + spread(half, count - strict)


def spread(group: list[pytest.Item], count: int) -> list[pytest.Item]:
    """Some of a list, evenly."""
    count = min(count, len(group))
    return [group[(2 * i + 1) * len(group) // (2 * count)] for i in range(count)]


def run(
    sample: bool, word: str = "", mode: str = "", share: tuple[int, int] = (0, 1), log: Path | None = None
) -> list[dict[str, Any]]:
    """Runs the tests in this process and returns one record for each, which is also appended to the log at once.

    Records that the log has already are returned too, and their tests not run again.
    """
    os.environ.update(SETTINGS)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    plugin = Plugin(sample, word, mode, share, log)
    arguments = [str(tests_folder()), "-p", "no:cacheprovider", "-p", "no:terminal", "-W", "ignore"]
    arguments += ["-c", os.devnull, "--rootdir", str(tests_folder()), "-k", word]
    pytest.main(arguments, plugins=[plugin])
    return plugin.results


def summary(results: list[dict[str, Any]]) -> str:
    """Counts by kind, every reason with its count, and what failed."""
    kinds = Counter(r["kind"] for r in results)
    lines = ["  ".join(f"{kind}: {kinds[kind]}" for kind in KINDS)]
    for kind in ("excluded", "skipped by Apple"):
        reasons = Counter(r["reason"] for r in results if r["kind"] == kind)
        lines += [f"{kind}, {count}: {reason}" for reason, count in sorted(reasons.items())]
    lines += [f"FAILED {r['test']}\n{r['reason']}" for r in results if r["kind"] == "failed"]
    return "\n".join(lines)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--all", action="store_true", help="every test")
    choice.add_argument("--sample", action="store_true", help="at least three of every test function")
    parser.add_argument("-k", default="", dest="word", help="only tests whose name contains this")
    parser.add_argument("--mode", default="", help="float64, float32 or float16; else what the program computes in")
    parser.add_argument("--share", default="0/1", help="the part of the tests to run, as 0/2 and 1/2")
    parser.add_argument("--log", type=Path, help="a line of JSON for every test; those it has are not run again")
    options = parser.parse_args()
    part, parts = (int(n) for n in options.share.split("/"))
    results = run(options.sample, options.word, options.mode, (part, parts), options.log)
    print(summary(results))
    return 1 if not results or any(r["kind"] == "failed" for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
