"""What clients get when something went wrong: one shape, whatever it was."""

from marshmallow import fields
from marshmallow.validate import OneOf

from playlist_api.errors import ALL_CODES, PROBLEM_CODES
from playlist_api.schemas.answers import Answer


class ProblemAnswer(Answer):
    """What is wrong with one field, which has the client's name for it; `body` is the whole."""

    example = {"field": "title", "code": "blank", "message": "Title must not be blank."}

    field = fields.String()
    code = fields.String(validate=OneOf(PROBLEM_CODES))
    message = fields.String()


class FailureAnswer(Answer):
    """What went wrong: `code` is for programs, `message` for people."""

    example = {"code": "VALIDATION_ERROR", "message": "Title must not be blank."}

    code = fields.String(validate=OneOf(ALL_CODES))
    message = fields.String()
    details = fields.List(
        fields.Nested(ProblemAnswer),
        metadata={"always": False, "description": "One row for each problem, with a 400."},
    )


class ErrorAnswer(Answer):
    """The one shape of every answer of 400 and above."""

    error = fields.Nested(FailureAnswer)


error_answer = ErrorAnswer()
