"""What operators do with users' accounts."""

from collections.abc import Iterable

from sqlalchemy import delete, func, select

from playlist_api.db.engine import db
from playlist_api.db.models import MovieCount, Session, User
from playlist_api.ops import events


def all_users() -> Iterable[User]:
    """Return all users, those who signed up last first."""
    newest_first = select(User).order_by(User.created_at.desc(), User.id)
    return db.session.scalars(newest_first, execution_options={"yield_per": 1000})


def holdings(user: User) -> tuple[int, int]:
    """Count the user's movies and sessions."""
    movies = select(MovieCount.movies).where(MovieCount.owner_id == user.id)
    sessions = select(func.count()).where(Session.user_id == user.id)
    return db.session.scalar(movies) or 0, db.session.scalar(sessions) or 0


def set_role(user: User, role: str) -> None:
    """Make somebody an admin or an ordinary user, from their next request on."""
    user.role = role
    db.session.commit()
    events.record("role_changed", userId=user.id, role=role)


def end_all_sessions(user: User) -> int:
    """Log somebody out everywhere, and return on how many devices they were logged in."""
    ended = db.session.scalars(
        delete(Session).where(Session.user_id == user.id).returning(Session.id)
    ).all()
    db.session.commit()
    events.record("all_sessions_ended", userId=user.id)
    return len(ended)


def delete_user(user: User) -> None:
    """Delete somebody with all that is theirs."""
    db.session.delete(user)
    db.session.commit()
    events.record("account_deleted", userId=user.id)
