"""`make screenshots`: pictures of pages with a palette, in less than half of the space."""

import sys
from pathlib import Path

from PIL import Image


def shrink(path: Path) -> None:
    """Write a PNG anew with 256 colours, which is all that a page has."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        shrink(Path(name))
