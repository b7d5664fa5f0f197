"""The base of all answers, and the answers that belong to no feature."""

from functools import cached_property
from typing import Any

from marshmallow import fields
from marshmallow.validate import OneOf

from playlist_api.api.fields import CamelCase


class ResponseSchema(CamelCase):
    """What clients get, with every field in it, always."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Promise the field, unless it says itself that it may be left out."""
        super().on_bind_field(field_name, field_obj)
        field_obj.required = field_obj.metadata.get("always", True)

    @cached_property
    def names(self) -> dict[str, str]:
        """The attribute that each field is read from, by the field's name in JSON, in order."""
        return {str(field.data_key): field.attribute or name for name, field in self.fields.items()}


class HealthSchema(ResponseSchema):
    """All is well."""

    example = {"status": "ok"}

    status = fields.String(validate=OneOf(["ok"]))


class DocumentSchema(ResponseSchema):
    """An OpenAPI document: https://spec.openapis.org/oas/v3.1.0."""

    example = {
        "openapi": "3.1.0",
        "info": {"title": "Playlist API", "version": "0.1.0"},
        "servers": [{"url": "."}],
        "tags": [{"name": "movies"}],
        "paths": {},
        "components": {},
    }

    openapi = fields.String()
    info = fields.Dict()
    servers = fields.List(fields.Dict())
    tags = fields.List(fields.Dict())
    paths = fields.Dict()
    components = fields.Dict()


document_schema = DocumentSchema()


health_schema = HealthSchema()
