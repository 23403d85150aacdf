"""The sample page, as a user has it: stock @tensorflow/tfjs classifies digits drawn on its canvas with a mouse."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import kexport
from kexport_shared.js.browser import find_browser
from samples.browser.serve import installed_library, server
from tests.tfjs.devtools import Page

Stroke = list[tuple[float, float]]


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> Stroke:
    """Points on an ellipse; angles in turns, clockwise from the right."""
    angles = [2 * math.pi * (start + (end - start) * i / 24) for i in range(25)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


DIGITS: dict[int, Stroke] = {
    0: _arc(0.5, 0.5, 0.2, 0.32, -0.25, 0.75),
    1: [(0.4, 0.3), (0.52, 0.18), (0.52, 0.82)],
    3: [*_arc(0.48, 0.34, 0.18, 0.16, -0.45, 0.25), *_arc(0.48, 0.66, 0.2, 0.17, -0.25, 0.45)],
    6: [(0.55, 0.18), *_arc(0.5, 0.62, 0.19, 0.2, 0.55, -0.5)],
}
"""One stroke for each digit, on a canvas of size 1."""


@pytest.fixture(scope="module")
def page(digits_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page with the exported digits model."""
    if find_browser() is None:
        pytest.skip("there is no Chrome or Chromium here")
    if not installed_library().exists():
        pytest.skip("the npm packages are not installed: kexport doctor --install tfjs")
    out = tmp_path_factory.mktemp("tfjs")
    (artifact,) = kexport.export(str(digits_file), to=["tfjs"], out=out, verify=False).artifacts
    with server(Path(artifact.path), installed_library(), quiet=True) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        with Page(f"http://127.0.0.1:{http.server_port}/", ["--enable-unsafe-swiftshader"]) as page:
            page.wait_for("document.getElementById('answer')?.textContent.startsWith('Draw')")
            yield page
        http.shutdown()


def draw(page: Page, stroke: Stroke) -> None:
    """Press, move and release the mouse on the canvas."""
    page.evaluate("document.getElementById('clear').click()")
    box = page.evaluate("(({x, y, width, height}) => [x, y, width, height])(canvas.getBoundingClientRect())")
    points = [(box[0] + x * box[2], box[1] + y * box[3]) for x, y in stroke]
    page.mouse("mousePressed", *points[0])
    for point in points[1:]:
        page.mouse("mouseMoved", *point)
    page.mouse("mouseReleased", *points[-1])


@pytest.mark.parametrize("digit", DIGITS)
def test_a_drawn_digit_is_recognized(page: Page, digit: int, tmp_path: Path) -> None:
    draw(page, DIGITS[digit])
    page.wait_for("document.getElementById('answer').textContent.startsWith('This')")
    assert page.evaluate("document.getElementById('answer').textContent") == f"This is a {digit}."
    assert page.evaluate("document.querySelectorAll('tr.best').length") == 1
    assert page.screenshot(tmp_path / "page.png").stat().st_size > 5000
