"""What clients send: each schema is built once, at the end, and named for its role.

The class's docstring and `example` are what the OpenAPI document says of it.
"""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Length, OneOf, Regexp

from playlist_api.errors import Invalid, Problem
from playlist_api.models import NAME_LENGTH, TITLE_LENGTH, URL_LENGTH
from playlist_api.schemas.cursors import NEWEST_FIRST, SORTS, Cursor
from playlist_api.schemas.fields import (
    AccountEmail,
    CamelCase,
    EmailAddress,
    Text,
    Trimmed,
    WholeNumber,
    email_address,
    not_blank,
    web_address,
)
from playlist_api.schemas.pictures import ImageUrl
from playlist_api.security.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD, weakness

PAGE_SIZE = 20
LARGEST_PAGE = 100


class NewPassword(Text):
    """A password that somebody chooses."""

    def __init__(self, **kwargs: Any) -> None:
        predicate = f"must have at least {SHORTEST_PASSWORD} characters."
        longer = Length(min=SHORTEST_PASSWORD, error=Problem("too_short", predicate))
        super().__init__(longer, max_length=LONGEST_PASSWORD, required=True, **kwargs)


class SignUp(CamelCase):
    """What an account is made of."""

    example = {
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "password": "correct horse battery",
    }

    name = Trimmed(not_blank, max_length=NAME_LENGTH, required=True)
    email = EmailAddress(email_address, required=True)
    password = NewPassword()

    @validates_schema(skip_on_field_errors=False)
    def _is_strong(self, account: dict[str, Any], **_: Any) -> None:
        if "password" in account:
            about = {"name": account.get("name", ""), "email": account.get("email", "")}
            if problem := weakness(account["password"], **about):
                raise ValidationError(problem, "password")


class LogIn(CamelCase):
    """Who claims to be whom; a password of any length can be wrong."""

    example = {"email": "ada@example.com", "password": "correct horse battery"}

    email = AccountEmail(not_blank, required=True)
    password = Text(not_blank, required=True)


class ProfileChanges(CamelCase):
    """What people may change of their account; the password goes with a new e-mail."""

    example = {"name": "Ada King"}

    name = Trimmed(not_blank, max_length=NAME_LENGTH)
    # The service checks it by `email_address`, unless it is the one that the user has.
    email = EmailAddress(not_blank)
    current_password = Text(not_blank, metadata={"description": "Needed for a new e-mail."})


class PasswordChange(CamelCase):
    """The password that is, and the one that is to be."""

    example = {
        "currentPassword": "correct horse battery",
        "newPassword": "a staple of another kind",
    }

    current_password = Text(not_blank, required=True)
    new_password = NewPassword()


class Confirmation(CamelCase):
    """The password of somebody who is about to do what cannot be undone."""

    example = {"currentPassword": "correct horse battery"}

    current_password = Text(not_blank, required=True)


class ForgottenPassword(CamelCase):
    """Where to mail a link."""

    example = {"email": "ada@example.com"}

    email = AccountEmail(not_blank, required=True)


class PasswordReset(CamelCase):
    """What the mailed link held, and the password that is to be."""

    example = {
        "token": "Zk3v0yq8m1cQnJ4wT7uXe2RbLsDpHf9aGiKoYtWvM5c",
        "newPassword": "a staple of another kind",
    }

    token = Text(not_blank, required=True)
    new_password = NewPassword()


class ImportedMovie(CamelCase):
    """A movie as files have it; what is left out is null."""

    example: dict[str, Any] = {
        "title": "Heat",
        "year": "1995",
        "imageUrl": "https://example.com/heat.jpg",
    }

    title = Trimmed(not_blank, max_length=TITLE_LENGTH, required=True)
    year = Text(
        Regexp(r"[0-9]{4}\Z", error=Problem("invalid", "must be a year of four digits.")),
        allow_none=True,
        load_default=None,
        metadata={"description": "Four digits.", "maxLength": len("1999")},
    )
    image_url = Text(
        web_address,
        max_length=URL_LENGTH,
        allow_none=True,
        load_default=None,
        metadata={"description": "An absolute http or https URL, without credentials."},
    )


class NewMovie(ImportedMovie):
    """A movie to be put on a list; what is left out is null."""

    image_url = ImageUrl(
        allow_none=True,
        load_default=None,
        metadata={
            "description": (
                "An absolute http or https URL, without credentials; or the picture itself, a PNG,"
                " JPEG, WebP or GIF of at most 2 MiB, as a `data:` URL in base64. The answer then"
                " has the URL where it is kept."
            )
        },
    )


class MovieChanges(NewMovie):
    """Changes of a movie; fields left out keep their value, and null clears."""

    example = {"year": "1996", "imageUrl": None}


def in_order(years: str) -> None:
    """Refuse a range of years that ends before it begins."""
    first, _, last = years.partition("..")
    if last and last < first:
        raise Invalid("invalid", "must begin with the earlier year.")


NO_YEARS = Problem("invalid", "must be like 1999 or 1990..1999.")


class PageQuery(CamelCase):
    """Which part of a list is asked for, and in which order."""

    page = WholeNumber(
        1,
        load_default=1,
        metadata={"description": "Which page; past the end they are empty.", "examples": [1]},
    )
    limit = WholeNumber(
        1,
        LARGEST_PAGE,
        load_default=PAGE_SIZE,
        metadata={
            "description": "How many movies a page has.",
            "format": "int32",
            "examples": [PAGE_SIZE],
        },
    )
    cursor = Cursor(
        metadata={
            "description": "Where the page begins or ends, as a `Link` or `meta` says it; not"
            " together with `page`, nor with a `sort` that is not its own.",
            "examples": ["AgAAAAAAAAAqAAZg7u-vdAE"],
        },
    )
    search = Text(
        max_length=TITLE_LENGTH,
        metadata={
            "description": "Words of the title, whatever their order, case and accents; the last"
            " one may be the beginning of a word.",
            "examples": ["redemption shaw"],
        },
    )
    year = Text(
        Regexp(
            r"[0-9]{4}(\.\.[0-9]{4})?\Z",
            error=NO_YEARS,
        ),
        in_order,
        metadata={
            "description": "A year, or the first and the last one.",
            "maxLength": len("1990..1999"),
            "examples": ["1999", "1990..1999"],
        },
    )
    sort = fields.String(
        validate=OneOf(SORTS, error=Problem("invalid", f"must be one of {', '.join(SORTS)}.")),
        error_messages={"invalid": Problem("invalid", "must be a string.")},
        metadata={
            "description": "The order; a `-` turns it around. By default it is that of the"
            f" `cursor`, or `{NEWEST_FIRST}`. A movie without a year is older than all others.",
            "examples": ["title"],
        },
    )


sign_up_body = SignUp()
log_in_body = LogIn()
profile_changes = ProfileChanges()
password_change = PasswordChange()
confirmation = Confirmation()
forgotten_password = ForgottenPassword()
password_reset = PasswordReset()
imported_movie = ImportedMovie()
movie_body = NewMovie()
movie_changes = MovieChanges(partial=True)
page_query = PageQuery()
