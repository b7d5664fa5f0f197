"""Pictures of all kinds, made by Pillow."""

import os
from base64 import b64encode
from io import BytesIO
from typing import Any

from PIL import Image

TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


def image(width: int = 600, height: int = 900, mode: str = "RGB") -> Image.Image:
    """Draw something with soft edges, as photographs have them."""
    noise = Image.frombytes("RGB", (16, 16), b"".join(bytes([n, 255 - n, n // 2]) for n in range(256)))
    return noise.resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def written(drawn: Image.Image, picture_format: str, **how: Any) -> bytes:
    """Write it as a file."""
    content = BytesIO()
    drawn.save(content, picture_format, **how)
    return content.getvalue()


def file_of(picture_format: str, width: int = 600, height: int = 900, **how: Any) -> bytes:
    """Draw and write a picture of a format."""
    mode = "P" if picture_format == "GIF" else "RGB"
    return written(image(width, height, mode), picture_format, **how)


def data_url(content: bytes, media_type: str = "") -> str:
    """Write a file as a browser's `FileReader` does; the type is its own unless another is given."""
    own = next((TYPES[f] for f in TYPES if opened_format(content) == f), "image/png")
    return f"data:{media_type or own};base64,{b64encode(content).decode()}"


def opened_format(content: bytes) -> str:
    """Tell a format by its first bytes."""
    heads = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"RIFF": "WEBP"}
    return next((name for head, name in heads.items() if content.startswith(head)), "")


def opened(content: bytes) -> Image.Image:
    """Read a picture."""
    read = Image.open(BytesIO(content))
    read.load()
    return read


def noise(size: int) -> bytes:
    """Make a JPEG of just so many bytes: with a comment that nothing compresses."""
    small = file_of("JPEG", 40, 60)
    rest = size - len(small)
    comments = b""
    while rest:
        length = min(rest, 60_000)
        if 0 < rest - length < 4:
            length -= 4
        comments += b"\xff\xfe" + (length - 2).to_bytes(2, "big") + os.urandom(length - 4).replace(b"<", b" ")
        rest -= length
    return small[:2] + comments + small[2:]


POSTER = data_url(file_of("JPEG", 500, 750))
"""A poster as front ends send it."""
