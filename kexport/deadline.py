"""Limits the time for reading a stranger's file in this process.

An alarm ends the block by an exception that is no `Exception`, so that few handlers catch it, and is repeated if one
did. It cannot interrupt native code. On the command line, whose process is ours to end, a thread then prints what
happened and ends the process with exit code 2; if native code keeps even threads from running, Python's `faulthandler`
ends it with exit code 1. A program that uses kexport as a library is never ended.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import TypeVar

from kexport.errors import CaptureError, KexportError
from kexport.printable import one_line

T = TypeVar("T")
AGAIN = 5.0
"""Seconds after which the alarm is repeated."""
GRACE = 20.0
"""Seconds that the alarm has to take effect before the process is ended."""
_OURS: ContextVar[bool] = ContextVar("_OURS", default=False)


class Clock:
    """What is left of the seconds that a whole piece of work may take."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.left_out = 0
        """How many pieces were left out, as the time did not suffice for them."""
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds; one at least, as no time limit can be 0."""
        return max(self._end - time.monotonic(), 1.0)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._end

    def within(self, items: Iterable[T], count: int, share: float) -> Iterator[T]:
        """Yield items while a share of what is left suffices for one more like those before; the first one always."""
        start = time.monotonic()
        allowed = share * self.left
        for done, item in enumerate(items):
            passed = time.monotonic() - start
            if done and passed + passed / done > allowed:
                self.left_out += count - done
                return
            yield item

    @property
    def shortage(self) -> str:
        """What is to be said where pieces were left out; else nothing."""
        return f"the time (--timeout {self.seconds:g}) did not suffice for all batches" if self.left_out else ""


class Late(BaseException):
    """The time is over. Every deadline raises a subclass of its own, which tells its alarm from that of another."""


@contextmanager
def deadline(
    seconds: float | None, what: str, error: type[KexportError] = CaptureError, where: str | None = None
) -> Generator[None]:
    """End the block after a number of seconds.

    Args:
        seconds: None for no limit.
        what: what takes so long, for the message: `reading the model`.
        error: the exception to raise.
        where: the file.

    Raises:
        error: the block was not done in time.
    """
    if seconds is None:
        yield
        return
    late: type[Late] = type("Late", (Late,), {})
    message = f"{what} takes longer than {seconds:g} s"
    try:
        with ExitStack() as stack:
            if _OURS.get():
                stack.enter_context(_last_resort(seconds + GRACE, f"{where}: {message}" if where else message))
            stack.enter_context(_alarm(seconds, late))
            yield
    except late:
        raise error(message, where=where, hint="allow more with --timeout, if it is worth that") from None


@contextmanager
def process_is_ours() -> Generator[None]:
    """Allow deadlines inside to end the process if nothing else helps."""
    token = _OURS.set(True)
    try:
        yield
    finally:
        _OURS.reset(token)


@contextmanager
def _alarm(seconds: float, late: type[Late]) -> Generator[None]:
    """Raise `late` in this thread after some seconds, and again while the block lasts."""
    can_signal = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    with _by_signal(seconds, late) if can_signal else _by_thread(seconds, late):
        yield


@contextmanager
def _by_signal(seconds: float, late: type[Late]) -> Generator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise late

    if 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= seconds:
        yield  # the alarm of a block around this one comes first
        return
    start = time.monotonic()
    handler = signal.signal(signal.SIGALRM, ring)
    before, again = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:  # an alarm may have come right before this line; none comes in the next seconds
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if before:  # of a block around this one
            signal.setitimer(signal.ITIMER_REAL, max(before - (time.monotonic() - start), 1e-3), again)


@contextmanager
def _by_thread(seconds: float, late: type[Late]) -> Generator[None]:
    """Do the same without signals: a thread asks the interpreter to raise it."""
    done = threading.Event()
    guard = threading.Lock()
    thread = ctypes.c_ulong(threading.get_ident())

    def ring() -> None:
        wait = seconds
        while not done.wait(wait):
            with guard:
                if not done.is_set():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(late))
            wait = AGAIN

    threading.Thread(target=ring, daemon=True).start()
    try:
        yield
    finally:
        with guard:
            done.set()
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)  # one that is on its way


@contextmanager
def _last_resort(seconds: float, message: str) -> Generator[None]:
    """End the process if the alarm has no effect for some seconds."""
    done = threading.Event()
    errors = _descriptor()

    def end() -> None:
        if not done.wait(seconds):
            os.write(errors, f"error: {one_line(message)}, and cannot be interrupted\n".encode())
            os._exit(CaptureError.exit_code)

    threading.Thread(target=end, daemon=True).start()
    faulthandler.dump_traceback_later(seconds + GRACE, exit=True, file=errors)
    try:
        yield
    finally:
        done.set()
        faulthandler.cancel_dump_traceback_later()


def _descriptor() -> int:
    """The file descriptor of stderr, independent of `sys.stderr`."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError):
        return 2
