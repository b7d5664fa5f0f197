"""Pictures as clients send them."""

from base64 import b64encode
from functools import cache
from io import BytesIO
from typing import Any

from PIL import Image


def data_url(image: Image.Image, picture_format: str, **how: Any) -> str:
    """Write an image as a browser's `FileReader` does."""
    content = BytesIO()
    image.save(content, picture_format, **how)
    return f"data:image/{picture_format.lower()};base64,{b64encode(content.getvalue()).decode()}"


@cache
def largest_pictures() -> dict[str, str]:
    """Return the largest picture that is accepted of each format: 12.5 megapixels, of a WebP 4."""
    size = 4330, 2886
    return {
        "PNG": data_url(Image.new("RGB", size), "PNG"),
        "GIF": data_url(Image.new("P", size), "GIF"),
        "WebP": data_url(Image.radial_gradient("L").resize((2000, 2000)).convert("RGB"), "WEBP"),
        "JPEG": data_url(Image.linear_gradient("L").resize(size), "JPEG", progressive=True),
        "JPEG of noise": data_url(Image.effect_noise(size, 40), "JPEG", quality=5),
    }
