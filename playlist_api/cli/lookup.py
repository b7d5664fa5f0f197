"""Finding whom a command is about."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from playlist_api.database import db, is_unavailable
from playlist_api.models import User


def user_of(email: str) -> User:
    """Return the user with this e-mail, in any case.

    :raises click.ClickException: when there is none.
    """
    user = db.session.scalar(select(User).where(User.email == email.strip().lower()))
    if user is None:
        raise click.ClickException(f"Nobody has signed up as {email}.")
    return user


@contextmanager
def database_needed() -> Iterator[None]:
    """Have a database that is away end the command with a sentence."""
    try:
        yield
    except DBAPIError as error:
        if is_unavailable(error):
            raise click.ClickException("The database is away; nothing was done.") from error
        raise
