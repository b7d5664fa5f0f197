"""What schemas are made of, and how their problems are told."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from marshmallow import EXCLUDE, Schema, ValidationError, fields
from marshmallow.validate import Email, Length, Range

from playlist_api.models import EMAIL_LENGTH, LARGEST_ID

CONTROL_OR_SURROGATE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Unicode's categories Cc, which no line of text needs, and Cs, which UTF-8 cannot carry."""

SPACES = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200C))
)
"""What JavaScript's `trim()` takes, and the zero-width space. Python's `strip()` would take further
control characters, which are refused instead."""

LABEL = r"[^\W_]([\w-]{0,61}[^\W_])?"
WEB_ADDRESS = re.compile(
    rf"https?://({LABEL}(\.{LABEL})*\.?|\[[0-9a-f:.]+\])(:[0-9]{{1,5}})?([/?#][^\s\\]*)?",
    re.IGNORECASE,
)
"""A URL of a host, named in any script by labels of at most 63 characters (RFC 1035) or by number,
without credentials."""


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


def email_address(text: str) -> None:
    """Refuse what is no address, or holds what cannot be seen."""
    message = "Must be an e-mail address."
    if not all(character.isascii() or character.isalnum() for character in text):
        raise ValidationError(message)
    Email(error=message)(text)


def canonical_email(text: str) -> str:
    """Spell an e-mail address as it is stored and compared."""
    # NFKC, so that no address looks like another: full-width letters are letters.
    return unicodedata.normalize("NFKC", text.strip(SPACES)).lower()


class EmailAddress(Text):
    """An e-mail address, in its canonical spelling."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(email_address, at_most(EMAIL_LENGTH), **kwargs)

    def _deserialize(self, *args: Any, **kwargs: Any) -> str:
        return canonical_email(super()._deserialize(*args, **kwargs))


def web_address(text: str) -> None:
    """Refuse what is no http(s) URL of a host."""
    try:
        # Checks what the expression cannot: an IPv6 address, the port's range, look-alike slashes.
        possible = urlsplit(text).port != 0
    except ValueError:
        possible = False
    if not (possible and WEB_ADDRESS.fullmatch(text)):
        raise ValidationError("Must be an http or https URL.")


class WholeNumber(fields.Field[int]):
    """A number of a query string, in plain ASCII digits: `int()` would take `+1` and `1_0`."""

    def __init__(self, smallest: int, largest: int | None = None, **kwargs: Any) -> None:
        bounds = f"from {smallest}" + (f" to {largest}" if largest else "")
        self.message = f"Must be a whole number {bounds}."
        super().__init__(validate=Range(smallest, largest, error=self.message), **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        # A parameter given twice arrives as a list; 4,300 digits is where int() itself gives up.
        if not (isinstance(value, str) and re.fullmatch("0|[1-9][0-9]{0,4299}", value)):
            raise ValidationError(self.message)
        return int(value)


class Flag(fields.Field[bool]):
    """Whether or not, as a parameter of a query: marshmallow's own would take `on` and `1`."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        # A parameter given twice arrives as a list.
        if value not in ("true", "false"):
            raise ValidationError("Must be true or false.")
        return bool(value == "true")


class BigInteger(fields.Integer):
    """A count or an id of an answer, as far as PostgreSQL's bigint goes."""

    def __init__(self, metadata: dict[str, Any] | None = None, **kwargs: Any) -> None:
        bounds = Range(0, LARGEST_ID)
        super().__init__(
            validate=bounds, metadata={"format": "int64", **(metadata or {})}, **kwargs
        )


class Timestamp(fields.Field[datetime]):
    """A moment as ISO 8601 in UTC, ending in `Z`."""

    def _serialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        moment: datetime = value.astimezone(UTC)
        return moment


def problems(error: ValidationError) -> list[dict[str, str]]:
    """List each problem with the name that the client gave its field, `body` for the whole."""
    return [
        {"field": "body" if field == "_schema" else field, "message": message}
        for field, messages in error.normalized_messages().items()  # type: ignore[no-untyped-call]
        for message in messages
    ]
