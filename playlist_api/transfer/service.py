"""Importing a file into a list, and exporting a list or an account."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID

from psycopg2.errors import LockNotAvailable
from sqlalchemy.exc import DBAPIError, IntegrityError
from werkzeug.wsgi import ClosingIterator

from playlist_api.api.identity import Identity, active_user
from playlist_api.api.json import with_lists
from playlist_api.auth.service import list_sessions
from playlist_api.db.engine import db, movies_per_user, violates
from playlist_api.db.models import User
from playlist_api.errors import Invalid, ListBusy, SessionEnded
from playlist_api.movies.schemas import MOVIE_FIELDS, idempotency_key_schema, movie_schema
from playlist_api.ops.bulkheads import Bulkhead, client_keys
from playlist_api.ops.logs import record_event
from playlist_api.posters.schemas import picture_schema
from playlist_api.transfer import queries
from playlist_api.transfer.readers import MovieFile, Outcome, Row, read_file
from playlist_api.transfer.schemas import export_head_schema
from playlist_api.transfer.writers import WRITERS

MAX_ROWS = 100_000
"""Rows of a client's file; `IMPORT_TIMEOUT` bounds the time that they take."""

IMPORT_BATCH = 250
IMPORT_BATCH_BYTES = 16 * 1024
"""Rows for each statement, and bytes of their titles. It takes 25 ms, and at most 0.2 s for the
most expensive titles, such as 240 times U+FDFA; PostgreSQL stops statements after 2.5 s."""

IMPORT_TIMEOUT = 25.0
"""Seconds for a whole file; nginx waits for 30."""

EXPORT_BATCH = 500

imports = Bulkhead(
    "imports",
    2,  # each takes up to 192 MiB
    # A file takes longer than others wait, and the second import of a list waits for the first.
    concurrency_per_key=1,
    queue=6,
    timeout=10,  # a third of what nginx waits
    busy="Others are importing. Please try again in a moment.",
)

exports = Bulkhead(
    "exports",
    8,
    concurrency_per_key=2,
    # A slow client may take hours to read an export, so waiting for one is no use.
    queue=0,
    timeout=0,
    busy="Too many lists are being exported. Please try again in a moment.",
)


class Export(NamedTuple):
    """A file whose content is read from the database bit by bit."""

    name: str
    media_type: str
    content: Iterator[bytes]


def import_file(identity: Identity, content: bytes, *, dry_run: bool) -> MovieFile:
    """Add the movies in a file that are not on the caller's list yet: all of them, or none.

    Each row has its outcome.

    :raises ValidationError: when the file is not a list of movies, or takes too long.
    :raises ListBusy: while the list is changed or imported by another request.
    :raises SessionEnded: when the caller's session ends before everything is added.
    :raises TooManyRequests, ServiceUnavailable: when too many files are being imported.
    """
    with imports.slot(*client_keys()):
        file = read_file(content, MAX_ROWS)
        owner_id = _active_user_id(identity)
        try:
            _import_rows(owner_id, _in_time(file.rows), dry_run=dry_run)
        except IntegrityError as error:
            if violates(error, "Movie_ownerId_fkey"):
                raise SessionEnded from error
            raise
        _active_user_id(identity)
        db.session.commit()
        return file


def import_rows(user: User, rows: Iterable[Row], *, dry_run: bool) -> None:
    """Import rows on behalf of an operator.

    :raises ListBusy: while the list is changed or imported by a request.
    """
    _import_rows(user.id, rows, dry_run=dry_run)
    db.session.commit()


def _active_user_id(identity: Identity) -> UUID:
    user = db.session.scalar(active_user, identity._asdict())
    if user is None:
        raise SessionEnded
    return user.id


def _in_time(rows: Iterable[Row]) -> Iterator[Row]:
    until = monotonic() + IMPORT_TIMEOUT
    for row in rows:
        if monotonic() > until:
            raise Invalid("too_large", "takes too long: divide it.", "file")
        yield row


