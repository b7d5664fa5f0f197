"""Pictures of all kinds, made by Pillow."""

from base64 import b64encode
from io import BytesIO
from typing import Any

from PIL import Image

FORMATS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif"}
"""Pillow's names of what is taken, and the suffixes of files."""


def image(width: int = 600, height: int = 900, mode: str = "RGB") -> Image.Image:
    """Draw something with soft edges, as photographs have them."""
    colours = b"".join(bytes([n, 255 - n, n // 2]) for n in range(256))
    soft = Image.frombytes("RGB", (16, 16), colours)
    soft = soft.resize((width, height), Image.Resampling.BICUBIC)
    return soft.convert("L").convert(mode) if mode == "LA" else soft.convert(mode)


def written(drawn: Image.Image, picture_format: str, **how: Any) -> bytes:
    """Write it as a file."""
    content = BytesIO()
    drawn.save(content, picture_format, **how)
    return content.getvalue()


def file_of(
    picture_format: str, width: int = 600, height: int = 900, *, mode: str = "", **how: Any
) -> bytes:
    """Draw and write a picture of a format."""
    mode = mode or ("P" if picture_format == "GIF" else "RGB")
    return written(image(width, height, mode), picture_format, **how)


def opened(content: bytes) -> Image.Image:
    """Read a picture."""
    read = Image.open(BytesIO(content))
    read.load()
    return read


def commented(*comments: bytes) -> bytes:
    """Make a JPEG with comments behind its first bytes."""
    small = file_of("JPEG", 40, 60)
    segments = [b"\xff\xfe" + (len(each) + 2).to_bytes(2, "big") + each for each in comments]
    return b"".join([small[:2], *segments, small[2:]])


def padded(size: int) -> bytes:
    """Make a JPEG of just so many bytes, most of which are comments."""
    left, comments = size - len(commented()), []
    while left:
        length = min(left, 60_000) if left < 60_000 or left > 60_010 else 50_000
        comments.append(b" " * (length - 4))
        left -= length
    return commented(*comments)


def data_url(content: bytes, media_type: str = "image/jpeg") -> str:
    """Write a file as a browser's `FileReader` does."""
    return f"data:{media_type};base64,{b64encode(content).decode()}"


def movie_of(size: int) -> bytes:
    """Write a movie of just so many bytes, most of which are a `data:` URL that is ignored."""
    start, end = b'{"title": "Heat", "ignored": "data:,', b'"}'
    return start.ljust(size - len(end), b"A") + end


POSTER = data_url(file_of("JPEG", 500, 750))
"""A poster as front ends send it."""
