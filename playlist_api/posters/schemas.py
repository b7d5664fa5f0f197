"""Pictures in JSON, as browsers' `FileReader.readAsDataURL` writes them."""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Length, Regexp

from playlist_api.api.fields import BigInteger, Text, Timestamp, web_address
from playlist_api.api.schemas import ResponseSchema
from playlist_api.db.models import PICTURE_LENGTH, URL_LENGTH
from playlist_api.errors import Problem
from playlist_api.posters.images import NO_PICTURE, Picture, Unusable, checked
from playlist_api.posters.media import NAME, TYPES, media

MAX_PICTURE = 2 * 1024 * 1024
"""Bytes."""

MAX_BASE64 = (MAX_PICTURE + 2) // 3 * 4
MAX_DATA_URL = len("data:image/jpeg;base64,") + MAX_BASE64

SCHEME = "data:"
FORMATS = {media_type: media_type.rpartition("/")[2].upper() for media_type in TYPES.values()}
"""Pillow's names of the formats that are taken, by their media types."""

DATA_URL = re.compile(rf"data:({'|'.join(FORMATS)});base64,", re.IGNORECASE)
OF_A_PICTURE = re.compile(rf"data:({'|'.join(FORMATS)})[;,]", re.IGNORECASE)

JSON_SCHEMA = {
    "maxLength": MAX_DATA_URL,
    "anyOf": [
        {
            "format": "uri",
            "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s\\]+$",
            "maxLength": URL_LENGTH,
        },
        {
            "pattern": rf"^data:({'|'.join(FORMATS)});base64,[A-Za-z0-9+/]+={{0,2}}$",
            "maxLength": MAX_DATA_URL,
        },
    ],
}

NO_MEDIA = Problem("unsupported", "must be an http or https URL: pictures are not kept here.")
NO_BASE64 = Problem(
    "malformed",
    "must be data:, the type, ;base64, and base64 (RFC 4648) without spaces.",
)
TOO_LARGE = Problem("too_large", "must have at most 2 MiB.")


class ImageUrl(Text):
    """Where a picture is; or a `Picture`, where it comes itself as a `data:` URL (RFC 2397)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(web_address, **kwargs)
        self.json_schema = JSON_SCHEMA

    def _deserialize(self, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(*args, **kwargs)
        if text[: len(SCHEME)].lower() == SCHEME:
            return picture_of(text)
        if len(text) > URL_LENGTH:
            raise self.make_error("too_long", max_length=URL_LENGTH)
        return text

    def _validate(self, value: Any) -> None:
        if not isinstance(value, Picture):
            super()._validate(value)


def picture_of(data_url: str) -> Picture:
    """Take a picture out of its `data:` URL, and check it.

    :raises ValidationError: when there is none, or none that is taken.
    :raises TooManyRequests, ServiceUnavailable: when too many are being checked already.
    """
    if media() is None:
        raise ValidationError(NO_MEDIA)
    if not OF_A_PICTURE.match(data_url):
        raise ValidationError(NO_PICTURE)
    start = DATA_URL.match(data_url)
    if not start:
        raise ValidationError(NO_BASE64)
    try:
        return checked(_decoded(data_url[start.end() :]), FORMATS[start[1].lower()])
    except Unusable as error:
        raise ValidationError(error.args[0]) from error


def _decoded(base64: str) -> bytes:
    if len(base64) > MAX_BASE64:
        raise ValidationError(TOO_LARGE)
    try:
        content = a2b_base64(base64, strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise ValidationError(NO_BASE64) from error
    if len(content) > MAX_PICTURE:
        raise ValidationError(TOO_LARGE)
    return content


class PictureSchema(ResponseSchema):
    """A picture that a user has uploaded, and the bytes it takes, its thumbnail included."""

    example = {
        "name": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.jpg",
        "bytes": 183402,
        "createdAt": "2026-11-23T10:20:00.000001Z",
    }

    name = fields.String(validate=[Length(max=PICTURE_LENGTH), Regexp(NAME)])
    bytes = BigInteger()
    created_at = Timestamp()


picture_schema = PictureSchema()
