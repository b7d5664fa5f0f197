"""Pictures in JSON: `data:` URLs, as browsers' `FileReader.readAsDataURL` makes them."""

import re
from binascii import a2b_base64
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Length, Regexp

from playlist_api.api.fields import BigInteger, Text, Timestamp, web_address
from playlist_api.api.schemas import ResponseSchema
from playlist_api.db.models import PICTURE_LENGTH, URL_LENGTH
from playlist_api.errors import Problem
from playlist_api.posters.images import NO_PICTURE, Picture, checked
from playlist_api.posters.media import SUFFIXES, TYPES, media

MAX_PICTURE = 2 * 1024 * 1024
"""Bytes."""

MAX_DATA_URL = len("data:image/jpeg;base64,") + (MAX_PICTURE + 2) // 3 * 4

FORMAT_NAMES = "|".join(SUFFIXES).lower()
DATA_URL = re.compile(rf"data:image/({FORMAT_NAMES})(?:(;base64,)|[;,])", re.IGNORECASE)

NO_MEDIA = Problem("unsupported", "must be an http or https URL: pictures are not kept here.")
NO_BASE64 = Problem(
    "malformed", "must be data:, the type, ;base64, and base64 (RFC 4648) without spaces."
)
TOO_LARGE = Problem("too_large", "must have at most 2 MiB.")

PICTURE_OR_URL = {
    "maxLength": MAX_DATA_URL,
    "anyOf": [
        {
            "format": "uri",
            "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s\\]+$",
            "maxLength": URL_LENGTH,
        },
        {"pattern": rf"^data:image/({FORMAT_NAMES});base64,[A-Za-z0-9+/]+={{0,2}}$"},
    ],
}


class ImageUrl(Text):
    """A picture's URL; a `data:` URL (RFC 2397) is loaded as the `Picture` in it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(web_address, **kwargs)
        self.json_schema = PICTURE_OR_URL

    def _deserialize(self, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(*args, **kwargs)
        if text[:5].lower() == "data:":
            return _picture_of(text)
        if len(text) > URL_LENGTH:
            raise self.make_error("too_long", max_length=URL_LENGTH)
        return text

    def _validate(self, value: Any) -> None:
        if not isinstance(value, Picture):
            super()._validate(value)


def _picture_of(data_url: str) -> Picture:
    if media() is None:
        raise ValidationError(NO_MEDIA)
    head = DATA_URL.match(data_url)
    if not head:
        raise ValidationError(NO_PICTURE)
    name, base64 = head.groups()
    if not base64:
        raise ValidationError(NO_BASE64)
    try:
        content = a2b_base64(data_url[head.end() :], strict_mode=True)
    except ValueError as error:
        raise ValidationError(NO_BASE64) from error
    if len(content) > MAX_PICTURE:
        raise ValidationError(TOO_LARGE)
    return checked(content, name.upper())


class PictureSchema(ResponseSchema):
    """A picture that a user has sent, and the bytes it takes with its small version."""

    name = fields.String(
        validate=[
            Length(max=PICTURE_LENGTH),
            Regexp(rf"([0-9a-f]{{64}})\.({'|'.join(TYPES)})"),
        ]
    )
    bytes = BigInteger()
    created_at = Timestamp()


picture_schema = PictureSchema()
