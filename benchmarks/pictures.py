"""Pictures as clients send them."""

from base64 import b64encode
from functools import cache
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms

ORIENTATION = 0x0112
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def data_url(image: Image.Image, picture_format: str, **how: Any) -> str:
    """Write an image as a browser's `FileReader` does."""
    content = BytesIO()
    image.save(content, picture_format, **how)
    return f"data:image/{picture_format.lower()};base64,{b64encode(content.getvalue()).decode()}"


@cache
def largest_pictures() -> dict[str, str]:
    """Return the largest picture that is accepted of each kind: 12.5 megapixels, of a WebP 4."""
    size, turned = (4330, 2886), Image.Exif()
    turned[ORIENTATION] = 6
    soft = Image.radial_gradient("L")
    return {
        "PNG": data_url(Image.new("RGB", size), "PNG"),
        "PNG of grey and transparency": data_url(Image.new("LA", size), "PNG"),
        "PNG of a transparent colour": data_url(
            Image.new("RGB", size), "PNG", transparency=(0, 0, 0), exif=turned
        ),
        "PNG with a profile": data_url(
            Image.new("RGBA", size), "PNG", icc_profile=SRGB, exif=turned
        ),
        "GIF": data_url(Image.new("P", size), "GIF"),
        "WebP": data_url(soft.resize((2000, 2000)).convert("RGB"), "WEBP"),
        "JPEG": data_url(soft.resize(size).convert("RGB"), "JPEG", progressive=True),
        "JPEG for printers": data_url(
            soft.resize(size).convert("CMYK"), "JPEG", progressive=True, exif=turned
        ),
        "JPEG of noise": data_url(Image.effect_noise(size, 40), "JPEG", quality=5),
    }
