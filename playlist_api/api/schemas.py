"""The base of all answers' schemas, and the schema of errors."""

from functools import cached_property
from typing import Any

from marshmallow import fields
from marshmallow.validate import OneOf

from playlist_api.api.fields import CamelCase
from playlist_api.errors import PROBLEM_CODES, STATUSES, code_of


class ResponseSchema(CamelCase):
    """An answer, which always has all fields but those with `metadata={"always": False}`."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Declare the field as required in the OpenAPI document."""
        super().on_bind_field(field_name, field_obj)
        field_obj.required = field_obj.metadata.get("always", True)

    @cached_property
    def names(self) -> dict[str, str]:
        """The attribute that each field is read from, by the field's name in JSON, in order."""
        return {str(field.data_key): field.attribute or name for name, field in self.fields.items()}


class ProblemSchema(ResponseSchema):
    """What is wrong with one field of the request, or with its `body` as a whole."""

    field = fields.String()
    code = fields.String(validate=OneOf(PROBLEM_CODES))
    message = fields.String()


class FailureSchema(ResponseSchema):
    """What went wrong: `code` is for programs, `message` for people."""

    code = fields.String(validate=OneOf([code_of(status) for status in STATUSES]))
    message = fields.String()
    details = fields.List(
        fields.Nested(ProblemSchema),
        metadata={"always": False, "description": "One row for each problem, with a 400."},
    )


class ErrorSchema(ResponseSchema):
    """The body of every answer of 400 and above."""

    error = fields.Nested(FailureSchema)


error_schema = ErrorSchema()
