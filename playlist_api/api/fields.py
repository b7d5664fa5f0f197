"""What schemas are made of, and how their problems are told."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from marshmallow import EXCLUDE, Schema, ValidationError, fields
from marshmallow.validate import Length, Range

from playlist_api.db.models import EMAIL_LENGTH, MAX_ID
from playlist_api.errors import Invalid, Problem
from playlist_api.ops.mail import recipient

CONTROL_OR_SURROGATE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Unicode's categories Cc, which no line of text needs, and Cs, which UTF-8 cannot carry."""

SPACES = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200C))
)
"""What JavaScript's `trim()` takes, and the zero-width space. Python's `strip()` would take further
control characters, which are refused instead."""

UNCLEAN = Problem("invalid_characters", "must not contain control characters.")
NO_WEB_ADDRESS = Problem("invalid", "must be an http or https URL.")

MAX_SPACED = 256
"""How many times as long as it may be a text is looked at at all, for what it has of spaces."""

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

    error_messages = {"type": Problem("invalid", "must be a JSON object.")}

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Give the field the name that clients know: `image_url` is their `imageUrl`."""
        first, *others = field_name.split("_")
        field_obj.data_key = first + "".join(word.capitalize() for word in others)


def clean(text: str) -> None:
    """Refuse what PostgreSQL, UTF-8 or a terminal could choke on."""
    if CONTROL_OR_SURROGATE.search(text):
        raise ValidationError(UNCLEAN)


not_blank = Length(min=1, error=Problem("blank", "must not be blank."))


class Text(fields.String):
    """A line of clean text, whatever else is asked of it by `checks`.

    A text of more than `max_length` characters is refused before any of them looks at it.
    """

    default_error_messages = {
        "required": Problem("required", "must be given."),
        "null": Problem("required", "must not be null."),
        "invalid": Problem("invalid", "must be a string."),
        "too_long": Problem("too_long", "must have at most {max_length} characters."),
    }

    def __init__(self, *checks: Any, max_length: int | None = None, **kwargs: Any) -> None:
        super().__init__(validate=[clean, *checks], **kwargs)
        self.max_length = max_length

    def _deserialize(self, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(*args, **kwargs)
        if self.max_length is not None and len(text) > MAX_SPACED * self.max_length:
            raise self.make_error("too_long", max_length=self.max_length)
        text = self.prepared(text)
        self.check_length(text)
        return text

    def check_length(self, text: str) -> None:
        """Refuse a text that has more than `max_length` characters."""
        if self.max_length is not None and len(text) > self.max_length:
            raise self.make_error("too_long", max_length=self.max_length)

    def prepared(self, text: str) -> str:
        """Return the text that is meant, in time linear in the length of what was sent."""
        return text


class Trimmed(Text):
    """Text without the spaces around it."""

    def prepared(self, text: str) -> str:
        """Return the text without the spaces around it."""
        return text.strip(SPACES)


def email_address(text: str) -> None:
    """Refuse what no mail would be sent to."""
    try:
        recipient(text)
    except ValueError:
        raise Invalid("invalid", "must be an e-mail address.") from None


def canonical_email(text: str) -> str:
    """Spell an e-mail address as it is stored and compared, so that a mailbox has one account.

    Case, Unicode normalization (NFKC) and IDNA are folded; dots and `+tag` are not. What no mail
    would be sent to is normalized only: there are accounts older than that rule. The time this
    takes is quadratic in the length of the text, which callers bound.
    """
    # NFKC, so that no address looks like another: full-width letters are letters.
    folded = unicodedata.normalize("NFKC", text.strip(SPACES)).lower()
    try:
        return recipient(folded).normalized
    except ValueError:
        return folded


class AccountEmail(Text):
    """The e-mail address of an account, which may be older than the rules of `email_address`.

    It is loaded in its canonical spelling.
    """

    def __init__(self, *checks: Any, **kwargs: Any) -> None:
        super().__init__(*checks, max_length=EMAIL_LENGTH, **kwargs)

    def prepared(self, text: str) -> str:
        """Return the address in its canonical spelling, which may be longer."""
        self.check_length(text)
        return canonical_email(text)


class EmailAddress(AccountEmail):
    """An e-mail address that an account is to have: see `email_address`."""


def web_address(text: str) -> None:
    """Refuse what is no http(s) URL of a host.

    The text must be bounded: `urlsplit` caches its last 128 results, whatever their length.
    """
    try:
        # Checks what the expression cannot: an IPv6 address, the port's range, look-alike slashes.
        possible = urlsplit(text).port != 0
    except ValueError:
        possible = False
    if not (possible and WEB_ADDRESS.fullmatch(text)):
        raise ValidationError(NO_WEB_ADDRESS)


class WholeNumber(fields.Field[int]):
    """A number of a query string, in plain ASCII digits: `int()` would take `+1` and `1_0`."""

    def __init__(self, smallest: int, largest: int | None = None, **kwargs: Any) -> None:
        bounds = f"from {smallest}" + (f" to {largest}" if largest else "")
        self.message = Problem("invalid", f"must be a whole number {bounds}.")
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
            raise Invalid("invalid", "must be true or false.")
        return bool(value == "true")


class BigInteger(fields.Integer):
    """A count or an id of an answer, as far as PostgreSQL's bigint goes."""

    def __init__(self, metadata: dict[str, Any] | None = None, **kwargs: Any) -> None:
        bounds = Range(0, MAX_ID)
        super().__init__(
            validate=bounds, metadata={"format": "int64", **(metadata or {})}, **kwargs
        )


class Timestamp(fields.Field[datetime]):
    """A moment as ISO 8601 in UTC, ending in `Z`."""

    def _serialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        moment: datetime = value.astimezone(UTC)
        return moment


def load(schema: Schema, given: Any) -> Any:
    """Load what was given by a schema.

    :raises ValidationError: when it is not what the schema asks for; without marshmallow's frames,
        which refer to the error and so would keep all that was given until garbage is collected.
    """
    try:
        return schema.load(given)
    except ValidationError as error:
        raise error.with_traceback(None) from None


def problems(error: ValidationError) -> list[dict[str, str]]:
    """List each problem with the name that the client gave its field, `body` for the whole."""
    return [
        message.of("body" if field == "_schema" else field)
        for field, messages in error.normalized_messages().items()  # type: ignore[no-untyped-call]
        for message in messages
    ]
