"""A database with more than a million movies, made in seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import md5
from uuid import UUID

from sqlalchemy import Connection, create_engine, text

from playlist_api.app import create_app
from playlist_api.auth.passwords import hash_password
from tests.support.service import PASSWORD, environment

MOVIES = 1_100_000
OWNERS = {"1,000,000 movies": 1, "10,000 movies": 2, "42 movies": 3}
"""The numbers of users with lists of these lengths; all others have one of 42 as well."""

USERS = 2_145

ROWS = {
    "User": """
        INSERT INTO "User" (id, name, email, password, "createdAt")
        SELECT md5('user ' || n)::uuid, 'Ada', 'ada' || n || '@example.com', :password,
               now() - n * interval '1 hour'
        FROM generate_series(1, :users) n""",
    "Session": """
        INSERT INTO "Session" (id, "userId", "refreshToken", "rotatedAt", "expiresAt", "userAgent")
        SELECT md5('session ' || n)::uuid, md5('user ' || 1 + n % :users)::uuid, '', now(),
               now() + (n % 5000 - 10) * interval '2 minutes', ''
        FROM generate_series(0, 3 * :users - 1) n""",
    "PasswordReset": """
        INSERT INTO "PasswordReset" (token, "userId", "expiresAt")
        SELECT encode(sha256(convert_to(CASE n WHEN 100 THEN 'x' ELSE n::text END, 'UTF8')), 'hex'),
               md5('user ' || 1 + n % :users)::uuid, now() + (n - 10) * interval '1 minute'
        FROM generate_series(1, 30000) n""",
    "IdempotencyKey": """
        INSERT INTO "IdempotencyKey" (key, "userId", fields, "movieId", "createdAt", "expiresAt")
        SELECT md5(n::text), md5('user ' || 1 + n % :users)::uuid, '', n, now(),
               now() + (n - 10) * interval '1 minute'
        FROM generate_series(1, 30000) n""",
    "RateLimit": """
        INSERT INTO "RateLimit" (key, "usedUntil")
        SELECT md5(n::text), now() + (n - 10) * interval '1 minute'
        FROM generate_series(1, 30000) n""",
    "Picture": """
        INSERT INTO "Picture" ("ownerId", name, bytes, "unusedSince")
        SELECT md5('user ' || 1 + n % :users)::uuid, repeat(md5(n::text), 2) || '.jpg', 1,
               CASE WHEN n % 100 = 0 THEN now() END
        FROM generate_series(1, 30000) n""",
    "Movie": """
        INSERT INTO "Movie" (title, year, "imageUrl", "ownerId", "createdAt", "updatedAt")
        SELECT 'Movie ' || n % 997 || CASE n % 5003 WHEN 0 THEN ' Rare' ELSE '' END,
            CASE WHEN n % 9 > 0 THEN 1900 + n % 127 END,
            CASE WHEN n <= 30000 THEN 'https://x/' || repeat(md5(n::text), 2) || '.jpg' END,
            md5('user ' || CASE
                WHEN n % 11 > 0 THEN 1 WHEN n % 110 = 0 THEN 2 ELSE 3 + n / 11 % (:users - 2)
            END)::uuid, timestamptz '2026-01-01 00:00Z' - n * interval '1 second',
            timestamptz '2026-01-01 00:00Z' - n % 4801 * interval '1 second'
        FROM generate_series(1, :movies) n""",
}


def id_of(kind: str, number: int) -> str:
    """The id of a user or a session."""
    return str(UUID(md5(f"{kind} {number}".encode()).hexdigest()))


def session_of(owner: int) -> dict[str, str]:
    """The caller that a query asks for: a user, and a session of theirs that is alive."""
    session = id_of("session", USERS + owner - 1)
    return {"user_id": id_of("user", owner), "session_id": session}


def moment_of(number: int) -> datetime:
    """When a movie was put on its list; the first is the newest."""
    return datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=number)


@contextmanager
def without_indexes_and_foreign_key(connection: Connection) -> Iterator[None]:
    """Put them back at the end: made once, they take much less than if kept row by row."""
    definitions = text("""
        SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = '"Movie"'::regclass AND contype = 'f'""")
    indexes = text("""
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
        WHERE indrelid = '"Movie"'::regclass AND NOT indisprimary""")
    ((foreign_key, constraint),) = connection.execute(definitions).all()
    indexes_again = {row[0]: row[1] for row in connection.execute(indexes)}
    connection.execute(text(f'ALTER TABLE "Movie" DROP CONSTRAINT "{foreign_key}"'))
    connection.execute(text(f"DROP INDEX {', '.join(indexes_again)}"))
    yield
    connection.execute(text("SET maintenance_work_mem = '256MB'"))
    for definition in indexes_again.values():
        connection.execute(text(definition))
    connection.execute(text(f'ALTER TABLE "Movie" ADD CONSTRAINT "{foreign_key}" {constraint}'))


def load(database_url: str) -> None:
    """Fill the tables; the triggers count the movies. No statistics are made of them."""
    with create_app(environment(database_url)).app_context():
        parameters = {"movies": MOVIES, "users": USERS, "password": hash_password(PASSWORD)}
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection, without_indexes_and_foreign_key(connection):
        for statement in ROWS.values():
            connection.execute(text(statement), parameters)
    engine.dispose()
