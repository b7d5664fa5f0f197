"""`flask users`: see who has an account, and what may be done with it."""

import click
from flask.cli import AppGroup

from playlist_api.auth import users as services
from playlist_api.cli.common import operating, user_of
from playlist_api.db.models import ADMIN, User

users = AppGroup("users", help="See and change accounts.")


@users.command("list")
def list_users() -> None:
    """List all accounts, one a line: e-mail, role, name and day of sign-up."""
    with operating():
        for user in services.all_users():
            click.echo(f"{user.email}\t{user.role}\t{user.name}\t{user.created_at:%Y-%m-%d}")


@users.command()
@click.argument("email")
def show(email: str) -> None:
    """Show one account."""
    with operating():
        user = user_of(email)
        movies, sessions = services.holdings(user)
        for name, value in (
            ("id", user.id),
            ("email", user.email),
            ("name", user.name),
            ("role", user.role),
            ("signed up", f"{user.created_at:%Y-%m-%d %H:%M %Z}"),
            ("movies", movies),
            ("sessions", sessions),
        ):
            click.echo(f"{name:<10} {value}")


@users.command()
@click.argument("email")
def promote(email: str) -> None:
    """Make somebody an admin, who may read, change and delete any movie."""
    _set_role(email, ADMIN)


@users.command()
@click.argument("email")
def demote(email: str) -> None:
    """Make an admin an ordinary user again."""
    _set_role(email, "user")


@users.command("end-sessions")
@click.argument("email")
def end_sessions(email: str) -> None:
    """Log somebody out everywhere."""
    with operating():
        ended = services.end_all_sessions(user_of(email))
    click.echo(f"{ended} sessions ended.")


@users.command()
@click.argument("email")
@click.confirmation_option(prompt="Delete the account with all its movies and sessions?")
def delete(email: str) -> None:
    """Delete an account with all that is its own."""
    with operating():
        services.delete_user(user_of(email))
    click.echo(f"{email} is deleted.")


def _set_role(email: str, role: str) -> None:
    with operating():
        user: User = user_of(email)
        services.set_role(user, role)
    click.echo(f"{user.email} is now {role}.")
