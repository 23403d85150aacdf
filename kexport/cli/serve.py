"""`kexport serve`: serves a page that checks artifacts in any browser that opens it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from kexport.cli.command import State, subcommand
from kexport.cli.export import print_outcome
from kexport.cli.shared import arguments, check_options
from kexport.errors import ConfigError

LOCAL = "127.0.0.1"
EVERYWHERE = "0.0.0.0"


@subcommand(
    "serve",
    "Check artifacts in the browser of a phone.",
    ("for phones in the same network", "kexport serve dist/ --lan"),
    ("for a browser on this machine", "kexport serve check.zip"),
    ("one browser, then end with its verdict", "kexport serve dist/model.tfjs --lan --once --json"),
)
@click.argument("dist")
@click.option("--lan", is_flag=True, help="Listen to the whole network, not to this machine alone.")
@click.option("--host", metavar="ADDRESS", help="Listen at this address.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="Default: any free one.")
@click.option("--once", is_flag=True, help="End after the first verdict, with its exit code.")
@click.option("--name", help="Which model, if DIST holds several.")
@click.option("--reference", metavar="FILE", help="Reference to compare with. Default: the one in DIST.")
@check_options
def command(
    state: State, dist: str, lan: bool, host: str | None, port: int, once: bool, name: str | None, **rest: Any
) -> int:
    """Serve a page that runs the artifacts of DIST in the browser that opens it.

    DIST is a folder that `kexport export` wrote, one artifact in it, or a bundle. The page sends the artifact's
    outputs; they are judged here, and the verdict is printed here and shown there. The address holds a secret, without
    which nothing is served. Ctrl-C ends the server; the exit code is 1 if any verdict was bad.
    """
    if lan and host:
        raise ConfigError("--lan and --host contradict each other", hint="use one of them")
    if state.data and not once:
        raise ConfigError("--json prints one document, hence one verdict", hint="add --once")
    from kexport.replay.serve import serving

    place = host or (EVERYWHERE if lan else LOCAL)
    with serving(dist, host=place, port=port, name=name, **arguments(rest)) as running:
        where = "in any browser that can reach this machine" if place != LOCAL else "in a browser on this machine"
        click.echo(f"open {running.url} {where}", err=state.data or state.quiet)
        return _print_all(running.outcomes(), once, state)


def _print_all(outcomes: Iterable[Any], once: bool, state: State) -> int:
    """Print every outcome until the user stops; return the worst exit code."""
    worst = 0
    try:
        for outcome in outcomes:
            if outcome.report is None:
                click.echo(f"{outcome.visitor}: {outcome.problem}", err=True)
                continue
            worst = max(worst, print_outcome(outcome.report, state))
            if once:
                break
    except KeyboardInterrupt:
        if once:
            raise
    return worst
