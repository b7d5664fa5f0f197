"""Kinds of settings: each is a text of the environment, checked and converted."""

import re
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import OneOf, Range, Regexp
from sentry_sdk.utils import BadDsn, Dsn
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]+)?")
"""How browsers write an origin: in lower case, with no path."""

PERIODS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


@dataclass(frozen=True)
class Limit:
    """So many times in a period, and all of them at once if one likes."""

    times: int
    period: timedelta

    @property
    def cost(self) -> timedelta:
        """How much of the period one time uses up."""
        return self.period / self.times


class PostgresUrl(fields.String):
    """A `postgresql://` URL, spelled for psycopg2: SQLAlchemy 2.1 would take psycopg 3."""

    def _deserialize(self, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(*args, **kwargs)
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            raise ValidationError("must be a postgresql:// URL.") from None
        if url.drivername not in {"postgres", "postgresql", "postgresql+psycopg2"}:
            raise ValidationError("must be a postgresql:// URL.")
        return url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


class SentryDsn(fields.String):
    """Where Sentry takes errors: https://docs.sentry.io/concepts/key-terms/dsn-explainer/"""

    def _deserialize(self, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(*args, **kwargs)
        try:
            return str(Dsn(text))
        except (BadDsn, ValueError):
            raise ValidationError("must be a DSN, as Sentry's project settings show it.") from None


class Origins(fields.String):
    """Origins as browsers send them, separated by commas."""

    def _deserialize(self, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(*args, **kwargs)
        origins = frozenset(origin.strip() for origin in text.split(",") if origin.strip())
        if faulty := sorted(origin for origin in origins if not ORIGIN.fullmatch(origin)):
            raise ValidationError(
                f"must name origins as http(s)://host[:port], not {', '.join(faulty)}"
                " (`*` is unsafe with credentials)."
            )
        return origins


class LimitField(fields.String):
    """A limit such as `10/minute`."""

    def _deserialize(self, *args: Any, **kwargs: Any) -> Any:
        times, _, period = super()._deserialize(*args, **kwargs).partition("/")
        if not re.fullmatch("[1-9][0-9]{0,5}", times) or period not in PERIODS:
            raise ValidationError("must be like 10/minute: a number per second, minute, hour, day.")
        return Limit(int(times), PERIODS[period])


def switch(name: str, default: bool | None) -> fields.Boolean:
    """Make a setting that is on or off."""
    return fields.Boolean(
        data_key=name,
        load_default=default,
        error_messages={"invalid": "must be true or false."},
    )


def number(name: str, default: int, least: int, most: int | None = None) -> fields.Integer:
    """Make a setting that is a whole number within bounds."""
    bounds = f"must be a whole number from {least}" + (f" to {most}." if most else " up.")
    in_bounds = Range(least, most, error=bounds)
    return fields.Integer(
        data_key=name, load_default=default, validate=in_bounds, error_messages={"invalid": bounds}
    )


def limit(name: str, default: Limit) -> LimitField:
    """Make a setting that is a limit."""
    return LimitField(data_key=name, load_default=default)


def choice(name: str, default: str, *others: str) -> fields.String:
    """Make a setting that is one of a few words."""
    words = [default, *others]
    one_of = OneOf(words, error=f"must be {', '.join(words[:-1])} or {words[-1]}.")
    return fields.String(data_key=name, load_default=default, validate=one_of)


def storage(name: str) -> fields.String:
    """Make a setting that says where files are kept, if anywhere."""
    return fields.String(
        data_key=name,
        load_default="",
        validate=Regexp(
            r"(s3://[a-z0-9][a-z0-9.-]+(/[\w!.*'()/-]*)?|(file://)?/.*)\Z",
            re.ASCII,
            error="must be s3://bucket/prefix, or a folder's absolute path.",
        ),
    )


class Sender(fields.String):
    """Who mails come from: one e-mail address, with a name before it or without."""

    def _deserialize(self, *args: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(*args, **kwargs)
        message = EmailMessage()
        try:
            message["From"] = text
            (sender,) = message["From"].addresses
            usable = sender.username and sender.domain
        except ValueError:
            usable = False
        if not usable:
            raise ValidationError("must be like Playlist <no-reply@example.com>.")
        return text


class WebUrl(fields.String):
    """An http or https URL, below which there are others."""

    def _deserialize(self, *args: Any, **kwargs: Any) -> str:
        return super()._deserialize(*args, **kwargs).rstrip("/")


def web_url(name: str, default: str) -> WebUrl:
    """Make a setting that is such a URL."""
    in_ascii = Regexp(r"https?://[!-~]+\Z", error="must be an http or https URL.")
    return WebUrl(data_key=name, load_default=default, validate=in_ascii)
