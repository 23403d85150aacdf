"""Exchanges what lies at two paths in one step, where the system can do that."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

_FLAGS = {"linux": ("renameat2", 2), "darwin": ("renameatx_np", 2)}
"""The system's function, and its flag that exchanges: RENAME_EXCHANGE, RENAME_SWAP."""
_HERE = {"linux": -100, "darwin": -2}
"""AT_FDCWD, a folder that stands for the working directory."""
_UNABLE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}
"""What a kernel or a file system answers that cannot."""


def exchange(one: Path, other: Path) -> bool:
    """Let two files or folders of one file system change places; False, and nothing done, where that is no one step.

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
