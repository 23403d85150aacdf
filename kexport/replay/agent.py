"""Reads device and browser from a User-Agent header."""

from __future__ import annotations

import re

_SYSTEMS = (
    (re.compile(r"iPhone OS ([\d_]+)"), "iPhone, iOS {}"),
    (re.compile(r"iPad.*? OS ([\d_]+)"), "iPad, iPadOS {}"),
    (re.compile(r"Android ([\d.]+)"), "Android {}"),
    (re.compile(r"Windows NT ([\d.]+)"), "Windows NT {}"),
    (re.compile(r"Mac OS X ([\d_.]+)"), "macOS {}"),
    (re.compile(r"CrOS \S+ ([\d.]+)"), "ChromeOS {}"),
    (re.compile(r"Linux (\w+)"), "Linux {}"),
)
_BROWSERS = (
    (re.compile(r"SamsungBrowser/([\d.]+)"), "Samsung Internet {}"),
    (re.compile(r"(?:Edg|EdgA|EdgiOS)/([\d.]+)"), "Edge {}"),
    (re.compile(r"OPR/([\d.]+)"), "Opera {}"),
    (re.compile(r"(?:Firefox|FxiOS)/([\d.]+)"), "Firefox {}"),
    (re.compile(r"(?:HeadlessChrome|Chrome|CriOS)/([\d.]+)"), "Chrome {}"),
    (re.compile(r"Version/([\d.]+).* Safari/"), "Safari {}"),
)
"""Patterns of browsers. Browsers also use each other's names, so the first match counts."""
_LONGEST = 80


def system_of(agent: str) -> str:
    """Return the device, as far as its browser tells: `Android 14`."""
    return _first(agent, _SYSTEMS) or plain_words(agent, _LONGEST) or "an unknown device"


def browser_of(agent: str) -> str:
    """Return the browser with its version: `Chrome 142.0.0.0`."""
    return _first(agent, _BROWSERS) or "an unknown browser"


def plain_words(text: str, longest: int) -> str:
    """Make a stranger's text fit for a terminal: printable, short, and on one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:longest]


def _first(agent: str, patterns: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, words in patterns:
        if found := pattern.search(agent[:1000]):
            return words.format((found[1].replace("_", ".") if found[1][0].isdecimal() else found[1])[:20])
    return ""
