"""Reads artifacts back, and turns any exception that a reader raises on malformed bytes into one kind of error."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kexport.errors import EmitError, KexportError
from kexport.ir.contract import Contract
from kexport.target import Target


def check_format(target: Target, path: Path) -> None:
    """Run the checker of a format.

    Raises:
        EmitError: the artifact is not valid, or so damaged that reading it ends in any other error.
    """
    with _damage(path):
        target.validate(path)


def read_back(target: Target, path: Path) -> Contract:
    """Read the contract of an artifact.

    Raises:
        EmitError: the artifact is not valid, or so damaged that reading it ends in any other error.
    """
    with _damage(path):
        return target.read_contract(path)


def parts_of(target: Target, path: Path) -> list[Path]:
    """List the files that an engine reads when it loads an artifact.

    Raises:
        EmitError: the artifact names a file outside of its folder, or is too damaged to tell.
    """
    with _damage(path):
        return target.parts(path)


def facts_of(target: Target, path: Path) -> Mapping[str, Any]:
    """Read what an artifact states about itself besides its contract.

    Raises:
        EmitError: the artifact is too damaged to tell.
    """
    with _damage(path):
        return target.facts(path)


@contextmanager
def _damage(path: Path) -> Generator[None]:
    """Turn any exception that a reader raises on malformed bytes into an EmitError."""
    try:
        yield
    except (KexportError, ImportError):
        raise
    except RecursionError as e:
        raise EmitError("it is damaged: it is nested too deep", where=str(path)) from e
    except Exception as e:  # a parser may raise anything
        raise EmitError(f"it is damaged: {type(e).__name__}: {str(e)[:500]}", where=str(path)) from e
