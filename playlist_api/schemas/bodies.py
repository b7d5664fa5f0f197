"""What clients send: each schema is built once, at the end, and named for its role."""

from flask import current_app
from marshmallow import ValidationError
from marshmallow.validate import Length, Regexp

from playlist_api.models import NAME_LENGTH, TITLE_LENGTH, URL_LENGTH
from playlist_api.schemas.fields import (
    CamelCase,
    EmailAddress,
    Text,
    Trimmed,
    WholeNumber,
    at_most,
    not_blank,
    web_address,
)
from playlist_api.security.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD, is_common

PAGE_SIZE = 20
LARGEST_PAGE = 100


def not_common(password: str) -> None:
    """Refuse what every attacker tries first (OWASP ASVS 5.0, 6.2.4), where this is switched on."""
    if current_app.config["PASSWORD_BLOCKLIST"] and is_common(password):
        raise ValidationError("Is one of the most common passwords, which are guessed first.")


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


sign_up_body = SignUp()
log_in_body = LogIn()
movie_body = MovieFields()
movie_changes = MovieFields(partial=True)
page_query = PageQuery()
