"""Where a picture's file ends, by the grammar of its format, without decoding it.

Decoders pass over what is missing at the end, and what follows it.
"""

import re
from collections.abc import Callable
from io import BytesIO
from struct import error as StructError  # noqa: N812 - struct's only error
from struct import unpack_from
from zipfile import is_zipfile

MOST_SCANS = 32
"""Of a JPEG: libjpeg writes 10 at the most. Each costs a decoder as much as the whole picture."""

MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""What ends a scan of a JPEG, in which 0xFF is followed by 0 or is a restart."""

MARKUP = re.compile(rb"<(!doctype|html|script|iframe|svg|\?php)[\s>/]", re.IGNORECASE)

SEVERAL = b"MPF\0"
"""In a JPEG of which further ones follow, as telephones make them (CIPA DC-007)."""


class Truncated(Exception):
    """The file ends before the picture does, or is no such picture."""


def format_of(content: bytes) -> str | None:
    """Tell a picture's format, by its first bytes, as Pillow calls it."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    return "WEBP" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def is_more_than(picture_format: str, content: bytes) -> bool:
    """Tell whether the file holds something else beside the picture, or is something else as well.

    :raises Truncated: when the picture does not end.
    """
    try:
        end = ENDS[picture_format](content)
    except (IndexError, StructError) as error:
        raise Truncated from error
    if end > len(content):
        raise Truncated
    rest = content[end:].strip(b"\0")
    followed = rest and not (rest.startswith(b"\xff\xd8\xff") and SEVERAL in content[:end])
    return bool(followed) or _is_something_else(content)


def _is_something_else(content: bytes) -> bool:
    # Whoever reads ZIP looks at the end, whoever reads PDF or HTML at the beginning.
    return (
        is_zipfile(BytesIO(content)) or b"%PDF-" in content[:1024] or bool(MARKUP.search(content))
    )


def _end_of_png(content: bytes) -> int:
    position, kind = 8, b""
    while kind != b"IEND":
        length, kind = unpack_from(">I4s", content, position)
        position += 12 + length
    return position


def _end_of_jpeg(content: bytes) -> int:
    position, scans = 2, 0
    while (marker := content[position + 1]) != 0xD9:
        if content[position] != 0xFF or scans > MOST_SCANS:
            raise Truncated
        if marker == 0xFF:
            position += 1
            continue
        position += 2 + unpack_from(">H", content, position + 2)[0]
        if marker == 0xDA:
            scans += 1
            found = MARKER.search(content, position)
            position = found.start() if found else len(content)
    return position + 2


def _end_of_gif(content: bytes) -> int:
    position = 13 + _size_of_palette(content[10])
    while (kind := content[position]) != 0x3B:
        if kind == 0x2C:
            position += 11 + _size_of_palette(content[position + 9])
        elif kind == 0x21:
            position += 2
        else:
            raise Truncated
        while size := content[position]:
            position += size + 1
        position += 1
    return position + 1


def _size_of_palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _end_of_webp(content: bytes) -> int:
    size: int = unpack_from("<I", content, 4)[0]
    return 8 + size


ENDS: dict[str, Callable[[bytes], int]] = {
    "PNG": _end_of_png,
    "JPEG": _end_of_jpeg,
    "GIF": _end_of_gif,
    "WEBP": _end_of_webp,
}
