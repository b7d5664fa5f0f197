"""What an import asks of the database: for a batch of rows at a time, each as one statement."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Select,
    String,
    Text,
    Uuid,
    bindparam,
    cast,
    collate,
    func,
    insert,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.selectable import TableValuedAlias

from playlist_api.db.locks import lock_of
from playlist_api.db.models import (
    IdempotencyKey,
    Movie,
    MovieCount,
    StoredPicture,
    same_title,
    sort_year,
)
from playlist_api.db.statements import Query, columns_of
from playlist_api.movies.schemas import WRITABLE, movie_schema
from playlist_api.posters.schemas import picture_schema
from playlist_api.transfer.schemas import idempotency_key_schema


def _given(*names: str) -> TableValuedAlias:
    arrays = [cast(bindparam(name), ARRAY(Text)) for name in names]
    given = func.unnest(*arrays).table_valued(*names, with_ordinality="number", name="given")
    return given.render_derived()


def _compare() -> Select[Any]:
    given = _given("title", "year")
    same, year = collate(func.same_title(given.c.title), "C"), func.coalesce(given.c.year, "")
    existing = (
        select(Movie.id)
        .where(
            Movie.owner_id == bindparam("owner_id"),
            collate(same_title, "C") == same,
            sort_year == year,
        )
        .limit(1)
        .lateral("existing")
    )
    joined = given.outerjoin(existing, true())
    return select(same + "\n" + year, existing.c.id).select_from(joined).order_by(given.c.number)


def _insert() -> ReturningInsert[Any]:
    given = _given(*WRITABLE)
    values = bindparam("owner_id", type_=Uuid), *(given.c[name] for name in WRITABLE)
    columns = [Movie.owner_id, *(getattr(Movie, name) for name in WRITABLE)]
    rows = select(*values).order_by(given.c.number)
    # Into the table, for of a class the ORM would take the parameters for rows.
    adding = insert(Movie.metadata.tables["Movie"])
    return adding.from_select([column.name for column in columns], rows).returning(Movie.id)


one_at_a_time = select(func.pg_advisory_xact_lock(lock_of(bindparam("owner"))))
"""Waits until nobody is importing or changing the owner's list, which none of them does then."""

list_length = select(MovieCount.movies).where(MovieCount.owner_id == bindparam("owner_id"))
"""How many movies the owner has, as soon as others have; no row if none ever were."""

compared = _compare()
"""Of each title and year, in their order: what all have in common that count as one movie, and
which on the owner's list is that, found by an index."""

added_rows = _insert()
"""Adds movies in the order in which they are given, and returns their ids in any."""


next_idempotency_keys = Query(
    "next_idempotency_keys",
    select(*columns_of(IdempotencyKey, idempotency_key_schema.names))
    .where(
        IdempotencyKey.user_id == bindparam("user_id", type_=Uuid),
        # Each key has a movie of its own.
        IdempotencyKey.movie_id > bindparam("movie_id", type_=BigInteger),
    )
    .order_by(IdempotencyKey.movie_id)
    .limit(bindparam("limit")),
)
"""A user's idempotency keys after that of a movie, the oldest first."""

next_pictures = Query(
    "next_pictures",
    select(*columns_of(StoredPicture, picture_schema.names))
    .where(
        StoredPicture.owner_id == bindparam("user_id", type_=Uuid),
        StoredPicture.name > bindparam("name", type_=String),
    )
    .order_by(StoredPicture.name)
    .limit(bindparam("limit")),
)
"""A user's pictures after one of them, by name."""

next_oldest = Query(
    "next_oldest",
    select(*columns_of(Movie, movie_schema.names))
    .where(
        Movie.owner_id == bindparam("user_id", type_=Uuid),
        tuple_(Movie.created_at, Movie.id)
        > tuple_(
            bindparam("created_at", type_=DateTime(timezone=True)),
            bindparam("id", type_=BigInteger),
        ),
    )
    .order_by(Movie.created_at, Movie.id)
    .limit(bindparam("limit")),
)
"""A user's movies after a position, oldest first."""
