"""A worker that sleeps: `python -m tests.cli.sleeper FOLDER` leaves its number in the folder first."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    (Path(sys.argv[1]) / "pid").write_text(str(os.getpid()))
    time.sleep(600)
