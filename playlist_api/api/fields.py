"""The base schema and the fields of all schemas, and how their problems are reported.

A field says in `json_schema` what the OpenAPI document cannot tell from marshmallow alone.
"""

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
"""Unicode's categories Cc, which no line of text needs, and Cs, which UTF-8 cannot encode."""

SPACES = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200C))
)
"""What JavaScript's `trim()` removes, and the zero-width space. Python's own `strip()` would also
remove control characters."""

CONTROL = r"\u0000-\u001f\u007f-\u009f"
CLEAN = f"^[^{CONTROL}]*$"
TRIMMED = rf"^[^{CONTROL}]*[^\s\u200b\ufeff{CONTROL}][^{CONTROL}]*$"
"""What `Text` and `Trimmed` accept, in the regular expressions that JSON Schema allows."""

LABEL = r"[^\W_]([\w-]{0,61}[^\W_])?"
WEB_ADDRESS = re.compile(
    rf"https?://({LABEL}(\.{LABEL})*\.?|\[[0-9a-f:.]+\])(:[0-9]{{1,5}})?([/?#][^\s\\]*)?",
    re.IGNORECASE,
)
"""A URL without credentials; its host is an IP address, or a name in any script whose labels have
at most 63 characters (RFC 1035)."""


class CamelCase(Schema):
    """A schema that is camelCase outside and ignores unknown fields."""

    class Meta:
        unknown = EXCLUDE

    error_messages = {"type": Problem("invalid", "must be a JSON object.")}

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Give the field its name in JSON: `image_url` becomes `imageUrl`."""
        first, *others = field_name.split("_")
        field_obj.data_key = first + "".join(word.capitalize() for word in others)


def clean(text: str) -> None:
    """Refuse characters that PostgreSQL, UTF-8 or a terminal cannot handle."""
    if CONTROL_OR_SURROGATE.search(text):
        raise Invalid("invalid_characters", "must not contain control characters.")


not_blank = Length(min=1, error=Problem("blank", "must not be blank."))


class Text(fields.String):
    """A line of clean text that passes `checks`; its length is checked before them."""

    default_error_messages = {
        "required": Problem("required", "must be given."),
        "null": Problem("required", "must not be null."),
        "invalid": Problem("invalid", "must be a string."),
        "too_long": Problem("too_long", "must have at most {max_length} characters."),
    }
    json_schema: dict[str, Any] = {"pattern": CLEAN}

    def __init__(self, *checks: Any, max_length: int | None = None, **kwargs: Any) -> None:
        super().__init__(validate=[clean, *checks], **kwargs)
        self.max_length = max_length
        if max_length is not None:
            self.json_schema = {**self.json_schema, "maxLength": max_length}

    def _deserialize(self, *args: Any, **kwargs: Any) -> Any:
        text = self.prepared(super()._deserialize(*args, **kwargs))
        self.check_length(text)
        return text

    def check_length(self, text: str) -> None:
        """Refuse a text that is longer than `max_length`."""
        if self.max_length is not None and len(text) > self.max_length:
            raise self.make_error("too_long", max_length=self.max_length)

    def prepared(self, text: str) -> str:
        """Return the text to be checked and loaded, in time linear in the length of the input."""
        return text


class Trimmed(Text):
    """Text without the spaces around it."""

    json_schema = {"pattern": TRIMMED}

    def prepared(self, text: str) -> str:
        return text.strip(SPACES)


def email_address(text: str, field: str = "_schema") -> None:
    """Refuse an address that mail cannot be sent to; the field is for callers outside a schema."""
    try:
        recipient(text)
    except ValueError:
        raise Invalid("invalid", "must be an e-mail address.", field) from None


def canonical_email(text: str) -> str:
    """Spell an e-mail address as it is stored and compared, so that a mailbox has one account.

    Takes time quadratic in the length of the text, which callers bound.
    """
    # NFKC, so that no address looks like another. Dots and `+tag` are left: servers differ.
    folded = unicodedata.normalize("NFKC", text.strip(SPACES)).lower()
    try:
        return recipient(folded).normalized
    except ValueError:
        return folded  # of an older account


class AccountEmail(Text):
    """The address of an account, which may be older than the rules of `email_address`."""

    json_schema = {"pattern": TRIMMED}

    def __init__(self, *checks: Any, **kwargs: Any) -> None:
        super().__init__(*checks, max_length=EMAIL_LENGTH, **kwargs)

    def prepared(self, text: str) -> str:
        self.check_length(text)
        return canonical_email(text)  # which may be longer


class EmailAddress(AccountEmail):
    """A new address for an account."""

    json_schema = {"format": "idn-email"}


def web_address(text: str) -> None:
    """Refuse a text that is not an http(s) URL of a host.

    The text must be bounded: `urlsplit` caches its last 128 results, whatever their length.
    """
    try:
        # Checks what the expression cannot: an IPv6 address, the port's range, look-alike slashes.
        possible = urlsplit(text).port != 0
    except ValueError:
        possible = False
    if not (possible and WEB_ADDRESS.fullmatch(text)):
        raise Invalid("invalid", "must be an http or https URL.")


class WholeNumber(fields.Field[int]):
    """A number of a query string, in plain ASCII digits: `int()` would accept `+1` and `1_0`."""

    json_schema = {"type": "integer"}

    def __init__(self, smallest: int, largest: int | None = None, **kwargs: Any) -> None:
        bounds = f"from {smallest}" + (f" to {largest}" if largest else "")
        self.message = Problem("invalid", f"must be a whole number {bounds}.")
        super().__init__(validate=Range(smallest, largest, error=self.message), **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        # A repeated parameter arrives as a list; `int()` itself refuses more than 4,300 digits.
        if not (isinstance(value, str) and re.fullmatch("0|[1-9][0-9]{0,4299}", value)):
            raise ValidationError(self.message)
        return int(value)


class BigInteger(fields.Integer):
    """A count or an id in an answer: PostgreSQL's bigint."""

    json_schema = {"format": "int64", "minimum": 0, "maximum": MAX_ID}


class Timestamp(fields.Field[datetime]):
    """A time in ISO 8601 in UTC, ending in `Z`."""

    json_schema = {
        "type": "string",
        "format": "date-time",
        "maxLength": len("0001-01-01T00:00:00.000000Z"),
    }

    def _serialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        moment: datetime = value.astimezone(UTC)
        return moment


def load(schema: Schema, given: Any) -> Any:
    """Load by a schema.

    :raises ValidationError: without marshmallow's frames, which refer to the error and would keep
        the input in memory until the next garbage collection.
    """
    try:
        return schema.load(given)
    except ValidationError as error:
        raise error.with_traceback(None) from None


def problems(error: ValidationError) -> list[dict[str, str]]:
    """List each problem by its field's name in the request, `body` for the body as a whole."""
    return [
        message.of("body" if field == "_schema" else field)
        for field, messages in error.normalized_messages().items()  # type: ignore[no-untyped-call]
        for message in messages
    ]
