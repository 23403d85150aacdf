"""Exchanges the contents of two paths atomically, if the system can."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

_FLAGS = {"linux": ("renameat2", 2), "darwin": ("renameatx_np", 2)}
"""The system's function, and its flag that exchanges: RENAME_EXCHANGE, RENAME_SWAP."""
_HERE = {"linux": -100, "darwin": -2}
"""AT_FDCWD, which stands for the working directory."""
_UNABLE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}
"""The errors of kernels and file systems that cannot."""


def exchange(one: Path, other: Path) -> bool:
    """Exchange two files or folders of one file system; return False, with nothing done, if that is not atomic.

    Raises:
        OSError: one of them is not there, or may not be moved.
    """
    name, flag = _FLAGS.get(sys.platform, ("", 0))
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None) if name else None
    if function is None:
        return False
    here = _HERE[sys.platform]
    if function(here, os.fsencode(one), here, os.fsencode(other), ctypes.c_uint(flag)) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNABLE:
        return False
    raise OSError(code, os.strerror(code), str(one), None, str(other))
