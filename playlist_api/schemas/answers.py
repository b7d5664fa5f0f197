"""What clients get: each schema is built once, at the end, and named for its role."""

from marshmallow import fields

from playlist_api.schemas.fields import CamelCase, Timestamp


class UserAnswer(CamelCase):
    """A user, without anything secret."""

    id = fields.UUID()
    name = fields.String()
    email = fields.String()
    role = fields.String()
    created_at = Timestamp()
    updated_at = Timestamp()


class SignedInAnswer(CamelCase):
    """A user and their access token; the refresh token travels in its cookie."""

    user = fields.Nested(UserAnswer)
    access_token = fields.String()


class SessionAnswer(CamelCase):
    """A session, and whether it is the one that asks."""

    id = fields.UUID(attribute="session.id")
    created_at = Timestamp(attribute="session.created_at")
    # One in use is refreshed every few minutes, so that not every request needs to write.
    last_used_at = Timestamp(attribute="session.rotated_at")
    expires_at = Timestamp(attribute="session.expires_at")
    user_agent = fields.String(attribute="session.user_agent")
    current = fields.Boolean()


class SessionListAnswer(CamelCase):
    """All of somebody's sessions."""

    items = fields.List(fields.Nested(SessionAnswer))


class PasswordResetAnswer(CamelCase):
    """A link to reset a password that has been mailed and not used."""

    expires_at = Timestamp()


class ExportAnswer(CamelCase):
    """Everything that the service holds on somebody, but for the movies."""

    exported_at = Timestamp()
    user = fields.Nested(UserAnswer)
    sessions = fields.List(fields.Nested(SessionAnswer))
    password_resets = fields.List(fields.Nested(PasswordResetAnswer))


class MovieAnswer(CamelCase):
    """A movie of somebody's list."""

    id = fields.Integer()
    title = fields.String()
    year = fields.String()
    image_url = fields.String()
    owner_id = fields.UUID()
    created_at = Timestamp()
    updated_at = Timestamp()


class PageMetaAnswer(CamelCase):
    """Where in its list a page stands."""

    page = fields.Integer()
    limit = fields.Integer()
    total = fields.Integer()
    total_pages = fields.Integer()


class MoviePageAnswer(CamelCase):
    """A page of somebody's list."""

    items = fields.List(fields.Nested(MovieAnswer))
    meta = fields.Nested(PageMetaAnswer)


user_answer = UserAnswer()
signed_in_answer = SignedInAnswer()
session_list_answer = SessionListAnswer()
export_answer = ExportAnswer()
movie_answer = MovieAnswer()
movie_page_answer = MoviePageAnswer()
