"""A time limit holds, whatever takes the time, and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from kexport import deadline as module
from kexport.deadline import Late, deadline, process_is_ours
from kexport.errors import CaptureError, KexportError, VerifyError


def spin() -> None:
    while True:
        pass


def sleep() -> None:
    time.sleep(60)


def swallow() -> None:
    while True:
        with suppress(Exception):
            time.sleep(0.01)


def wait() -> None:
    threading.Event().wait(60)


def child() -> None:
    subprocess.run([sys.executable, "-S", "-c", "import time; time.sleep(60)"], check=False)


@pytest.mark.parametrize("work", [spin, sleep, swallow, wait, child])
def test_the_block_ends(work: Callable[[], None]) -> None:
    start = time.monotonic()
    with (
        pytest.raises(CaptureError, match=r"reading it takes longer than 0\.3 s") as caught,
        deadline(0.3, "reading it", where="m.keras"),
    ):
        work()
    assert time.monotonic() - start < 3
    assert (caught.value.where, caught.value.hint) == ("m.keras", "allow more with --timeout, if it is worth that")
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_it_comes_again_where_it_was_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.2)

    def swallow_once() -> None:
        with suppress(Late):
            spin()
        spin()

    with pytest.raises(CaptureError), deadline(0.2, "reading it"):
        swallow_once()


def test_what_is_done_in_time_is_left_alone() -> None:
    with deadline(0.3, "reading it"):
        pass
    with deadline(None, "reading it"):
        pass
    time.sleep(0.4)


def test_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), deadline(5, "reading it"):
        raise ZeroDivisionError


@pytest.mark.parametrize(("outer", "inner", "error"), [(0.3, 30.0, VerifyError), (30.0, 0.3, CaptureError)])
def test_one_inside_another(outer: float, inner: float, error: type[KexportError]) -> None:
    with pytest.raises(error), deadline(outer, "all", VerifyError), deadline(inner, "a part", CaptureError):
        spin()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_the_outer_one_goes_on_after_the_inner_one() -> None:
    start = time.monotonic()

    def work() -> None:
        with deadline(30, "a part"):
            time.sleep(0.2)
        spin()

    with pytest.raises(VerifyError), deadline(0.6, "all", VerifyError):
        work()
    assert 0.5 < time.monotonic() - start < 3


@pytest.mark.parametrize("work", [spin, swallow])
def test_in_another_thread(work: Callable[[], None]) -> None:
    found: list[BaseException] = []

    def run() -> None:
        try:
            with deadline(0.3, "reading it"):
                work()
        except (KexportError, Late) as e:
            found.append(e)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(10)
    assert [type(e) for e in found] == [CaptureError]


def test_in_another_thread_that_is_done_in_time() -> None:
    found: list[int] = []

    def run() -> None:
        with deadline(0.2, "reading it"):
            pass
        time.sleep(0.5)
        found.append(sum(range(100_000)))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(10)
    assert found == [sum(range(100_000))]


NATIVE = """
import ctypes, signal, time
from kexport import deadline as module
from kexport.deadline import deadline, process_is_ours
module.GRACE = 0.3
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
library = ctypes.{library}(None)
with {block}, deadline(0.3, "reading the model", where="m\\x1b.keras"):
    for _ in range(20):
        library.usleep(500_000)
"""


def native(library: str, block: str) -> subprocess.CompletedProcess[str]:
    """A process in which native code takes ten seconds and lets no signal through."""
    code = NATIVE.format(library=library, block=block)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


def test_native_code_that_does_not_return_ends_our_process() -> None:
    start = time.monotonic()
    done = native("CDLL", "process_is_ours()")
    assert done.returncode == 2
    assert done.stderr == "error: m\\x1b.keras: reading the model takes longer than 0.3 s, and cannot be interrupted\n"
    assert time.monotonic() - start < 8


def test_native_code_that_keeps_threads_from_running_ends_it_too() -> None:
    code = NATIVE.format(library="PyDLL", block="process_is_ours()").replace("usleep(500_000)", "usleep(9_000_000)")
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "Timeout" in done.stderr
    assert time.monotonic() - start < 8


def test_a_process_that_is_not_ours_goes_on() -> None:
    code = NATIVE.format(library="CDLL", block="module.deadline(None, '')").replace("range(20)", "range(4)")
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode
    assert done == 0, "the alarm was masked, and all was done in the end"


def test_it_is_ours_inside_only() -> None:
    assert not module._OURS.get()
    with process_is_ours():
        assert module._OURS.get()
    assert not module._OURS.get()
