"""Serves the page that classifies a digit drawn on its canvas, with an exported model and stock @tensorflow/tfjs.

    kexport doctor --install tfjs
    python samples/browser/serve.py dist/digits/digits.tfjs

A site of your own needs these three things: `index.html`, the artifact's folder as `model`, and `tf.min.js` out of the
npm package @tensorflow/tfjs.
"""

from __future__ import annotations

import argparse
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).parent


class Handler(SimpleHTTPRequestHandler):
    """Finds the page, the model and the library."""

    def __init__(self, *args: object, model: Path, library: Path, quiet: bool = False):
        self.model = model
        self.library = library
        self.quiet = quiet
        super().__init__(*args, directory=str(HERE))  # type: ignore[arg-type]

    def translate_path(self, path: str) -> str:
        """The file behind a path."""
        if path.startswith("/model/"):
            return str(self.model / Path(path).name)
        return str(self.library) if path == "/tf.min.js" else super().translate_path(path)

    def log_message(self, format: str, *args: object) -> None:
        """Say what is served, unless told to be quiet."""
        if not self.quiet:
            super().log_message(format, *args)


def server(model: Path, library: Path, port: int = 0, quiet: bool = False) -> ThreadingHTTPServer:
    """A server on this machine alone, not started; port 0 takes a free one."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, model=model, library=library, quiet=quiet))


def installed_library() -> Path:
    """`tf.min.js` of the npm package that kexport verifies with."""
    from kexport_tfjs.runtime import PACKAGES

    return PACKAGES.folder / "node_modules/@tensorflow/tfjs/dist/tf.min.js"


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="the exported model, a folder that ends in .tfjs")
    parser.add_argument("--port", type=int, default=8000)
    chosen = parser.parse_args()
    library = installed_library()
    if not library.exists():
        raise SystemExit("@tensorflow/tfjs is not installed: kexport doctor --install tfjs")
    with server(chosen.model, library, chosen.port) as http:
        print(f"http://127.0.0.1:{http.server_port}/ (Ctrl-C ends it)")
        try:
            http.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
