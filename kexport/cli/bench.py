"""`kexport bench`: times artifacts in their runtimes on this machine."""

from __future__ import annotations

from typing import Any

import click

from kexport.cli.command import State, print_json, subcommand
from kexport.cli.progress import progress
from kexport.cli.shared import timeout_option
from kexport.cli.values import read_dims, read_numbers, read_targets

COLUMNS = ("target", "runtime", "threads", "median", "p95", "first", "load", "with start", "memory", "size")


@subcommand(
    "bench",
    "Measure the latency of exported artifacts.",
    ("everything that can run here; needs no Keras", "kexport bench dist/"),
    ("one artifact with one and with two threads", "kexport bench dist/model.tflite --threads 1,2"),
    ("two runtimes, side by side", "kexport bench dist/ --runtime onnxruntime-cpu,litert-xnnpack --runs 200"),
    ("in a headless browser as well", "kexport bench dist/ --browser"),
    ("with a larger batch", "kexport bench dist/ --dim batch=8"),
    ("in a script", "kexport bench dist/ --json > bench.json"),
)
@click.argument("dist")
@click.option("--name", help="Which model, if DIST holds several.")
@click.option("--runtime", "runtimes", multiple=True, metavar="NAME,...", help="Default: all that need no browser.")
@click.option("--threads", default="1", show_default=True, metavar="N,...", help="Numbers of threads to try.")
@click.option(
    "--runs", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="Measured runs of each."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="Stop one after this time and at least five runs.",
)
@click.option("--dim", multiple=True, metavar="DIM=SIZE", help="Size of a dynamic dimension. Default: batch=1.")
@timeout_option("For loading, and for each turn.")
@click.option("--browser", is_flag=True, help="Run artifacts in a headless Chrome or Chromium, too.")
def command(
    state: State, dist: str, runtimes: tuple[str, ...], threads: str, dim: tuple[str, ...], **rest: Any
) -> None:
    """Measure how fast artifacts are in their runtimes on this machine.

    DIST is a folder that `kexport export` wrote, or one artifact in it. Each artifact, runtime and number of threads
    gets a warm process of its own; they take turns. The measurements are kept in kexport.bench.json beside the
    manifest, for `kexport report`.
    """
    chosen = {"runtimes": read_targets(runtimes), "threads": read_numbers("--threads", threads), "dims": read_dims(dim)}
    from kexport.workflows import bench

    with progress(state) as show:
        report = bench(dist, progress=show, **chosen, **rest)
    if state.data:
        print_json(report.to_json())
    elif not state.quiet:
        _print(report)


def _print(report: Any) -> None:
    from kexport.cli.render import print_fitting_table, stdout

    timed = [r for r in report.rows if r.timing.status == "ok"]
    if timed:
        drop = ("size", "with start", "load", "first", "memory")
        print_fitting_table(COLUMNS, [_cells(r) for r in timed], COLUMNS[2:], drop=drop)
    console = stdout()
    reasons: dict[str, list[str]] = {}
    for row in report.rows:
        if row.timing.status != "ok":
            names = reasons.setdefault(f"{row.timing.status}: {row.timing.message}", [])
            names += [n for n in (f"{row.target} in {row.runtime}",) if n not in names]
    for reason, names in reasons.items():
        console.print(f"{', '.join(names)}: {reason}", markup=False, soft_wrap=True)
    sizes = ", ".join(f"{symbol} {size}" for symbol, size in report.sizes.items())
    host = report.host
    where = ", ".join(part for part in (host["processor"], f"{host['cores']} cores", host["system"]) if part)
    console.print(f"{report.name}: {len(timed)} timed{f' at {sizes}' if sizes else ''} on {where}", markup=False)


def _cells(row: Any) -> list[str]:
    from kexport.report.words import seconds_text, size_text

    t = row.timing
    times = [seconds_text(s) for s in (t.median, t.p95, t.first, t.load, t.start)]
    memory = size_text(t.peak_bytes) if t.peak_bytes else "-"
    return [row.target, f"{row.runtime} {row.version}".strip(), str(row.threads), *times, memory, size_text(row.size)]
