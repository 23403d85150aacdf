"""The page in a real browser: no complaint, no request, nothing wider than a phone, and controls that work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kexport.report.write import write_report
from kexport.verify.status import Status
from tests.report.chrome import Chrome
from tests.report.dist import HOSTILE, add_bench, add_layers, add_model, check, net, verdict


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    browser = Chrome()
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models; one has a failed artifact, and a layer whose name would like to run."""
    dist = tmp_path_factory.mktemp("pages") / "dist"
    verdicts = [verdict("onnx", Status.FAILED, HOSTILE, 0.5), verdict("tflite", Status.VERIFIED)]
    entry = add_model(dist, "net", verdicts, net("net", HOSTILE))
    good = [check(HOSTILE, 1e-8), check("bend", 2e-8)]
    bad = [check(HOSTILE, 1e-8), check("bend", 4e-5, "diverges")]
    add_layers(dist, entry, {"onnx": bad, "tflite": good})
    add_bench(dist, entry, {"tflite": 0.002})
    add_model(dist, "other", [verdict("tflite", Status.SIMULATED)])
    write_report(dist, dist.parent / "report.html")
    return dist.parent / "report.html"


@pytest.mark.parametrize("width", [375, 768, 1280])
def test_it_is_quiet_loads_nothing_and_fits(chrome: Chrome, page: Path, width: int) -> None:
    chrome.open(page, width)
    assert chrome.value("document.querySelector('h1').textContent") == "2 models"
    assert chrome.complaints == []
    assert [url for url in chrome.requests if url != page.as_uri() and not url.startswith("data:")] == []
    assert chrome.value("document.documentElement.scrollWidth") <= width
    assert chrome.value("document.querySelectorAll('script').length") == 1


def test_the_script_is_allowed_to_run(chrome: Chrome, page: Path) -> None:
    chrome.open(page)
    whole = chrome.value("document.querySelector('.graph svg[tabindex]').getAttribute('viewBox')")
    chrome.value("document.querySelector('[data-zoom=in]').click()")
    inner = chrome.value("document.querySelector('.graph svg[tabindex]').getAttribute('viewBox')")
    assert float(inner.split()[2]) == pytest.approx(0.75 * float(whole.split()[2]))
    key = "new KeyboardEvent('keydown', {key: 'ArrowRight', cancelable: true})"
    chrome.value(f"document.querySelector('.graph svg[tabindex]').dispatchEvent({key})")
    moved = chrome.value("document.querySelector('.graph svg[tabindex]').getAttribute('viewBox')")
    assert float(moved.split()[0]) > float(inner.split()[0])
    assert chrome.complaints == []


def test_the_graph_is_dragged_by_mouse(chrome: Chrome, page: Path) -> None:
    chrome.open(page)
    svg = "document.querySelector('.graph svg[tabindex]')"
    chrome.value(f"{svg}.scrollIntoView()")
    x, y = chrome.value(f"(r => [r.x + 30, r.y + 30])({svg}.getBoundingClientRect())")
    before = chrome.value(f"{svg}.getAttribute('viewBox')")
    for kind, dx in (("mousePressed", 0), ("mouseMoved", 60), ("mouseReleased", 60)):
        event = {"type": kind, "x": x + dx, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
        chrome.call("Input.dispatchMouseEvent", event)
    after = chrome.value(f"{svg}.getAttribute('viewBox')")
    assert float(after.split()[0]) < float(before.split()[0])


def test_boxes_are_coloured_by_what_is_chosen(chrome: Chrome, page: Path) -> None:
    chrome.open(page)
    fill = "getComputedStyle([...document.querySelectorAll('.graph .box.op')].find("
    fill += "b => b.textContent.includes('bend')).querySelector('rect')).fill"
    shown = "[...document.querySelectorAll('.graph .box.op .v')].filter(t => getComputedStyle(t).display != 'none')[0]"
    by_error = chrome.value(fill)
    assert "budget" in chrome.value(f"{shown}.textContent")
    chrome.value("document.querySelector('input[value=cost]').click()")
    assert chrome.value(fill) != by_error
    assert "mult-adds" in chrome.value(f"{shown}.textContent")


def test_engines_are_hidden_one_by_one(chrome: Chrome, page: Path) -> None:
    chrome.open(page)
    chrome.value("document.querySelector('.legend input').click()")
    assert chrome.value("[...document.querySelectorAll('.line')].map(g => getComputedStyle(g).display)") == [
        "none",
        "inline",
    ]


def test_it_is_dark_where_that_is_preferred(chrome: Chrome, page: Path) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    chrome.open(page)
    assert chrome.value(colour) == "rgb(252, 252, 250)"
    chrome.open(page, dark=True)
    assert chrome.value(colour) == "rgb(20, 22, 24)"
