"""What people send as a picture: whether it is one, and what is kept of it.

Nothing of a file is kept but its pixels, which are written anew, so that whatever else was in it is
gone: where and by whom it was taken, and what somebody may have hidden in it.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from typing import Any, cast

from PIL import (
    GifImagePlugin,
    Image,
    ImageCms,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from playlist_api.errors import Problem
from playlist_api.ops import metrics
from playlist_api.ops.bulkheads import ThreadBulkhead
from playlist_api.ops.clients import client_keys
from playlist_api.posters.media import SMALL_WIDTH, SUFFIXES, small_of

PLUGINS = (GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
"""What Pillow would look for, with forty others, when it meets the first picture."""

MAX_PIXELS, MAX_SIDE = 12_500_000, 10_000
MAX_WEBP_PIXELS = 4_000_000
"""A telephone's photograph of 12 megapixels is 4032 by 3024. Each pixel takes 4 bytes while it is
in memory, up to three times."""

SCAN, MAX_SCANS = b"\xff\xda", 32
"""The marker of a JPEG's scans, each of which costs a decoder as much as the whole picture. libjpeg
writes 10 at the most, and 0xFF is never followed by this within one."""

MAX_BYTES = 4 * 1024 * 1024
"""What a picture may take when it is written anew: twice what may be sent."""

CONCURRENCY, QUEUE, TIMEOUT = 1, 8, 10.0
"""In each worker, how many threads read and write pictures, which takes 160 MB of memory at the
most, and how many requests, each with a picture in hand, wait for that so many seconds."""

BUSY = "Too many pictures are coming in. Please try again in a moment."
bulkhead = ThreadBulkhead(
    "pictures", CONCURRENCY, queue=QUEUE, timeout=TIMEOUT, busy=BUSY, gauge=metrics.drawing
)

NO_PICTURE = Problem("unsupported", "must be a PNG, JPEG, WebP or GIF.")
MISNAMED = Problem("unsupported", "must be of the type that it is said to be.")
BROKEN = Problem("malformed", "must be whole and well-formed.")
TOO_MANY_PIXELS = Problem(
    "too_large", "must have at most 12.5 megapixels, a WebP 4, and 10,000 pixels on each side."
)
TOO_LARGE = Problem("too_large", "must be compressed better: written anew, it has more than 4 MiB.")

MULTI_PROCESS = b"mpet"
"""The type of a profile's element that chains any number of transformations, each of which costs as
much as a whole profile (ICC.1:2022, section 10.16). Browsers do without it, and so do cameras."""

HOW: dict[str, dict[str, Any]] = {
    "PNG": {},
    "GIF": {},
    "JPEG": {"quality": 90},
    "WEBP": {"quality": 90, "method": 2},
    "small": {"quality": 80},
}
"""How they are written. A JPEG has its own quality, unless it is one for printers (CMYK)."""

# Ours is stricter, and does not depend on how warnings are treated.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("ignore", module=r"PIL\.")


class Unusable(Exception):
    """It is none that is taken; its argument is the `Problem`."""


@dataclass(frozen=True)
class Picture:
    """A picture as it is kept, and the small one beside it."""

    content: bytes
    suffix: str
    small: bytes

    @cached_property
    def hash(self) -> str:
        """The SHA-256 of its content."""
        return sha256(self.content).hexdigest()

    @property
    def name(self) -> str:
        """The name of its file, which is the same for the same picture."""
        return f"{self.hash}.{self.suffix}"

    @property
    def files(self) -> dict[str, bytes]:
        """Its files by their names; the last one is written last."""
        return {small_of(self.name): self.small, self.name: self.content}

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return len(self.content) + len(self.small)


def format_of(content: bytes) -> str | None:
    """Tell a picture's format, by its first bytes, as Pillow calls it."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    return "WEBP" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def checked(content: bytes, named: str) -> Picture:
    """Look at what is said to be a picture of the named format, and write it anew.

    :raises Unusable: when it is none, another one, or too large.
    :raises TooManyRequests, ServiceUnavailable: when too many are being looked at already.
    """
    found = format_of(content)
    if found is None:
        raise Unusable(NO_PICTURE)
    if found != named:
        raise Unusable(MISNAMED)
    result = bulkhead.run(client_keys(), _attempt, content, found)
    if isinstance(result, Problem):
        raise Unusable(result)
    return result


