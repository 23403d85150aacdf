"""Writes the API reference from the docstrings: `python -m tests.apidoc FOLDER`, or `make docs`."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import kexport
from tests.house.modules import modules


def write(folder: Path) -> Path:
    """Write a page per module of kexport and of the targets; returns the first page."""
    import pdoc

    # pdoc reads a module's dictionary, in which the public names stand only after their first use.
    for name in kexport.__all__:
        setattr(kexport, name, getattr(kexport, name))
    pdoc.render.configure(docformat="google", show_source=False, footer_text=f"kexport {kexport.__version__}")
    with warnings.catch_warnings():
        # pdoc evaluates a dataclass's annotations outside their module, warns, and then prints them as they stand.
        warnings.filterwarnings("ignore", message="Error parsing type annotation")
        pdoc.pdoc(*documented(), output_directory=folder)
    return folder / "index.html"


def documented() -> list[str]:
    """The names of the modules that get a page; `__main__` would run the command line."""
    return [name for name in modules() if not name.endswith("__main__")]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder to write to")
    print(write(parser.parse_args().folder))
