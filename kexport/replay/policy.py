"""The content security policy of `serve`: pages run their own scripts and talk to their own server only."""

from __future__ import annotations

import base64
import hashlib
import re

_INLINE = re.compile(rb"<(script|style)\b[^>]*>(.*?)</\1>", re.DOTALL)
_ALWAYS = "default-src 'none'; base-uri 'none'; form-action 'none'"
NOTHING = f"{_ALWAYS}; frame-ancestors 'none'"
"""The policy of answers that are not pages."""
_ENGINE = (
    "script-src 'self' 'wasm-unsafe-eval' blob: 'nonce-{nonce}'; worker-src 'self' blob:; "
    "connect-src 'self' blob: data:; frame-ancestors 'self'"
)
_PAGE = "script-src {script}; style-src {style}; connect-src 'self'; frame-src 'self'; frame-ancestors 'none'"


def page_policy(html: bytes) -> str:
    """The policy of the page that a visitor opens, which only shows the pages of engines."""
    return f"{_ALWAYS}; {_PAGE.format(**_hashes(html))}"


def engine_policy(nonce: str) -> str:
    """The policy of an engine's page and its workers, which load scripts and WebAssembly from this server."""
    return f"{_ALWAYS}; {_ENGINE.format(nonce=nonce)}"


def with_nonce(html: bytes, nonce: str) -> bytes:
    """A page whose scripts carry a nonce that was drawn for this answer."""
    return html.replace(b"<script", f'<script nonce="{nonce}"'.encode())


def _hashes(html: bytes) -> dict[str, str]:
    """The hashes by which the policy allows the inline scripts and styles of a page."""
    found: dict[str, list[str]] = {"script": [], "style": []}
    for kind, text in _INLINE.findall(html):
        found[kind.decode()].append(f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'")
    return {kind: " ".join(hashes) or "'none'" for kind, hashes in found.items()}
