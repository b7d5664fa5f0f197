"""Helpers of all commands."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from playlist_api.api.fields import canonical_email
from playlist_api.db.engine import db, is_unavailable
from playlist_api.db.models import User
from playlist_api.db.timeouts import response_timeout
from playlist_api.ops.logs import Formatter, events


def user_of(email: str) -> User:
    """Return the user with this e-mail, in any case.

    :raises click.ClickException: when there is none.
    """
    user = db.session.scalar(select(User).where(User.email == canonical_email(email)))
    if user is None:
        raise click.ClickException(f"Nobody has signed up as {email}.")
    return user


@contextmanager
def operating() -> Iterator[None]:
    """Log a command's events on standard error, without a traceback if the database is away."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter())
    events.addHandler(handler)
    events.setLevel(logging.INFO)
    try:
        with response_timeout():
            yield
    except DBAPIError as error:
        if is_unavailable(error):
            raise click.ClickException("The database is away; nothing was done.") from error
        raise
    finally:
        events.removeHandler(handler)
