"""The tables, with the rules that the database enforces itself."""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    String,
    func,
    literal_column,
)
from sqlalchemy.orm import Mapped, mapped_column

from playlist_api.db.engine import Base

UserId = Annotated[UUID, mapped_column(ForeignKey("User.id", ondelete="CASCADE"))]
Sha256 = Annotated[str, mapped_column(String(64))]

NAME_LENGTH = 100
EMAIL_LENGTH = 254
"""Characters in the longest e-mail address: RFC 5321, section 4.5.3.1.3, as corrected."""
MAX_ID = 2**63 - 1
"""PostgreSQL's largest bigint, beyond which a comparison would be an error."""
TITLE_LENGTH = 255
URL_LENGTH = 2048
USER_AGENT_LENGTH = 255
PICTURE_LENGTH = 69
"""Characters of a SHA-256 in hexadecimal digits, a dot, and the longest suffix."""
ROLES = ("user", "admin")
ADMIN = "admin"
"""The role of those who may read, change and delete any user's movie."""


class Timestamped:
    """When a row was created and last changed."""

    created_at: Mapped[datetime] = mapped_column(
        "createdAt", server_default=func.now(), sort_order=1
    )
    updated_at: Mapped[datetime] = mapped_column(
        "updatedAt", server_default=func.now(), onupdate=func.now(), sort_order=1
    )


class User(Timestamped, Base):
    """A user's account."""

    __tablename__ = "User"
    __table_args__ = (
        CheckConstraint("name <> ''", "name"),
        CheckConstraint('email = lower(email COLLATE "C")', "email"),
        CheckConstraint("role IN ('user', 'admin')", "role"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH), unique=True)
    password_hash: Mapped[str] = mapped_column("password", String(255))
    role: Mapped[str] = mapped_column(String(5), server_default="user")


class Movie(Timestamped, Base):
    """One entry of a user's list."""

    __tablename__ = "Movie"
    __table_args__ = (
        CheckConstraint("title <> ''", "title"),
        CheckConstraint("year ~ '^[0-9]{4}$'", "year"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    year: Mapped[str | None] = mapped_column(String(4))
    image_url: Mapped[str | None] = mapped_column("imageUrl", String(URL_LENGTH))
    owner_id: Mapped[UserId] = mapped_column("ownerId")


# A page of a list, newest first, is read from here with no sort; so is a user's deletion.
Index("Movie_ownerId_createdAt_id_idx", Movie.owner_id, Movie.created_at.desc(), Movie.id.desc())

sort_title = func.sort_title(Movie.title)
"""What titles are sorted by, under COLLATE "C": their letters and digits, whatever their case and
accents. This and the other functions are of migration 0006."""
sort_year = func.coalesce(Movie.year, literal_column("''"))
"""What years are sorted by: a movie without one is older than all others."""
title_words = func.title_words(Movie.owner_id, Movie.title)
"""What searches look in."""
same_title = func.same_title(Movie.title)
"""What spellings of one title have in common, under COLLATE "C"."""

Index("Movie_ownerId_updatedAt_id_idx", Movie.owner_id, Movie.updated_at, Movie.id)
Index(
    "Movie_ownerId_sort_title_id_idx",
    *(Movie.owner_id, sort_title, Movie.id),
    postgresql_include=["title", "year"],
)
Index(
    "Movie_ownerId_year_id_idx",
    *(Movie.owner_id, sort_year, Movie.id),
    postgresql_include=["year"],
)
Index("Movie_ownerId_same_title_year_idx", Movie.owner_id, same_title, sort_year)
Index(
    "Movie_title_words_idx",
    title_words,
    postgresql_using="gin",
    postgresql_with={"fastupdate": "off"},
)

picture_shown = func.regexp_substr(
    Movie.image_url, literal_column("'[0-9a-f]{64}[.](png|jpg|webp|gif)$'"), type_=String
)
"""The name of the picture that a movie shows, if it is one of `media`, wherever that is served."""

Index(
    "Movie_picture_ownerId_idx",
    picture_shown,
    Movie.owner_id,
    postgresql_where=picture_shown.is_not(None),
)


class MovieCount(Base):
    """How many movies a user has. Counting them for each page would take too long.

    Triggers on `"Movie"` keep it true (see migration 0004).
    """

    __tablename__ = "MovieCount"

    owner_id: Mapped[UserId] = mapped_column("ownerId", primary_key=True)
    movies: Mapped[int] = mapped_column(BigInteger)


class StoredPicture(Base):
    """A picture that a user has uploaded; others may have uploaded the same.

    The row is written before the files, and deleted a day after no movie of the owner shows it.
    """

    __tablename__ = "Picture"

    owner_id: Mapped[UserId] = mapped_column("ownerId", primary_key=True)
    name: Mapped[str] = mapped_column(String(PICTURE_LENGTH), primary_key=True, index=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column("createdAt", server_default=func.now())
    unused_since: Mapped[datetime | None] = mapped_column("unusedSince")


class Session(Timestamped, Base):
    """One sign-in on one device, alive until it is ended or expires.

    The current refresh token is derived from the row, and the table keeps only its hash. The hash
    of the token replaced last tells a slow browser tab from a stolen token.
    """

    __tablename__ = "Session"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UserId] = mapped_column("userId", index=True)
    refresh_token_hash: Mapped[Sha256] = mapped_column("refreshToken")
    replaced_token_hash: Mapped[Sha256 | None] = mapped_column("replacedToken")
    rotated_at: Mapped[datetime] = mapped_column("rotatedAt")
    expires_at: Mapped[datetime] = mapped_column("expiresAt", index=True)
    user_agent: Mapped[str] = mapped_column("userAgent", String(USER_AGENT_LENGTH))


class PasswordReset(Base):
    """A token that was mailed to reset a password; only its hash is kept."""

    __tablename__ = "PasswordReset"

    token_hash: Mapped[Sha256] = mapped_column("token", primary_key=True)
    user_id: Mapped[UserId] = mapped_column("userId", index=True)
    expires_at: Mapped[datetime] = mapped_column("expiresAt", index=True)


class IdempotencyKey(Base):
    """What a request with an idempotency key did, so that it is not repeated."""

    __tablename__ = "IdempotencyKey"

    key_hash: Mapped[Sha256] = mapped_column("key", primary_key=True)
    user_id: Mapped[UserId] = mapped_column("userId")
    fields_hash: Mapped[Sha256] = mapped_column("fields")
    # No foreign key, for the answer stays the first one when the movie is gone.
    movie_id: Mapped[int] = mapped_column("movieId", BigInteger)
    created_at: Mapped[datetime] = mapped_column("createdAt")
    expires_at: Mapped[datetime] = mapped_column("expiresAt", index=True)


Index("IdempotencyKey_userId_movieId_idx", IdempotencyKey.user_id, IdempotencyKey.movie_id)


class RateLimit(Base):
    """Until when a key has used up its tries (see `auth.limits`).

    Unlogged: a crash of the database forgets it, and no write waits for the disk.
    """

    __tablename__ = "RateLimit"
    __table_args__ = {"prefixes": ["UNLOGGED"]}

    key: Mapped[Sha256] = mapped_column(primary_key=True)
    used_until: Mapped[datetime] = mapped_column("usedUntil", index=True)
