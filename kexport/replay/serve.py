"""Checks artifacts in the browsers that visit: each runs them, and the outputs are judged here."""

from __future__ import annotations

import dataclasses
import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kexport.errors import ConfigError, KexportError
from kexport.proof.artifact import Check
from kexport.replay.agent import browser_of, plain_words
from kexport.replay.server import LOCAL, Server
from kexport.replay.visit import Left, Visit
from kexport.target import Runtime, find_target
from kexport.verify.status import Verdict, overall_status
from kexport.workflows.bundle import is_bundle
from kexport.workflows.manifest import ArtifactEntry
from kexport.workflows.report import ArtifactReport, ExportReport
from kexport.workflows.verifying import Job, check_job, kept, read_job, replayed, unpacked

_FAREWELL = 5.0
"""Seconds that a page has to fetch its verdict before the server stops."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of one visit: a report, or why there is none."""

    visitor: str
    report: ExportReport | None = None
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class Serving:
    """A server that waits for browsers."""

    server: Server
    job: Job
    check: Check
    plan: tuple[tuple[ArtifactEntry, Runtime], ...]
    """The runtimes to run in every browser, in this order."""

    @property
    def url(self) -> str:
        """The address to open."""
        return self.server.url

    def outcomes(self) -> Iterator[Outcome]:
        """Check in one browser after the other, for as long as the caller iterates."""
        while True:
            try:
                visit = self.server.arrivals.get(timeout=0.5)
            except queue.Empty:
                continue
            yield self._outcome(visit)

    def _outcome(self, visit: Visit) -> Outcome:
        visitor = f"{visit.host}, {browser_of(visit.agent)}"
        try:
            report = replayed(self._report(visit))
            if not is_bundle(self.job.shown):
                report = kept(report, self.job.folder, self.job.model)
        except Left:
            return Outcome(visitor, problem="the page was closed before the end")
        except KexportError as e:
            visit.tell(f"Stopped: {plain_words(e.what, 300)}", done=True)
            visit.read.wait(_FAREWELL)
            return Outcome(visitor, problem=e.what)
        finally:
            visit.opened.clear()
        visit.tell("Done: everything that ran is right." if report.ok else "Done: something is wrong.", done=True)
        visit.read.wait(_FAREWELL)
        return Outcome(visitor, report)

    def _report(self, visit: Visit) -> ExportReport:
        found: dict[str, list[ArtifactReport]] = {}
        rows: list[list[str]] = []
        for artifact, runtime in self.plan:
            check = dataclasses.replace(self.check, runtimes=[runtime.name], run=visit.run)
            report = check_job(dataclasses.replace(self.job, artifacts=(artifact,)), check).artifacts[0]
            found.setdefault(artifact.target, []).append(report)
            rows += [_row(v) for v in report.verdicts]
            visit.tell(visit.state, rows=rows)
        model = self.job.model
        return ExportReport(model.name, model.contract, tuple(_together(reports) for reports in found.values()))


@contextmanager
def serving(
    dist: str | Path,
    *,
    host: str = LOCAL,
    port: int = 0,
    name: str | None = None,
    reference: str | Path | None = None,
    tolerance: Mapping[str, float] | None = None,
    timeout: float = 300.0,
) -> Iterator[Serving]:
    """Serve a folder that `export` wrote, one artifact in it, or a bundle, until the block ends.

    Args:
        dist, name, reference, tolerance, timeout: as for `verify`.
        host: the address to listen at.
        port: 0 for any free one.

    Raises:
        ConfigError: nothing there runs in a browser, or the address cannot be bound.
        VerifyError: the manifest, the reference or the bundle is damaged.
    """
    with unpacked(Path(dist)) as path:
        job = read_job(path, Path(dist), name, reference, timeout)
        plan = _plan(job)
        server = Server(host, port)
        try:
            yield Serving(server, job, Check(tolerances=tolerance, timeout=timeout), plan)
        finally:
            server.close()


def _plan(job: Job) -> tuple[tuple[ArtifactEntry, Runtime], ...]:
    """The runtimes with a page, for every artifact."""
    runtimes = [(a, r) for a in job.artifacts for r in find_target(a.target).runtimes() if r.on_request]
    plan = tuple((a, r) for a, r in runtimes if r.page() is not None)
    if not runtimes:
        raise ConfigError("none of these artifacts runs in a browser", where=str(job.shown), hint="export to tfjs too")
    if not plan:
        raise ConfigError("what runs in a browser is not installed", hint=runtimes[0][1].how_to_install)
    return plan


def _together(reports: list[ArtifactReport]) -> ArtifactReport:
    """Merge the reports on one artifact in several runtimes."""
    verdicts = tuple(v for report in reports for v in report.verdicts)
    return dataclasses.replace(reports[0], status=overall_status(verdicts).value, verdicts=verdicts)


def _row(verdict: Verdict) -> list[str]:
    worst = verdict.worst
    error = f", largest error {worst.metrics.max_abs:.2g} of {worst.tolerance.atol:.2g}" if worst else ""
    return [verdict.status.value, f"{verdict.artifact} in {verdict.runtime or verdict.target}", verdict.reason + error]
