"""`python -m kexport` is the `kexport` command."""

from __future__ import annotations

from kexport.cli.main import main

if __name__ == "__main__":
    main()
