"""The shape of every body and query, in and out. Schemas check and convert, and ask no database.

Names are snake_case in Python and camelCase for clients: `CamelCase` translates, so that each
field is written once. Every schema is built once, at the end, and named for its role.
"""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from marshmallow import EXCLUDE, Schema, ValidationError, fields
from marshmallow.validate import URL, Email, Length, Range, Regexp

from playlist_api.models import EMAIL_LENGTH, NAME_LENGTH, TITLE_LENGTH, URL_LENGTH
from playlist_api.security.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD, is_common

PAGE_SIZE = 20
LARGEST_PAGE = 100

CONTROL_OR_SURROGATE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Unicode's categories Cc, which no line of text needs, and Cs, which UTF-8 cannot carry."""

SPACES = "\u0020\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""Unicode's category Zs. `str.strip()` would take control characters too, which are refused."""


class CamelCase(Schema):
    """A schema that is camelCase outside and ignores the fields that it does not know."""

    class Meta:
        unknown = EXCLUDE

    error_messages = {"type": "Must be a JSON object."}

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Give the field the name that clients know: `image_url` is their `imageUrl`."""
        first, *others = field_name.split("_")
        field_obj.data_key = first + "".join(word.capitalize() for word in others)


def clean(text: str) -> None:
    """Refuse what PostgreSQL, UTF-8 or a terminal could choke on."""
    if CONTROL_OR_SURROGATE.search(text):
        raise ValidationError("Must not contain control characters.")


not_blank = Length(min=1, error="Must not be blank.")


def at_most(characters: int) -> Length:
    """Bound a text from above, so that it fits its column."""
    return Length(max=characters, error=f"Must have at most {characters} characters.")


class Text(fields.String):
    """A line of clean text, whatever else is asked of it by `checks`."""

    default_error_messages = {
        "required": "Must be given.",
        "null": "Must not be null.",
        "invalid": "Must be a string.",
    }

    def __init__(self, *checks: Any, **kwargs: Any) -> None:
        super().__init__(validate=[clean, *checks], **kwargs)


class Trimmed(Text):
    """Text without the spaces around it."""

    def _deserialize(self, *args: Any, **kwargs: Any) -> str:
        return super()._deserialize(*args, **kwargs).strip(SPACES)


class EmailAddress(Trimmed):
    """An e-mail address in lower case, as it is stored and compared."""

    def __init__(self, **kwargs: Any) -> None:
        shape = Email(error="Must be an e-mail address.")
        super().__init__(shape, at_most(EMAIL_LENGTH), **kwargs)

    def _deserialize(self, *args: Any, **kwargs: Any) -> str:
        return super()._deserialize(*args, **kwargs).lower()


def not_common(password: str) -> None:
    """Refuse what every attacker tries first (OWASP ASVS 5.0, 6.2.4), where this is switched on."""
    if current_app.config["PASSWORD_BLOCKLIST"] and is_common(password):
        raise ValidationError("Is one of the most common passwords, which are guessed first.")


def web_address(text: str) -> None:
    """Refuse what is no plain http(s) URL of a host: other schemes, credentials, spaces."""
    shape = URL(schemes={"http", "https"}, require_tld=False, error="Must be an http or https URL.")
    parts = urlsplit(shape(text))
    try:
        odd = parts.username is not None or parts.port == 0 or re.search(r"\s", text)
    except ValueError:
        odd = True
    if odd:
        raise ValidationError("Must be an http or https URL.")


class WholeNumber(fields.Field[int]):
    """A number of a query string, in plain ASCII digits: `int()` would take `+1` and `1_0`."""

    def __init__(self, smallest: int, largest: int | None = None, **kwargs: Any) -> None:
        bounds = f"from {smallest}" + (f" to {largest}" if largest else "")
        self.message = f"Must be a whole number {bounds}."
        super().__init__(validate=Range(smallest, largest, error=self.message), **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        # A parameter given twice arrives as a list; 4,300 digits is where int() itself gives up.
        if not (isinstance(value, str) and re.fullmatch("[0-9]{1,4300}", value)):
            raise ValidationError(self.message)
        return int(value)


class Timestamp(fields.Field[datetime]):
    """A moment as ISO 8601 in UTC, ending in `Z`."""

    def _serialize(self, value: Any, *_: Any, **__: Any) -> str:
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


class SignUp(CamelCase):
    """What an account is made of."""

    name = Trimmed(not_blank, at_most(NAME_LENGTH), required=True)
    email = EmailAddress(required=True)
    password = Text(
        Length(min=SHORTEST_PASSWORD, error=f"Must have at least {SHORTEST_PASSWORD} characters."),
        at_most(LONGEST_PASSWORD),
        not_common,
        required=True,
    )


class LogIn(CamelCase):
    """Who claims to be whom; a password of any length can be wrong."""

    email = EmailAddress(required=True)
    password = Text(not_blank, required=True)


class MovieFields(CamelCase):
    """What a client may set of a movie."""

    title = Trimmed(not_blank, at_most(TITLE_LENGTH), required=True)
    year = Text(
        Regexp(r"[0-9]{4}\Z", error="Must be a year of four digits."),
        allow_none=True,
        load_default=None,
    )
    image_url = Text(web_address, at_most(URL_LENGTH), allow_none=True, load_default=None)


class PageQuery(CamelCase):
    """Which part of a list is asked for."""

    page = WholeNumber(1, load_default=1)
    limit = WholeNumber(1, LARGEST_PAGE, load_default=PAGE_SIZE)


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


sign_up_body = SignUp()
log_in_body = LogIn()
movie_body = MovieFields()
movie_changes = MovieFields(partial=True)
page_query = PageQuery()

user_answer = UserAnswer()
signed_in_answer = SignedInAnswer()
movie_answer = MovieAnswer()
movie_page_answer = MoviePageAnswer()


def problems(error: ValidationError) -> list[dict[str, str]]:
    """List each problem with the name that the client gave its field, `body` for the whole."""
    return [
        {"field": "body" if field == "_schema" else field, "message": message}
        for field, messages in error.normalized_messages().items()  # type: ignore[no-untyped-call]
        for message in messages
    ]
