"""What is taken for a picture, and what is left of it."""

import gc
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from marshmallow import ValidationError
from PIL import Image, ImageChops, ImageCms, ImageFile, PngImagePlugin

from dev.processes import eventually
from playlist_api.errors import Problem
from playlist_api.posters import images as pictures
from playlist_api.posters.images import (
    BROKEN,
    MISNAMED,
    NO_PICTURE,
    SIGNATURES,
    TOO_LARGE_REENCODED,
    TOO_MANY_PIXELS,
    Picture,
    checked,
    reencode,
)
from tests.support.pictures import FORMATS, commented, file_of, image, opened, written

GPS, CAMERA, ORIENTATION = 0x8825, 0x010F, 0x0112
HIDDEN = b"canary of 52 degrees north"


def drawn(content: bytes, picture_format: str = "") -> Picture:
    kept = reencode(content, picture_format or named(content))
    assert isinstance(kept, Picture), kept
    return kept


def named(content: bytes) -> str:
    """Pillow's name of the format that a file seems to have."""
    found = SIGNATURES.match(content)
    return str(found and found.lastgroup)


def refusal(content: bytes) -> str:
    problem = reencode(content, named(content))
    assert isinstance(problem, Problem)
    return problem


@pytest.mark.parametrize("picture_format", FORMATS)
def test_a_picture_stays_what_it_is_and_gets_a_small_one(picture_format: str) -> None:
    sent = file_of(picture_format)
    kept = drawn(sent)
    written_anew, small = opened(kept.content), opened(kept.small)
    assert (written_anew.format, written_anew.size) == (picture_format, (600, 900))
    assert (small.format, small.size) == ("WEBP", (400, 600))
    assert re.fullmatch(rf"[0-9a-f]{{64}}\.{FORMATS[picture_format]}", kept.name)
    assert kept.size == len(kept.content) + len(kept.small)


@pytest.mark.parametrize("picture_format", FORMATS)
def test_the_same_picture_has_the_same_name(picture_format: str) -> None:
    assert drawn(file_of(picture_format)).name == drawn(file_of(picture_format)).name


def test_a_small_picture_is_not_made_larger() -> None:
    assert opened(drawn(file_of("PNG", 120, 180)).small).size == (120, 180)


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:0"])
def test_a_jpeg_loses_next_to_nothing_and_does_not_grow(quality: int, sampling: str) -> None:
    sent = file_of("JPEG", quality=quality, subsampling=sampling)
    kept = drawn(sent).content
    lost = ImageChops.difference(opened(kept), opened(sent)).convert("L").getextrema()[1]
    assert lost <= 5  # type: ignore[operator]
    assert len(kept) < 1.05 * len(sent)


def test_a_lossless_webp_and_a_png_lose_nothing() -> None:
    for sent in (file_of("WEBP", lossless=True), file_of("PNG")):
        assert opened(drawn(sent).content).tobytes() == opened(sent).tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_a_png_keeps_its_kind_of_colours(mode: str) -> None:
    kept = opened(drawn(written(image(mode=mode), "PNG")).content)
    assert kept.mode == mode


