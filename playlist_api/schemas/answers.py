"""What clients get: each schema is built once, at the end, and named for its role.

The class's docstring and `example` are what the OpenAPI document says of it.
"""

from functools import cached_property
from typing import Any

from marshmallow import fields
from marshmallow.validate import Length, OneOf, Range, Regexp

from playlist_api import models
from playlist_api.media import NAME
from playlist_api.schemas.bodies import LARGEST_PAGE
from playlist_api.schemas.cursors import WELL_FORMED
from playlist_api.schemas.fields import BigInteger, CamelCase, Timestamp


class Answer(CamelCase):
    """What clients get, with every field in it, always."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Promise the field, unless it says itself that it may be left out."""
        super().on_bind_field(field_name, field_obj)
        field_obj.required = field_obj.metadata.get("always", True)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The fields' names, in their order."""
        return tuple(str(field.data_key) for field in self.fields.values())


class UserAnswer(Answer):
    """A user, without anything secret."""

    example = {
        "id": "7f9c24e8-3b12-4fef-91e0-4c1c6a2d8f55",
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "role": "user",
        "createdAt": "2026-11-23T10:15:30.123456Z",
        "updatedAt": "2026-11-23T10:15:30.123456Z",
    }

    id = fields.UUID()
    name = fields.String(validate=Length(max=models.NAME_LENGTH))
    email = fields.String(validate=Length(max=models.EMAIL_LENGTH))
    role = fields.String(validate=OneOf(models.ROLES))
    created_at = Timestamp()
    updated_at = Timestamp()


class SignedInAnswer(Answer):
    """A user and their access token; the refresh token travels in its cookie."""

    example = {"accessToken": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3ZjljMjRlOCJ9.c2lnbmF0dXJl"}

    user = fields.Nested(UserAnswer)
    access_token = fields.String(
        metadata={"description": "For `Authorization: Bearer …`, for 15 minutes."}
    )


class SessionAnswer(Answer):
    """A session, and whether it is the one that asks."""

    example = {
        "id": "b3d1f2a6-6c0e-4a5b-8d57-90f1c2e3a4b5",
        "createdAt": "2026-11-23T10:15:30.123456Z",
        "lastUsedAt": "2026-11-23T10:30:12.654321Z",
        "expiresAt": "2026-11-30T10:30:12.654321Z",
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
        "current": True,
    }

    id = fields.UUID(attribute="session.id")
    created_at = Timestamp(attribute="session.created_at")
    # One in use is refreshed every few minutes, so that not every request needs to write.
    last_used_at = Timestamp(
        attribute="session.rotated_at", metadata={"description": "When it was last refreshed."}
    )
    expires_at = Timestamp(attribute="session.expires_at")
    user_agent = fields.String(
        validate=Length(max=models.USER_AGENT_LENGTH),
        attribute="session.user_agent",
        metadata={"description": "What the device says it is."},
    )
    current = fields.Boolean(metadata={"description": "Whether it is the one that asks."})


class SessionListAnswer(Answer):
    """All of somebody's sessions."""

    items = fields.List(fields.Nested(SessionAnswer))


class MovieAnswer(Answer):
    """A movie of somebody's list."""

    example = {
        "id": 42,
        "title": "Heat",
        "year": "1995",
        "imageUrl": "https://example.com/heat.jpg",
        "ownerId": "7f9c24e8-3b12-4fef-91e0-4c1c6a2d8f55",
        "createdAt": "2026-11-23T10:20:00.000001Z",
        "updatedAt": "2026-11-23T10:20:00.000001Z",
    }

    id = BigInteger()
    title = fields.String(validate=Length(max=models.TITLE_LENGTH))
    year = fields.String(
        validate=Length(equal=4), allow_none=True, metadata={"description": "Four digits."}
    )
    image_url = fields.String(
        validate=Length(max=models.URL_LENGTH),
        allow_none=True,
        metadata={"description": "Where its picture is."},
    )
    owner_id = fields.UUID(metadata={"description": "The user on whose list it is."})
    created_at = Timestamp()
    updated_at = Timestamp()


class PasswordResetLinkAnswer(Answer):
    """A link to reset a password that has been mailed and not used."""

    example = {"expiresAt": "2026-11-23T11:00:00.000000Z"}

    expires_at = Timestamp()


class IdempotencyKeyAnswer(Answer):
    """That a movie was added with an `Idempotency-Key`; the key itself is not kept."""

    example = {
        "movieId": 42,
        "createdAt": "2026-11-23T10:20:00.000001Z",
        "expiresAt": "2026-11-24T10:20:00.000001Z",
    }

    movie_id = BigInteger()
    created_at = Timestamp()
    expires_at = Timestamp()


class PictureAnswer(Answer):
    """A picture that somebody has sent, and the bytes that it takes with the small one of it."""

    example = {
        "name": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.jpg",
        "bytes": 183402,
        "createdAt": "2026-11-23T10:20:00.000001Z",
    }

    name = fields.String(validate=[Length(max=models.PICTURE_LENGTH), Regexp(NAME)])
    bytes = BigInteger()
    created_at = Timestamp()


class ExportAnswer(Answer):
    """Everything that the service holds on somebody."""

    example = {"exportedAt": "2026-11-23T10:45:00.000000Z"}

    exported_at = Timestamp()
    user = fields.Nested(UserAnswer)
    sessions = fields.List(fields.Nested(SessionAnswer))
    password_resets = fields.List(fields.Nested(PasswordResetLinkAnswer))
    idempotency_keys = fields.List(fields.Nested(IdempotencyKeyAnswer))
    pictures = fields.List(fields.Nested(PictureAnswer))
    movies = fields.List(fields.Nested(MovieAnswer))


class PageMetaAnswer(Answer):
    """Where in its list a page stands."""

    example = {"page": 1, "limit": 20, "total": 1, "totalPages": 1}

    page = fields.Integer(
        allow_none=True, metadata={"description": "Null where a `cursor` was asked for instead."}
    )
    limit = fields.Integer(validate=Range(1, LARGEST_PAGE), metadata={"format": "int32"})
    total = BigInteger(metadata={"description": "Movies in the list, or those found."})
    total_pages = BigInteger()
    next = fields.String(
        allow_none=True,
        validate=WELL_FORMED,
        metadata={
            "always": False,
            "description": "The `cursor` of what follows, if there is more; given with a `search`,"
            " `year`, `sort` or `cursor`.",
        },
    )
    previous = fields.String(
        allow_none=True,
        validate=WELL_FORMED,
        metadata={"always": False, "description": "The same of what comes before."},
    )


class MoviePageAnswer(Answer):
    """A page of somebody's list."""

    items = fields.List(fields.Nested(MovieAnswer), validate=Length(max=LARGEST_PAGE))
    meta = fields.Nested(PageMetaAnswer)


class HealthAnswer(Answer):
    """All is well."""

    example = {"status": "ok"}

    status = fields.String(validate=OneOf(["ok"]))


class DocumentAnswer(Answer):
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


user_answer = UserAnswer()
signed_in_answer = SignedInAnswer()
session_list_answer = SessionListAnswer()
export_answer = ExportAnswer()
export_head = ExportAnswer(exclude=["idempotency_keys", "pictures", "movies"])
idempotency_key_answer = IdempotencyKeyAnswer()
picture_answer = PictureAnswer()
document_answer = DocumentAnswer()
health_answer = HealthAnswer()
movie_answer = MovieAnswer()
movie_page_answer = MoviePageAnswer()