def _attempt(content: bytes, picture_format: str) -> Picture | Problem:
    # An exception that leaves a thread refers to its frames, and they to it: the pixels would be
    # kept until garbage is collected.
    try:
        return reencode(content, picture_format)
    except Unusable as error:
        problem: Problem = error.args[0]
        return problem


def reencode(content: bytes, picture_format: str) -> Picture:
    """Write a picture anew, upright, in sRGB and without motion, and a small one of it.

    :raises Unusable: when that cannot be done, or is not to be.
    """
    try:
        if picture_format == "JPEG" and content.count(SCAN) > MAX_SCANS:
            raise Unusable(BROKEN)
        return _drawn(content, picture_format)
    except Unusable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unusable(TOO_MANY_PIXELS) from error
    except Exception as error:
        # Decoders that are given nonsense raise whatever they stumble over.
        raise Unusable(BROKEN) from error


def _drawn(content: bytes, picture_format: str) -> Picture:
    image: Image.Image = Image.open(BytesIO(content), formats=[picture_format])
    # Nothing but the head has been read so far.
    most = MAX_WEBP_PIXELS if picture_format == "WEBP" else MAX_PIXELS
    if image.width * image.height > most or max(image.size) > MAX_SIDE:
        raise Unusable(TOO_MANY_PIXELS)
    image.load()
    how = HOW[picture_format] | _quality(image, content)
    # The pixels that were sent are let go here: each further copy of them takes 50 MB.
    image = _plain(image)
    written = _written(image, picture_format, how)
    if len(written) > MAX_BYTES:
        raise Unusable(TOO_LARGE)
    return Picture(written, SUFFIXES[picture_format], _small(image))


def _quality(sent: Image.Image, content: bytes) -> dict[str, Any]:
    """Tell how it was written, so that it loses nothing, or next to nothing."""
    if isinstance(sent, JpegImagePlugin.JpegImageFile) and sent.mode != "CMYK":
        sampling = JpegImagePlugin.get_sampling(sent)
        return {"qtables": sent.quantization, "subsampling": sampling, "quality": -1}
    return {"lossless": True} if b"VP8L" in (content[12:16], content[30:34]) else {}


def _plain(sent: Image.Image) -> Image.Image:
    ImageOps.exif_transpose(sent, in_place=True)
    image = _in_srgb(sent)
    if image.mode.startswith("I"):
        # 16 bits of grey, of which `convert` would cut the upper ones off.
        image = image.point(lambda grey: grey * (1 / 256)).convert("L")
    # What plugins would write again: comments, profiles, and where it was taken.
    image.info = {name: image.info[name] for name in {"transparency"} & image.info.keys()}
    return image


def _in_srgb(image: Image.Image) -> Image.Image:
    profile, mode = image.info.get("icc_profile"), _mode_of_colours(image)
    if not profile or MULTI_PROCESS in profile or image.mode in {"1", "L", "LA"}:
        return image.convert("RGB") if image.mode == "CMYK" else image
    image, result = _in_mode(image, mode), "RGB" if mode == "CMYK" else mode
    target = ImageCms.createProfile("sRGB")
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        shown = ImageCms.profileToProfile(image, source, target, outputMode=result)
    except (ImageCms.PyCMSError, OSError):
        # Browsers pass over what is no profile, too.
        return image.convert(result)
    return cast(Image.Image, shown)


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    # Pillow would copy what is in this mode already.
    return image if image.mode == mode else image.convert(mode)


def _mode_of_colours(image: Image.Image) -> str:
    if image.mode == "CMYK":
        return "CMYK"
    return "RGBA" if image.has_transparency_data else "RGB"


def _small(image: Image.Image) -> bytes:
    """Make a small picture, for which the large one may be given up."""
    small = _in_mode(image, "RGBA" if image.has_transparency_data else "RGB")
    small.thumbnail((SMALL_WIDTH, MAX_SIDE))
    small.info = {}
    return _written(small, "WEBP", HOW["small"])


def _written(image: Image.Image, picture_format: str, how: dict[str, Any]) -> bytes:
    written = BytesIO()
    image.save(written, picture_format, **how)
    return written.getvalue()