def test_what_is_transparent_stays_so() -> None:
    clear = image(mode="RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, 300, 900))
    few = clear.quantize(16)
    gif = written(few, "GIF", transparency=few.getpixel((10, 10)))
    for sent in (written(clear, "PNG"), written(few, "PNG"), written(clear, "WEBP"), gif):
        kept = drawn(sent)
        for content in (kept.content, kept.small):
            pixels = opened(content).convert("RGBA")
            assert pixels.getpixel((10, 10))[3] == 0  # type: ignore[index]
            assert pixels.getpixel((390, 10))[3] == 255  # type: ignore[index]


def test_grey_of_16_bits_becomes_grey_of_8() -> None:
    steps = Image.frombytes("I;16", (16, 1), struct.pack("<16H", *range(0, 65536, 4096)))
    kept = opened(drawn(written(steps, "PNG")).content)
    assert (kept.mode, kept.tobytes()) == ("L", bytes(range(0, 256, 16)))


def test_a_picture_for_printers_becomes_one_for_screens() -> None:
    sent = written(image(mode="CMYK"), "JPEG", icc_profile=b"no profile")
    assert opened(drawn(sent).content).mode == "RGB"
    assert opened(drawn(written(image(mode="CMYK"), "JPEG")).content).mode == "RGB"


def test_colours_are_right_without_their_profile() -> None:
    # It says that what is called red is a mild grey, as all colours are.
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for colour in (b"rXYZ", b"gXYZ", b"bXYZ"):
        (start,) = struct.unpack_from(">I", profile, profile.index(colour) + 4)
        profile[start + 8 : start + 20] = struct.pack(
            ">3i", *(round(65536 * n / 3) for n in (0.9642, 1, 0.8249))
        )
    red = Image.new("RGB", (500, 500), (255, 0, 0))
    for picture_format in ("PNG", "WEBP", "JPEG"):
        for sent in (red, red.quantize(2)) if picture_format == "PNG" else (red,):
            kept = opened(drawn(written(sent, picture_format, icc_profile=bytes(profile))).content)
            assert "icc_profile" not in kept.info
            channels = kept.convert("RGB").getpixel((250, 250))
            assert max(channels) - min(channels) < 12, channels  # type: ignore[arg-type]


def test_a_photograph_stands_upright() -> None:
    lying, exif = Image.new("RGB", (600, 300), "white"), Image.Exif()
    lying.paste("black", (0, 0, 300, 300))  # the left half, which belongs on top
    exif[ORIENTATION] = 6
    kept = drawn(written(lying, "JPEG", exif=exif))
    upright = opened(kept.content).convert("L")
    assert upright.size == (300, 600)
    assert upright.getpixel((150, 20)) < 50 < 200 < upright.getpixel((150, 580))  # type: ignore[operator]
    assert opened(kept.small).size == (300, 600)


def _with_everything(picture_format: str) -> bytes:
    exif, pnginfo = Image.Exif(), PngImagePlugin.PngInfo()
    exif[CAMERA] = HIDDEN.decode()
    exif.get_ifd(GPS)[1] = "N"
    pnginfo.add_text("Author", HIDDEN.decode())
    pnginfo.add_text("Comment", HIDDEN.decode(), zip=True)
    xmp = b"<x:xmpmeta>%s</x:xmpmeta>" % HIDDEN
    how: dict[str, dict[str, Any]] = {
        "PNG": {"exif": exif, "pnginfo": pnginfo},
        "JPEG": {"exif": exif, "xmp": xmp, "comment": HIDDEN},
        "WEBP": {"exif": exif, "xmp": xmp},
        "GIF": {"comment": HIDDEN},
    }
    return file_of(picture_format, **how[picture_format])


@pytest.mark.parametrize("picture_format", FORMATS)
def test_nothing_is_left_but_the_pixels(picture_format: str) -> None:
    sent = _with_everything(picture_format)
    assert HIDDEN in sent
    kept = drawn(sent)
    for content in (kept.content, kept.small):
        assert HIDDEN not in content
        read = opened(content)
        assert not read.getexif()
        assert not {"comment", "xmp", "exif", "icc_profile", "Author", "Comment"} & set(read.info)


def test_of_a_moving_picture_the_first_frame_is_kept() -> None:
    frames = [Image.new("RGB", (500, 500), colour) for colour in ("red", "blue")]
    for picture_format in ("GIF", "WEBP", "PNG"):
        sent = written(frames[0], picture_format, save_all=True, append_images=frames[1:])
        kept = opened(drawn(sent).content)
        assert not getattr(kept, "is_animated", False)
        red, _, blue = kept.convert("RGB").getpixel((250, 250))  # type: ignore[misc]
        assert red > 200 > 50 > blue


def test_a_telephones_further_pictures_are_left_out() -> None:
    sent = written(image(), "MPO", save_all=True, append_images=[image(300, 300)])
    kept = drawn(sent).content
    assert kept == drawn(file_of("JPEG")).content


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png_bomb() -> bytes:
    """30,000 by 30,000 pixels in a hundred kilobytes."""
    head = struct.pack(">2I5B", 30_000, 30_000, 1, 0, 0, 0, 0)
    packed = zlib.compress(bytes(3751) * 30_000, 1)
    pieces = chunk(b"IHDR", head), chunk(b"IDAT", packed), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


def resized(content: bytes, position: int, size: bytes) -> bytes:
    """Have a picture's head say that it is larger."""
    return content[:position] + size + content[position + len(size) :]


def _jpeg_bomb() -> bytes:
    sent = file_of("JPEG")
    return resized(sent, sent.index(b"\xff\xc0") + 5, b"\xff\xff\xff\xff")


def _many_scans() -> bytes:
    sent = file_of("JPEG", progressive=True)
    last = sent.rindex(b"\xff\xda")
    return sent[:last] + sent[last:-2] * 100 + b"\xff\xd9"


BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG": png_bomb,
    "GIF": lambda: resized(file_of("GIF"), 6, b"\xff\xff\xff\xff"),
    "JPEG": _jpeg_bomb,
    "WebP": lambda: resized(file_of("WEBP", lossless=True), 21, b"\xff\xff\xff\x0f"),
    "just too many": lambda: written(Image.new("1", (4000, 3126)), "PNG"),
    "too many of WebP": lambda: written(Image.new("L", (2000, 2001)), "WEBP"),
    "too long": lambda: written(Image.new("1", (1, 10_001)), "PNG"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(
    bomb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = BOMBS[bomb]()
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    assert refusal(content) == TOO_MANY_PIXELS


def test_a_picture_of_just_so_many_pixels_is_taken() -> None:
    content = written(Image.new("1", (4000, 3125)), "PNG")
    assert opened(drawn(content).content).size == (4000, 3125)


def test_a_profile_that_is_none_or_chains_transformations_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = written(image(), "PNG", icc_profile=b"no profile")
    assert opened(drawn(sent).content).tobytes() == image().tobytes()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    monkeypatch.setattr(ImageCms, "profileToProfile", None)
    assert drawn(written(image(9, 9), "PNG", icc_profile=profile + b"mpet")).content
    assert refusal(written(image(9, 9), "PNG", icc_profile=profile)) == BROKEN


def test_the_pixels_of_a_refused_picture_are_not_kept() -> None:
    def alive() -> int:
        return sum(isinstance(each, Image.Image) for each in gc.get_objects())

    content = written(Image.effect_noise((99, 99), 9), "PNG")[:2000]
    before = alive()
    gc.disable()
    try:
        for _ in range(3):
            with pytest.raises(ValidationError, match=BROKEN):
                checked(content, "PNG")  # which draws in a thread
        eventually(lambda: alive() <= before, "they are let go")
    finally:
        gc.enable()


def test_a_jpeg_of_too_many_scans_is_refused() -> None:
    assert drawn(file_of("JPEG", progressive=True))
    assert refusal(_many_scans()) == BROKEN


def test_what_grows_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = file_of("PNG")
    monkeypatch.setattr(pictures, "MAX_REENCODED", 1000)
    assert refusal(content) == TOO_LARGE_REENCODED


@pytest.mark.parametrize("picture_format", FORMATS)
def test_a_picture_that_lacks_some_of_its_pixels_is_refused(picture_format: str) -> None:
    sent = file_of(picture_format, 60, 90)
    whole = drawn(sent).content
    end = {"PNG": len(b"\0\0\0\0IEND") + 12, "GIF": 2}.get(picture_format, 0)
    for cut in {*range(13, len(sent), 97), *range(len(sent) - 20, len(sent))}:
        if cut < len(sent) - end:
            assert refusal(sent[:cut]) == BROKEN
        else:
            assert drawn(sent[:cut]).content == whole


@pytest.mark.parametrize("picture_format", FORMATS)
def test_a_picture_with_a_flaw_is_refused_or_drawn_and_no_more(picture_format: str) -> None:
    sent = file_of(picture_format, 60, 90)
    for position in range(12, len(sent), 31):
        flawed = bytearray(sent)
        flawed[position] ^= 0xFF
        result = reencode(bytes(flawed), picture_format)
        assert isinstance(result, Picture) or result in {BROKEN, TOO_MANY_PIXELS}


def archive() -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        files.writestr("payload.js", "alert(1)")
    return packed.getvalue()


PAYLOADS = {
    "ZIP": archive(),
    "HTML": b"<html><script>alert(1)</script>",
    "PHP": b"<?php system($_GET['x']); ?>",
    "JavaScript": b"*/=1;alert(1)//",
    "another picture": file_of("PNG", 20, 30),
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=list(PAYLOADS))
@pytest.mark.parametrize("picture_format", FORMATS)
def test_what_is_behind_a_picture_is_left_out(picture_format: str, payload: bytes) -> None:
    sent = file_of(picture_format, 60, 90)
    assert drawn(sent + payload) == drawn(sent)


@pytest.mark.parametrize(
    "comment",
    [PAYLOADS["HTML"], PAYLOADS["PHP"] + b" ", b"%PDF-1.7", archive()],
    ids=["HTML", "PHP", "PDF", "ZIP"],
)
def test_what_is_something_else_as_well_is_so_no_more(comment: bytes) -> None:
    sent = commented(comment)
    assert comment in sent
    kept = drawn(sent)
    assert comment not in kept.content + kept.small
    assert not zipfile.is_zipfile(BytesIO(kept.content))


def test_what_could_be_a_script_is_none_any_more() -> None:
    kept = drawn(file_of("GIF", 0x2F2A & 0xFF, 90, comment=b"*/=1;alert(document.cookie)//"))
    assert b"alert" not in kept.content + kept.small


OTHERS = {
    "nothing": b"",
    "text": b"Heat",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "HTML": PAYLOADS["HTML"],
    "PDF": b"%PDF-1.7\n",
    "ZIP": archive(),
    "BMP": written(image(), "BMP"),
    "TIFF": written(image(), "TIFF"),
    "AVIF": written(image(60, 90), "AVIF"),
    "ICO": written(image(32, 32), "ICO"),
    "a sound": b"RIFF\x24\0\0\0WAVEfmt ",
    "behind something else": b"GIF" + file_of("GIF", 60, 90),
}


@pytest.mark.parametrize("content", OTHERS.values(), ids=list(OTHERS))
def test_what_is_no_picture_of_the_four_formats_is_refused(app: Flask, content: bytes) -> None:
    with app.app_context(), pytest.raises(ValidationError, match=NO_PICTURE):
        checked(content, "PNG")


@pytest.mark.parametrize("named", FORMATS)
@pytest.mark.parametrize("picture_format", FORMATS)
def test_a_picture_is_of_the_type_that_it_is_said_to_be(
    app: Flask, picture_format: str, named: str
) -> None:
    content = file_of(picture_format, 60, 90)
    wrong = pytest.raises(ValidationError, match=MISNAMED)
    with app.app_context(), nullcontext() if named == picture_format else wrong:
        assert checked(content, named)
