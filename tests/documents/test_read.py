"""Documents are read within limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from kexport.documents.malformed import Malformed
from kexport.documents.read import DEPTH, parse_json, read_json


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is no JSON"),
        ("{", "it is no JSON"),
        ("NaN", "NaN is no number"),
        ("[-Infinity]", "-Infinity is no number"),
        ("[1e999]", "1e999 is more than a float holds"),
        ("1" * 21, "21 digits"),
        ("1" * 5000, "5000 digits"),
        (str(2**64), "20 digits, more than 64 bits"),
        ("[" * (DEPTH + 1) + "]" * (DEPTH + 1), "nested more than 64 levels"),
        ("[" * 500 + "]" * 500, "nested more than 64 levels"),
        ("[" * 200_000, "nested more than 64 levels"),
        ('{"a":' * 200_000, "nested more than 64 levels"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "'c' twice in one object"),
        ('["\\ud83d"]', "half of a character"),
        ('{"\\uDC00": 1}', "half of a character"),
    ],
)
def test_what_is_beyond_the_limits_is_malformed(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        parse_json(text)
    with pytest.raises(Malformed, match=message):
        parse_json(text.encode())


@pytest.mark.parametrize(
    "data", [b"\xff", b'"\xed\xa0\x80"', b"\xef\xbb\xbf{}", b"\x00"], ids=["byte", "surrogate", "mark", "zero"]
)
def test_bytes_that_are_no_text_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="it is no JSON"):
        parse_json(data)


def test_what_is_within_the_limits_is_read() -> None:
    deep = "[" * DEPTH + "]" * DEPTH
    assert parse_json(deep) is not None
    assert parse_json('["\\ud83d\\ude00", "😀"]') == ["😀", "😀"]
    assert parse_json(f"[{2**64 - 1}, {-(2**63)}, 1.5, true, null]") == [2**64 - 1, -(2**63), 1.5, True, None]


def test_a_file_is_not_read_beyond_its_limit(tmp_path: Path) -> None:
    (tmp_path / "x").write_text('["' + "a" * 100 + '"]')
    assert read_json(tmp_path / "x") == ["a" * 100]
    with pytest.raises(Malformed, match="longer than 50 bytes"):
        read_json(tmp_path / "x", size=50)


def test_long_messages_are_cut() -> None:
    with pytest.raises(Malformed, match=r"…$") as caught:
        parse_json(f'{{"schema": 1, "models": {{"{"x" * 10_000}": 1}}}}', "bench")
    assert len(str(caught.value)) < 400
