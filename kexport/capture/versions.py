"""The versions of Keras and TensorFlow that kexport runs beside; loads neither of them."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from kexport.errors import CaptureError, ConfigError

Version = tuple[int, int]
"""Major and minor, as in (3, 15)."""

OLDEST: Mapping[str, Version] = {"keras": (3, 3), "tensorflow": (2, 16)}
"""What is older is refused: names that capture needs are not there yet."""

TESTED: Mapping[str, tuple[Version, ...]] = {
    "keras": ((3, 3), (3, 6), (3, 8), (3, 10), (3, 12), (3, 15)),
    "tensorflow": ((2, 16), (2, 18), (2, 19), (2, 20), (2, 21)),
}
"""The minor versions that `python -m tests.versions` runs, by package."""

TITLES: Mapping[str, str] = {"keras": "Keras", "tensorflow": "TensorFlow", "tf_keras": "tf_keras"}
UPGRADE = "pip install -U 'keras>=3.3' 'tensorflow>=2.16' 'tf_keras>=2.16'"


def minor(text: str) -> Version:
    """Major and minor of a version as packages write it; (0, 0) of what is none."""
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def running(package: str) -> Version:
    """The version of a package that is loaded; (0, 0) where it is not."""
    return minor(str(getattr(sys.modules.get(package), "__version__", "")))


def standing(package: str, text: str) -> str:
    """What is known of a version: `tested`, `untested` (between tested ones), `newer than tested` or `too old`."""
    found = minor(text)
    if found in TESTED[package]:
        return "tested"
    if found < OLDEST[package]:
        return "too old"
    return "newer than tested" if found > max(TESTED[package]) else "untested"


def all_tested() -> bool:
    """Whether the versions that are loaded are tested ones."""
    return all(running(package) in known for package, known in TESTED.items())


def written(found: Version) -> str:
    """A version as text."""
    return ".".join(map(str, found))


def refuse_old(package: str, text: str) -> None:
    """Refuse a version that is too old.

    Raises:
        ConfigError: says which one is needed, and how to get it.
    """
    if standing(package, text) == "too old":
        oldest = written(OLDEST[package])
        raise ConfigError(
            f"{TITLES[package]} {text} is installed; kexport needs {TITLES[package]} {oldest} or newer", hint=UPGRADE
        )


def refuse_old_running() -> None:
    """Refuse Keras and TensorFlow where one that is loaded is too old.

    Raises:
        ConfigError: see `refuse_old`.
    """
    for package in OLDEST:
        if package in sys.modules:
            refuse_old(package, str(sys.modules[package].__version__))


def lacking(error: ImportError) -> CaptureError:
    """What to say where a part of Keras or TensorFlow that kexport builds on is not there."""
    here = ", ".join(f"{TITLES[package]} {written(running(package))}" for package in TESTED)
    newest = " ".join(f"'{package}<={written(max(known))}.99'" for package, known in TESTED.items())
    return CaptureError(f"kexport cannot work beside {here}: {error}", hint=f"pip install {newest}")


def remark(package: str, text: str) -> str | None:
    """One line about a version that was not tested, None for one that was."""
    state = standing(package, text)
    if state == "tested":
        return None
    known = ", ".join(map(written, TESTED[package]))
    return (
        f"{TITLES[package]} {text} is {state} (tested: {known}): what kexport does not know of it is lowered from its "
        "ops, and verification compares with it"
    )
