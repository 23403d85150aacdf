"""What the pages of `serve` may do: run the scripts that are in them, and talk to where they came from."""

from __future__ import annotations

import base64
import hashlib
import re

_INLINE = re.compile(rb"<(script|style)\b[^>]*>(.*?)</\1>", re.DOTALL)
_ALWAYS = "default-src 'none'; base-uri 'none'; form-action 'none'"
NOTHING = f"{_ALWAYS}; frame-ancestors 'none'"
"""For answers that are no pages."""
_ENGINE = (
    "script-src 'self' 'wasm-unsafe-eval' blob: 'nonce-{nonce}'; worker-src 'self' blob:; "
    "connect-src 'self' blob: data:; frame-ancestors 'self'"
)
_PAGE = "script-src {script}; style-src {style}; connect-src 'self'; frame-src 'self'; frame-ancestors 'none'"


def page_policy(html: bytes) -> str:
    """For the page that a visitor opens: it shows the pages of engines and does nothing else."""
    return f"{_ALWAYS}; {_PAGE.format(**_hashes(html))}"


def engine_policy(nonce: str) -> str:
    """For the page of an engine, and for its workers: they load scripts and WebAssembly from here."""
    return f"{_ALWAYS}; {_ENGINE.format(nonce=nonce)}"


def with_nonce(html: bytes, nonce: str) -> bytes:
    """A page whose scripts are known by a word that was made up for this answer."""
    return html.replace(b"<script", f'<script nonce="{nonce}"'.encode())


def _hashes(html: bytes) -> dict[str, str]:
    """What the policy knows the scripts and styles by that stand in a page."""
    found: dict[str, list[str]] = {"script": [], "style": []}
    for kind, text in _INLINE.findall(html):
        found[kind.decode()].append(f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'")
    return {kind: " ".join(hashes) or "'none'" for kind, hashes in found.items()}
