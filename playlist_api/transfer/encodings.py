"""How the text of a file is encoded."""

import json
from collections.abc import Iterator
from typing import Any

from charset_normalizer import from_bytes
from marshmallow import ValidationError

from playlist_api.errors import Problem

WESTERN = "cp1252"

CANDIDATES = [
    *(WESTERN, "cp1250", "cp1251", "cp1253", "cp1254"),
    *("cp932", "cp949", "gb18030", "big5"),
]
"""What Excel writes on Windows, in the languages where most files come from that are not UTF-8."""

SAMPLE = 16 * 1024
"""Bytes from which the encoding is guessed: charset-normalizer looks at five pieces of 512."""

UNREADABLE = Problem(
    "unsupported", "is not text in an encoding that can be recognised; UTF-8 always can."
)


def encoding_of(content: bytes) -> str:
    """Name the encoding of a text, in which the whole of it can be decoded.

    Byte order marks are believed, and so are the NULs of UTF-16 and UTF-32 without one; what is
    valid UTF-8 is nothing else; all others are guessed.

    :raises ValidationError: when it is no text.
    """
    encoding = json.detect_encoding(content)
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        if not encoding.startswith("utf-8"):
            raise ValidationError(UNREADABLE, "file") from error
        return _guessed(content, error.start)
    return encoding


def _guessed(content: bytes, position: int) -> str:
    # From the beginning of the first line that tells, for what is ASCII tells nothing.
    start = max(content.rfind(b"\n", 0, position) + 1, position - SAMPLE // 2)
    sample = content[start : start + SAMPLE]
    whole_lines = sample[: sample.rfind(b"\n") + 1] or sample
    for encoding in _guesses(whole_lines):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    raise ValidationError(UNREADABLE, "file")


def _guesses(sample: bytes) -> Iterator[str]:
    matches = from_bytes(sample, cp_isolation=CANDIDATES)
    for match in sorted(matches, key=lambda match: (match.chaos, -match.coherence, _rank(match))):
        yield from sorted(match.could_be_from_charset, key=_rank)


def _rank(match: Any) -> bool:
    # What is Western and what is Central European often look the same: IMDb's files were Western.
    return WESTERN not in getattr(match, "could_be_from_charset", [match])
