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


class MovieAnswer(CamelCase):
    """A movie of somebody's list."""

    id = fields.Integer()
    title = fields.String()
    year = fields.String()
    image_url = fields.String()
    owner_id = fields.UUID()
    created_at = Timestamp()
    updated_at = Timestamp()


class PageMeta(CamelCase):
    """Where in its list a page stands."""

    page = fields.Integer()
    limit = fields.Integer()
    total = fields.Integer()
    total_pages = fields.Integer()


class MoviePageAnswer(CamelCase):
    """A page of somebody's list."""

    items = fields.List(fields.Nested(MovieAnswer))
    meta = fields.Nested(PageMeta)


user_answer = UserAnswer()
signed_in_answer = SignedInAnswer()
movie_answer = MovieAnswer()
movie_page_answer = MoviePageAnswer()
