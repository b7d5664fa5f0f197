"""`flask users`: list, show and change accounts."""

import click
from flask.cli import AppGroup
from sqlalchemy import delete, func, select

from playlist_api.auth.accounts import delete_user
from playlist_api.cli.common import operating, user_of
from playlist_api.db.engine import db
from playlist_api.db.models import ADMIN, MovieCount, Session, User
from playlist_api.ops.logs import record_event

users = AppGroup("users", help="List, show and change accounts.")


@users.command("list")
def list_users() -> None:
    """List all accounts, newest first: e-mail, role, name and day of sign-up."""
    newest_first = select(User).order_by(User.created_at.desc(), User.id)
    with operating():
        for user in db.session.scalars(newest_first, execution_options={"yield_per": 1000}):
            click.echo(f"{user.email}\t{user.role}\t{user.name}\t{user.created_at:%Y-%m-%d}")


@users.command()
@click.argument("email")
def show(email: str) -> None:
    """Show one account."""
    with operating():
        user = user_of(email)
        movies = select(MovieCount.movies).where(MovieCount.owner_id == user.id)
        sessions = select(func.count()).where(Session.user_id == user.id)
        for name, value in (
            ("id", user.id),
            ("email", user.email),
            ("name", user.name),
            ("role", user.role),
            ("signed up", f"{user.created_at:%Y-%m-%d %H:%M %Z}"),
            ("movies", db.session.scalar(movies) or 0),
            ("sessions", db.session.scalar(sessions)),
        ):
            click.echo(f"{name:<10} {value}")


@users.command()
@click.argument("email")
def promote(email: str) -> None:
    """Make a user an admin, who may read, change and delete any movie."""
    _set_role(email, ADMIN)


@users.command()
@click.argument("email")
def demote(email: str) -> None:
    """Make an admin an ordinary user again."""
    _set_role(email, "user")


@users.command("end-sessions")
@click.argument("email")
def end_sessions(email: str) -> None:
    """Log a user out everywhere."""
    with operating():
        user = user_of(email)
        ending = delete(Session).where(Session.user_id == user.id).returning(Session.id)
        ended = len(db.session.scalars(ending).all())
        db.session.commit()
        record_event("all_sessions_ended", userId=user.id)
    click.echo(f"{ended} sessions ended.")


@users.command("delete")
@click.argument("email")
@click.confirmation_option(prompt="Delete the account with all its movies and sessions?")
def delete_account(email: str) -> None:
    """Delete an account with all that belongs to it."""
    with operating():
        delete_user(user_of(email))
    click.echo(f"{email} is deleted.")


def _set_role(email: str, role: str) -> None:
    with operating():
        user = user_of(email)
        user.role = role
        db.session.commit()
        record_event("role_changed", userId=user.id, role=role)
    click.echo(f"{user.email} is now {role}.")
