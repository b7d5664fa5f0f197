"""Checking and re-encoding pictures: only the pixels are kept, no metadata and nothing hidden."""

import re
import warnings
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any, cast

from marshmallow import ValidationError
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin
from PIL import WebPImagePlugin as WebPImagePlugin  # else Pillow loads all plugins to find it

from playlist_api.errors import Problem
from playlist_api.ops import metrics
from playlist_api.ops.bulkheads import ThreadBulkhead, client_keys
from playlist_api.posters.media import SMALL_WIDTH, SUFFIXES, small_name

MAX_PIXELS, MAX_WEBP_PIXELS, MAX_SIDE = 12_500_000, 4_000_000, 10_000
"""A pixel takes 4 bytes in memory, up to three times; of a WebP more often."""

JPEG_SCAN, MAX_SCANS = b"\xff\xda", 32
"""Decoding each scan costs as much as a whole picture. libjpeg writes at most 10; the marker never
occurs inside one."""

MAX_REENCODED = 4 * 1024 * 1024
"""Bytes: twice what may be sent."""

MULTI_PROCESS = b"mpet"
"""A colour profile's element that chains any number of transformations (ICC.1:2022, section
10.16), each as expensive as a whole profile."""

SIGNATURES = re.compile(
    rb"(?P<PNG>\x89PNG\r\n\x1a\n)|(?P<JPEG>\xff\xd8\xff)|(?P<GIF>GIF8[79]a)"
    rb"|(?P<WEBP>RIFF.{4}WEBP)",
    re.DOTALL,
)
"""The first bytes of each format, by Pillow's name for it."""

SAVE_OPTIONS = {"quality": 90, "method": 2}
"""Pillow ignores the options that a format does not have."""

NO_PICTURE = Problem("unsupported", "must be a PNG, JPEG, WebP or GIF.")
MISNAMED = Problem("unsupported", "must be of the type that it is said to be.")
BROKEN = Problem("malformed", "must be whole and well-formed.")
TOO_MANY_PIXELS = Problem(
    "too_large", "must have at most 12.5 megapixels, a WebP 4, and 10,000 pixels on each side."
)
TOO_LARGE_REENCODED = Problem(
    "too_large", "must be compressed better: re-encoded, it has more than 4 MiB."
)

picture_bulkhead = ThreadBulkhead(
    "pictures",
    1,  # takes 160 MB at most
    queue=8,  # requests that each hold a picture
    timeout=10,
    busy="Too many pictures are coming in. Please try again in a moment.",
    gauge=metrics.drawing,
)

Image.MAX_IMAGE_PIXELS = None  # our own limit is stricter
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True)
class Picture:
    """A re-encoded picture and its small version."""

    name: str
    content: bytes
    small: bytes

    @property
    def files(self) -> dict[str, bytes]:
        """Its files by their names, in the order in which to write them."""
        return {small_name(self.name): self.small, self.name: self.content}

    @property
    def size(self) -> int:
        return len(self.content) + len(self.small)


def checked(content: bytes, declared: str) -> Picture:
    """Check that a file is a picture of the declared format, and re-encode it.

    :raises ValidationError: when it is not, or is too large.
    :raises TooManyRequests, ServiceUnavailable: when too many pictures are coming in.
    """
    found = SIGNATURES.match(content)
    if not found:
        raise ValidationError(NO_PICTURE)
    if found.lastgroup != declared:
        raise ValidationError(MISNAMED)
    result = picture_bulkhead.run(client_keys(), reencode, content, declared)
    if isinstance(result, Problem):
        raise ValidationError(result)
    return result


def reencode(content: bytes, picture_format: str) -> Picture | Problem:
    """Return the picture upright, in sRGB, without animation, and small; or what is wrong with it.

    A raised problem would keep all pixels in memory until the next garbage collection.
    """
    if picture_format == "JPEG" and content.count(JPEG_SCAN) > MAX_SCANS:
        return BROKEN
    try:
        return _reencoded(content, picture_format)
    except Exception:
        return BROKEN


def _reencoded(content: bytes, picture_format: str) -> Picture | Problem:
    image: Image.Image = Image.open(BytesIO(content), formats=[picture_format])
    # Only the header has been read so far.
    most = MAX_WEBP_PIXELS if picture_format == "WEBP" else MAX_PIXELS
    if image.width * image.height > most or max(image.size) > MAX_SIDE:
        return TOO_MANY_PIXELS
    image.load()
    options = SAVE_OPTIONS | _quality(image, content)
    # Assigned to the same name, to free the original's 50 MB of pixels.
    image = _stripped(image)
    saved = _saved(image, picture_format, **options)
    if len(saved) > MAX_REENCODED:
        return TOO_LARGE_REENCODED
    name = f"{sha256(saved).hexdigest()}.{SUFFIXES[picture_format]}"
    small = _in_mode(image, _colour_mode(image))
    small.thumbnail((SMALL_WIDTH, MAX_SIDE))
    small.info = {}
    return Picture(name, saved, _saved(small, "WEBP", quality=80))


def _quality(original: Image.Image, content: bytes) -> dict[str, Any]:
    """Return the original's own quality, unless it is a JPEG for print (CMYK)."""
    if isinstance(original, JpegImagePlugin.JpegImageFile) and original.mode != "CMYK":
        sampling = JpegImagePlugin.get_sampling(original)
        return {"qtables": original.quantization, "subsampling": sampling, "quality": -1}
    return {"lossless": True} if b"VP8L" in (content[12:16], content[30:34]) else {}


def _stripped(image: Image.Image) -> Image.Image:
    ImageOps.exif_transpose(image, in_place=True)
    image = _in_srgb(image)
    if image.mode.startswith("I"):
        # 16 bits of grey, of which `convert` would drop the upper 8.
        image = image.point(lambda grey: grey * (1 / 256)).convert("L")
    # All else would be saved again: comments, profiles, the place.
    image.info = {name: image.info[name] for name in {"transparency"} & image.info.keys()}
    return image


def _in_srgb(image: Image.Image) -> Image.Image:
    profile, target = image.info.get("icc_profile"), _colour_mode(image)
    if not profile or MULTI_PROCESS in profile or image.mode in {"1", "L", "LA"}:
        return image.convert("RGB") if image.mode == "CMYK" else image
    image = image if image.mode == "CMYK" else _in_mode(image, target)
    try:
        source, srgb = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
        shown = ImageCms.profileToProfile(image, source, srgb, outputMode=target)
    except (ImageCms.PyCMSError, OSError):
        # Browsers ignore broken profiles too.
        return image.convert(target)
    return cast(Image.Image, shown)


def _colour_mode(image: Image.Image) -> str:
    return "RGBA" if image.has_transparency_data else "RGB"


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    # `convert` would copy an image that has the mode already.
    return image if image.mode == mode else image.convert(mode)


def _saved(image: Image.Image, picture_format: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, picture_format, **options)
    return file.getvalue()
