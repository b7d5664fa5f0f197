"""What clients get when something went wrong: one shape, whatever it was."""

from marshmallow import fields
from marshmallow.validate import OneOf

from playlist_api.api.schemas import ResponseSchema
from playlist_api.errors import ALL_CODES, PROBLEM_CODES


class ProblemSchema(ResponseSchema):
    """What is wrong with one field, which has the client's name for it; `body` is the whole."""

    example = {"field": "title", "code": "blank", "message": "Title must not be blank."}

    field = fields.String()
    code = fields.String(validate=OneOf(PROBLEM_CODES))
    message = fields.String()


class FailureSchema(ResponseSchema):
    """What went wrong: `code` is for programs, `message` for people."""

    example = {"code": "VALIDATION_ERROR", "message": "Title must not be blank."}

    code = fields.String(validate=OneOf(ALL_CODES))
    message = fields.String()
    details = fields.List(
        fields.Nested(ProblemSchema),
        metadata={"always": False, "description": "One row for each problem, with a 400."},
    )


class ErrorSchema(ResponseSchema):
    """The one shape of every answer of 400 and above."""

    error = fields.Nested(FailureSchema)


error_schema = ErrorSchema()