def _import_rows(owner_id: UUID, rows: Iterable[Row], *, dry_run: bool) -> None:
    if not dry_run:
        _lock_list(owner_id)
    limit = movies_per_user()
    room = max(0, limit - (db.session.scalar(queries.list_length, {"owner_id": owner_id}) or 0))
    first_lines: dict[str, int] = {}
    remaining = (row for row in rows if row.outcome is None)
    for batch in _batches(remaining):
        missing = list(_missing(owner_id, batch, first_lines))
        for row in missing[room:]:
            row.outcome = Outcome.REFUSED
            row.reason = f"The list is full: it may hold {limit:,} movies."
        fitting = missing[:room]
        room -= len(fitting)
        if fitting and not dry_run:
            added = db.session.scalars(
                queries.new_movies, {"owner_id": owner_id, **_columns(fitting)}
            )
            # The ids have the order of the rows, but need not be returned in it.
            for row, movie_id in zip(fitting, sorted(added), strict=True):
                row.movie_id = movie_id


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        length = len((row.movie["title"] or "").encode())
        if len(batch) == IMPORT_BATCH or size + length > IMPORT_BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += length
    if batch:
        yield batch


def _lock_list(owner_id: UUID) -> None:
    try:
        db.session.execute(queries.list_lock, {"owner": str(owner_id)})
    except DBAPIError as error:
        if isinstance(error.orig, LockNotAvailable):
            raise ListBusy from error
        raise


def _missing(owner_id: UUID, batch: list[Row], first_lines: dict[str, int]) -> Iterator[Row]:
    """Find the rows that are neither on the list nor in the file before."""
    found = db.session.execute(queries.matching_movies, {"owner_id": owner_id, **_columns(batch)})
    for row, (key, movie_id) in zip(batch, found, strict=True):
        if key in first_lines:
            row.outcome = Outcome.DUPLICATE_IN_FILE
            row.reason = f"Is the movie of line {first_lines[key]}."
        elif movie_id is not None:
            row.outcome, row.movie_id = Outcome.DUPLICATE_IN_LIST, movie_id
            row.reason = "Is on the list already."
        else:
            row.outcome, first_lines[key] = Outcome.CREATED, row.line
            yield row


def _columns(rows: list[Row]) -> dict[str, list[str | None]]:
    return {name: [row.movie[name] for row in rows] for name in MOVIE_FIELDS}


def export_list(user: User, format_: str) -> Export:
    """Export the user's list in a format of `WRITERS`.

    :raises TooManyRequests, ServiceUnavailable: when too many exports are being sent.
    """
    file_name, media_type, write = WRITERS[format_]
    return Export(file_name, media_type, _in_slot(write(_movies_of(user.id))))


def export_account(user: User, current_session: UUID) -> Export:
    """Export all data that is stored about the user.

    :raises TooManyRequests, ServiceUnavailable: when too many exports are being sent.
    """
    head = {
        "exported_at": datetime.now(UTC),
        "user": user,
        "sessions": list_sessions(user, current_session),
        "password_resets": db.session.scalars(queries.password_resets, {"user_id": user.id}).all(),
    }
    keys = queries.next_idempotency_keys.afterwards(), idempotency_key_schema.names
    pictures = queries.next_pictures.afterwards(), picture_schema.names
    lists = {
        "idempotencyKeys": _rows(*keys, user.id, movieId=0),
        "pictures": _rows(*pictures, user.id, name=""),
        "movies": _movies_of(user.id),
    }
    record_event("account_exported", userId=user.id)
    content = with_lists(export_head_schema.dump(head), lists)
    return Export("playlist-export.json", "application/json", _in_slot(content))


def _movies_of(user_id: UUID) -> Iterator[dict[str, Any]]:
    next_page = queries.next_movies.afterwards()
    return _rows(next_page, movie_schema.names, user_id, createdAt="-infinity", id=0)


def _rows(
    next_page: Callable[..., list[tuple[Any, ...]]],
    names: Iterable[str],
    user_id: UUID,
    **after: Any,
) -> Iterator[dict[str, Any]]:
    # Each page is a statement of its own. No transaction or connection is held between them,
    # however slowly the client reads.
    while page := next_page(user_id=user_id, limit=EXPORT_BATCH, **after):
        rows = [dict(zip(names, row, strict=True)) for row in page]
        yield from rows
        after = {name: rows[-1][name] for name in after}


def _in_slot(content: Iterator[bytes]) -> Iterator[bytes]:
    # Until the content is closed, which the server does even if the client leaves at once.
    turn = exports.acquire(*client_keys())
    return ClosingIterator(content, partial(exports.release, turn))
