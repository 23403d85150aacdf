"""What is shown while work goes on: stages, batches, engines, the time so far, what may be left, and where it went."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from kexport.cli import progress as shown
from kexport.cli.command import State
from kexport.cli.watch import Watch, clock_text
from kexport.verify.told import told
from kexport.workflows.progress import tell_batches, tell_runtimes
from tests.cli.conftest import Run
from tests.cli.fakes import FakeReport


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock) -> Watch:
    return Watch(clock)


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0:00"), (59.6, "1:00"), (80, "1:20"), (3_725, "1:02:05")])
def test_a_clock(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


def test_time_is_counted_by_stage(watch: Watch, clock: Clock) -> None:
    for stage, seconds in (
        ("capture", 2),
        ("optimize", 1),
        ("legalize", 0.5),
        ("emit", 0.5),
        ("reference", 70),
        ("emit", 1),
        ("verify", 4),
    ):
        watch(stage, "m", None)
        clock.now += seconds
    watch.stop()
    clock.now += 1000
    assert watch.seconds == {"capture": 3, "emit": 2, "reference": 70, "verify": 4}
    assert watch.took == "took 1:19: capture 3.0 s, emit 2.0 s, reference 70.0 s, verify 4.0 s"


def test_short_work_does_not_say_how_long_it_took(watch: Watch, clock: Clock) -> None:
    watch("verify", "onnx", 0.0)
    clock.now += 0.9
    watch.stop()
    assert watch.took == ""


def test_what_is_left_is_told_where_it_can_be_known(watch: Watch, clock: Clock) -> None:
    watch("reference", "net, sizes of batches", None)
    clock.now += 100
    assert watch.described == "reference net, sizes of batches, 1:40"
    tell = tell_batches(watch, "net")
    tell("float64", 1, 4)
    clock.now += 30
    assert watch.described == "reference net, float64 on batch 1 of 4, 2:10"
    tell("float64", 2, 4)
    assert watch.described == "reference net, float64 on batch 2 of 4, 2:10, about 1:30 more"
    tell("rounding", 1, 4)
    assert watch.described == "reference net, rounding on batch 1 of 4, 2:10"


def test_engines_are_told_by_name(watch: Watch, clock: Clock) -> None:
    tell_runtimes(watch, "onnx", 1, 4)("onnxruntime-cuda", 2, 2)
    assert (watch.subject, watch.detail, watch.fraction) == ("onnx", "onnx, in onnxruntime-cuda", 0.375)


def test_each_thing_is_told_before_its_turn() -> None:
    said: list[Any] = []
    for item in told(("a", "b"), lambda *turn: said.append(turn), str.upper):
        said.append(item)
    assert said == [("A", 1, 2), "a", ("B", 2, 2), "b"]


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], io.StringIO]:
    """Replaces stderr by a text, in the manner of a terminal or not."""

    def replace(terminal: bool) -> io.StringIO:
        text = io.StringIO()
        console = Console(file=text, width=100, force_terminal=terminal)
        monkeypatch.setattr(shown, "stderr", lambda: console)
        return text

    return replace


def test_a_pipe_gets_a_line_for_each_thing_worked_on(stderr: Callable[[bool], io.StringIO]) -> None:
    text = stderr(False)
    with shown.progress(State()) as tell:
        tell("capture", "m.keras", None)
        for number in (1, 2, 3):
            tell_batches(tell, "net")("Keras", number, 3)
        for name in ("onnxruntime-cpu", "onnxruntime-cuda"):
            tell("verify", f"onnx, in {name}", 0.5)
        tell("verify", "tflite, in litert-xnnpack", 0.8)
    assert text.getvalue().splitlines() == ["capture m.keras", "reference net", "verify onnx", "verify tflite"]


def test_a_pipe_hears_from_time_to_time_of_a_long_stage(
    stderr: Callable[[bool], io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = stderr(False)
    spoken = threading.Event()
    monkeypatch.setattr(shown, "BEAT", 0.02)
    write = text.write
    monkeypatch.setattr(text, "write", lambda s: (spoken.set() if s.startswith("still") else None, write(s))[1])
    with shown.progress(State()) as tell:
        tell_batches(tell, "net")("float64", 3, 4)
        assert spoken.wait(20)
    lines = text.getvalue().splitlines()
    assert lines[0] == "reference net"
    assert lines[1].startswith("still: reference net, float64 on batch 3 of 4, 0:0")
    assert not [t for t in threading.enumerate() if t is not threading.main_thread() and "beat" in t.name]


def test_a_terminal_sees_batches_and_engines(stderr: Callable[[bool], io.StringIO]) -> None:
    text = stderr(True)
    with shown.progress(State()) as tell:
        tell_batches(tell, "net")("float64", 2, 4)
        tell("verify", "onnx, in onnxruntime-cpu", 0.5)
    assert "verify onnx, in onnxruntime-cpu" in text.getvalue()


def test_a_narrow_terminal_sees_what_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    console = Console(file=text, width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(shown, "stderr", lambda: console)
    with shown.progress(State()) as tell:
        tell_batches(tell, "a_network_with_a_name_that_is_too_long")("more rounding", 12, 16)
    assert "reference more rounding on batch 12 of 16" in text.getvalue()


def test_quiet_says_nothing(stderr: Callable[[bool], io.StringIO]) -> None:
    text = stderr(False)
    state = State(quiet=True)
    with shown.progress(state) as tell:
        tell("verify", "onnx", 0.5)
    tell.seconds["verify"] = 60
    shown.print_took(state, tell)
    assert text.getvalue() == ""


def test_the_last_line_says_where_the_time_went(run: Run, report: FakeReport, monkeypatch: pytest.MonkeyPatch) -> None:
    def export(*args: Any, progress: Watch, **how: Any) -> FakeReport:
        progress("capture", "m", None)
        progress.seconds |= {"capture": 61.0, "verify": 4.5}
        return report

    monkeypatch.setattr("kexport.workflows.export", export)
    done = run("export", "m.keras")
    assert done.stderr.splitlines()[-1] == "took 1:06: capture 61.0 s, verify 4.5 s"
    assert "took" not in done.stdout
    assert "took" not in run("export", "m.keras", "-q").output


@pytest.mark.skipif(sys.platform == "win32", reason="threads of other kinds")
def test_no_thread_outlives_an_error(stderr: Callable[[bool], io.StringIO]) -> None:
    stderr(False)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), shown.progress(State()):
        raise KeyboardInterrupt
    assert threading.active_count() == before
