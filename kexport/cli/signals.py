"""SIGTERM and SIGHUP end a command as Ctrl-C does: what it has begun is cleaned up, and its processes end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NAMES = ("SIGTERM", "SIGHUP")


class Ended(KeyboardInterrupt):
    """The process was told to end."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a shell says of a process that a signal ended: 128 and its number."""
        return 128 + self.number


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raises `Ended` in the block where a signal would end the process without more ado.

    Signals that are ignored, as under nohup, stay so. The first one counts: others do not disturb the cleaning up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    ours = [number for number in found if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, frame: FrameType | None) -> None:
        for other in ours:
            signal.signal(other, signal.SIG_IGN)
        raise Ended(number)

    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
