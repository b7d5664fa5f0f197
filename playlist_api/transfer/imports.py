"""What a list does not have yet of the rows of a file, and putting it there."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from time import monotonic
from uuid import UUID

from psycopg2.errors import LockNotAvailable
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from playlist_api.api.identity import Identity, active_user
from playlist_api.db.engine import db, movies_per_user, violates
from playlist_api.db.models import User
from playlist_api.errors import Invalid, ListBusy, SessionEnded
from playlist_api.ops.bulkheads import Bulkhead
from playlist_api.ops.clients import client_keys
from playlist_api.transfer.files import read_file
from playlist_api.transfer.queries import added_rows, compared, list_length, one_at_a_time
from playlist_api.transfer.rows import Row
from playlist_api.transfer.schemas import Outcome

MAX_ROWS = 100_000
"""Rows of a file that a client sends: more than anybody has seen, and what is done within the 30
seconds that nginx waits, on a machine that has other work too (see docs/performance.md)."""

BATCH = 250
"""Rows of which the database is asked at a time: it takes 25 ms, and a second for the titles that
are the dearest to fold."""

IMPORT_TIMEOUT = 25.0
"""Seconds in which a list has the rows, or none of them: nobody waits longer for the answer."""

BUSY = "Others are importing. Please try again in a moment."

bulkhead = Bulkhead(
    "imports",
    2,  # so that memory is bounded, and small files need not wait for a large one
    # A large file takes longer than others wait, and of one list the second waits for the first.
    concurrency_per_key=1,
    queue=6,
    timeout=10,  # a third of what nginx waits for an answer
    busy=BUSY,
)

FULL = "The list is full: it may hold {:,} movies."


@dataclass(frozen=True)
class Report:
    """What became of each row, or would become of it."""

    dry_run: bool
    format: str
    rows: list[Row]

    @property
    def totals(self) -> dict[str, int]:
        """Count the rows, and those of each outcome."""
        counted = Counter(row.outcome for row in self.rows)
        outcomes = {outcome.name.lower(): counted[outcome] for outcome in Outcome}
        return {"rows": len(self.rows), **outcomes}


def import_file(identity: Identity, content: bytes, *, dry_run: bool) -> Report:
    """Put the movies of a file on the caller's list that it does not have, all or none of them.

    :raises ValidationError: when it is no list of movies, or takes too long; of a row that is
        wrong, or does not fit, the report tells.
    :raises ListBusy: while another import has the list.
    :raises Unauthorized: when the caller's session has ended, or ends before all is done.
    :raises TooManyRequests, ServiceUnavailable: when this process has its hands full of files.
    """
    with bulkhead.slot(*client_keys()):
        file = read_file(content, MAX_ROWS)
        user = _live_user(identity)
        try:
            _add_missing(user.id, _in_time(file.rows), dry_run)
        except IntegrityError as error:
            if violates(error, "Movie_ownerId_fkey"):
                raise SessionEnded from error
            raise
        _live_user(identity)
        db.session.commit()
        return Report(dry_run, file.format, file.rows)


def import_rows(user: User, rows: Iterable[Row], *, dry_run: bool) -> None:
    """Do the same with rows, as an operator; each batch is taken when the last one is done."""
    _add_missing(user.id, rows, dry_run)
    db.session.commit()
    if not dry_run:
        # Plans that were made while the table was small would be kept until autovacuum comes by.
        db.session.execute(text('ANALYZE "Movie", "MovieCount"'))
        db.session.commit()


def _live_user(identity: Identity) -> User:
    user = db.session.scalar(active_user, identity._asdict())
    if user is None:
        raise SessionEnded
    return user


def _in_time(rows: Iterable[Row]) -> Iterator[Row]:
    until = monotonic() + IMPORT_TIMEOUT
    for row in rows:
        if monotonic() > until:
            raise Invalid("too_large", "takes too long: divide it.", "file")
        yield row


def _add_missing(owner_id: UUID, rows: Iterable[Row], dry_run: bool) -> None:
    if not dry_run:
        _take(owner_id)
    most = movies_per_user()
    room = max(0, most - (db.session.scalar(list_length, {"owner_id": owner_id}) or 0))
    first_lines: dict[str, int] = {}
    waiting = (row for row in rows if row.outcome is None)
    while batch := list(islice(waiting, BATCH)):
        missing = list(_missing(owner_id, batch, first_lines))
        fitting = missing[:room]
        room -= len(fitting)
        for row in missing[len(fitting) :]:
            row.outcome, row.reason = Outcome.REFUSED, FULL.format(most)
        if fitting and not dry_run:
            _add(owner_id, fitting)


def _take(owner_id: UUID) -> None:
    """Keep the list to this transaction.

    :raises ListBusy: when another import has it.
    """
    try:
        db.session.execute(one_at_a_time, {"owner": str(owner_id)})
    except DBAPIError as error:
        if isinstance(error.orig, LockNotAvailable):
            raise ListBusy from error
        raise


def _missing(owner_id: UUID, batch: list[Row], first_lines: dict[str, int]) -> Iterator[Row]:
    """Decide what becomes of each row of a batch, and give those that are to be added."""
    found = db.session.execute(compared, {"owner_id": owner_id, **_columns(batch)})
    for row, (same, movie_id) in zip(batch, found, strict=True):
        if same in first_lines:
            row.outcome = Outcome.DUPLICATE_IN_FILE
            row.reason = f"Is the movie of line {first_lines[same]}."
        elif movie_id is not None:
            row.outcome, row.movie_id = Outcome.DUPLICATE_IN_LIST, movie_id
            row.reason = "Is on the list already."
        else:
            row.outcome, first_lines[same] = Outcome.CREATED, row.line
            yield row


def _add(owner_id: UUID, rows: list[Row]) -> None:
    added = db.session.scalars(added_rows, {"owner_id": owner_id, **_columns(rows)})
    # They are numbered in the order of their insertion, but need not be returned in it.
    for row, movie_id in zip(rows, sorted(added), strict=True):
        row.movie_id = movie_id


def _columns(rows: list[Row]) -> dict[str, list[str | None]]:
    return {name: [getattr(row, name) for row in rows] for name in ("title", "year", "image_url")}
