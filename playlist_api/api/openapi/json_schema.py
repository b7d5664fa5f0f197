"""From marshmallow's schemas to JSON Schema, where apispec needs to be told."""

from typing import Any
from uuid import UUID

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, fields
from marshmallow.validate import Regexp

from playlist_api.api.fields import (
    AccountEmail,
    EmailAddress,
    Flag,
    Text,
    Timestamp,
    Trimmed,
    WholeNumber,
)
from playlist_api.db.models import URL_LENGTH
from playlist_api.movies.cursors import BASE64, MAX_CURSOR, CursorField
from playlist_api.posters.schemas import MAX_DATA_URL, PICTURE_FORMATS, ImageUrl

CONTROL = r"\u0000-\u001f\u007f-\u009f"
CLEAN = f"^[^{CONTROL}]*$"
TRIMMED = rf"^[^{CONTROL}]*[^\s\u200b\ufeff{CONTROL}][^{CONTROL}]*$"
"""What `Text` takes, and `Trimmed` once it is, in what regular expressions of all kinds share."""

ANCHOR = r"\Z"
"""Python's end of a text; in JavaScript's regular expressions it is `$`."""

WEB_ADDRESS = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s\\]+$"
PICTURE = rf"^data:({'|'.join(PICTURE_FORMATS)});base64,[A-Za-z0-9+/]+={{0,2}}$"
"""As browsers write it."""

UUID_LENGTH = len(str(UUID(int=0)))
TIMESTAMP_LENGTH = len("0001-01-01T00:00:00.000000Z")
LENGTHS: dict[type, int] = {
    CursorField: MAX_CURSOR,
    Timestamp: TIMESTAMP_LENGTH,
    fields.UUID: UUID_LENGTH,
}
"""The characters of what has no other length than its kind's."""


class Converter(OpenAPIConverter):
    """Knows the fields of this service, and takes a schema's docstring for its description."""

    def schema2jsonschema(self, schema: Schema) -> dict[str, Any]:
        """Add the description."""
        converted = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        return {"description": type(schema).__doc__, **converted}

    def field2default(self, field: fields.Field[Any], **kwargs: Any) -> dict[str, Any]:
        """Leave out null, which goes without saying; and in changes, what is left out stays."""
        default = dict(super().field2default(field, **kwargs))
        return default if default.get("default") is not None else {}

    def field2length(self, field: fields.Field[Any], **kwargs: Any) -> dict[str, Any]:
        """Add the length that a text may have."""
        length = dict(super().field2length(field, **kwargs))
        longest = getattr(field, "max_length", None)
        return {**length, "maxLength": longest} if longest else length

    def field2pattern(self, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
        """Tell of text what its field and its checks let pass."""
        told: dict[str, Any] = {}
        if type(field) in LENGTHS:
            told["maxLength"] = LENGTHS[type(field)]
        if isinstance(field, CursorField):
            told["pattern"] = f"^{BASE64.pattern}$"
        if isinstance(field, EmailAddress):
            return {"format": "idn-email"}
        if isinstance(field, ImageUrl):
            address = {"format": "uri", "pattern": WEB_ADDRESS, "maxLength": URL_LENGTH}
            picture = {"pattern": PICTURE, "maxLength": MAX_DATA_URL}
            return {"maxLength": MAX_DATA_URL, "anyOf": [address, picture]}
        if isinstance(field, Text):
            trimmed = isinstance(field, Trimmed | AccountEmail)
            told["pattern"] = TRIMMED if trimmed else CLEAN
        for check in field.validators:
            if isinstance(check, Regexp):
                told["pattern"] = f"^{str(check.regex.pattern).removesuffix(ANCHOR)}$"
        return told


class Plugin(MarshmallowPlugin):
    """Converts this service's schemas, and names them for what they are to clients."""

    Converter = Converter

    def __init__(self) -> None:
        super().__init__(schema_name_resolver=_name)

    def init_spec(self, spec: Any) -> None:
        """Map the fields that marshmallow does not know."""
        super().init_spec(spec)
        known = {
            CursorField: fields.String,
            Flag: fields.Boolean,
            Timestamp: fields.DateTime,
            WholeNumber: fields.Integer,
        }
        for field, kind in known.items():
            self.map_to_openapi_type(field, kind)  # type: ignore[no-untyped-call]


def _name(schema: Schema | type[Schema]) -> str:
    cls = schema if isinstance(schema, type) else type(schema)
    return cls.__name__.removesuffix("Schema")


def example_of(schema: Schema) -> dict[str, Any]:
    """Compose an example of the schemas' own, those nested in it included."""
    example: dict[str, Any] = getattr(schema, "example", {})
    nested = {
        field.data_key or name: _example_of_field(field)
        for name, field in schema.fields.items()
        if isinstance(getattr(field, "inner", field), fields.Nested)
    }
    return example | nested


def _example_of_field(field: fields.Field[Any]) -> Any:
    if isinstance(field, fields.List):
        return [_example_of_field(field.inner)]
    assert isinstance(field, fields.Nested)  # noqa: S101 - tells mypy what the caller looked for
    return example_of(field.schema)
