"""The program of a bundle: `python check.zip --help`. It needs Python 3.11, NumPy and an engine, nothing of kexport.

Any Python must get far enough to print that it is too old: hence no annotations and no f-strings.
"""

import json
import os
import sys
import tempfile
import zipfile

CODE = "code/"
USAGE = 3


def refuse(what, hint):  # type: (str, str) -> int
    """Print what is missing on stderr, and as JSON if requested."""
    sys.stderr.write("error: " + what + "\n  hint: " + hint + "\n")
    if "--json" in sys.argv:
        failure = {"kind": "ConfigError", "what": what, "code": USAGE, "hint": hint}
        sys.stdout.write(json.dumps({"error": failure}, indent=2) + "\n")
    return USAGE


def main(bundle):  # type: (str) -> int
    """Unpack the code of a bundle while it runs, and check the rest with it."""
    if sys.version_info < (3, 11):  # noqa: UP036  any Python may be asked to run this
        found = sys.version.split()[0]
        return refuse("this check needs Python 3.11 or newer, this is " + found, "run it with a newer Python")
    try:
        import numpy  # type: ignore  # noqa: F401
    except ImportError as e:
        return refuse("NumPy cannot be imported: " + str(e), (sys.executable or "python3") + " -m pip install numpy")
    with tempfile.TemporaryDirectory(prefix="kexport-") as folder:
        with zipfile.ZipFile(bundle) as archive:
            archive.extractall(folder, [name for name in archive.namelist() if name.startswith(CODE)])
        sys.path[0] = os.path.join(folder, CODE.rstrip("/"))
        from kexport.cli.replay import main as replay

        return replay(bundle, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[0]))
