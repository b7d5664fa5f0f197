"""The statements of imports and exports, each for a batch of rows."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    DateTime,
    Select,
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
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.selectable import TableValuedAlias

from playlist_api.api.schemas import ResponseSchema
from playlist_api.db.models import (
    IdempotencyKey,
    Movie,
    MovieCount,
    PasswordReset,
    StoredPicture,
    same_title,
    sort_year,
)
from playlist_api.db.statements import Query, columns_of, lock_of
from playlist_api.movies.schemas import movie_schema
from playlist_api.posters.schemas import picture_schema
from playlist_api.transfer.schemas import MOVIE_FIELDS, idempotency_key_schema


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
    given = _given(*MOVIE_FIELDS)
    columns = bindparam("owner_id", type_=Uuid), *(given.c[name] for name in MOVIE_FIELDS)
    rows = select(*columns).order_by(given.c.number)
    # Into the table: the ORM would take the parameters of an insert into the class for rows.
    adding = insert(Movie.metadata.tables["Movie"])
    return adding.from_select(["ownerId", *MOVIE_FIELDS.values()], rows).returning(Movie.id)


list_lock = select(func.pg_advisory_xact_lock(lock_of(bindparam("owner"))))
"""Waits until nobody else changes the owner's list, and locks it until the transaction ends."""

list_length = select(MovieCount.movies).where(MovieCount.owner_id == bindparam("owner_id"))
"""The number of the owner's movies; no row if there never were any."""

matching_movies = _compare()
"""For each title and year, in their order: a key that is equal for equal movies, and the id of the
owner's movie with that key, if there is one."""

new_movies = _insert()
"""Adds movies in the given order, and returns their ids in any order."""

password_resets = select(PasswordReset).where(PasswordReset.user_id == bindparam("user_id"))


def _next_page(
    name: str, owner_id: Any, schema: ResponseSchema, *key: InstrumentedAttribute[Any]
) -> Query:
    """Read a page of a user's rows after one of them, in the order of a unique key.

    The key's parameters are named and typed like its columns; times are in UTC.
    """
    columns = [attribute.property.columns[0] for attribute in key]
    after = [
        func.timezone("UTC", cast(bindparam(column.name), DateTime))
        if isinstance(column.type, DateTime)
        else bindparam(column.name, type_=column.type)
        for column in columns
    ]
    rows = select(*columns_of(owner_id.class_, schema.names))
    rows = rows.where(
        owner_id == bindparam("user_id", type_=Uuid), tuple_(*columns) > tuple_(*after)
    )
    return Query(name, rows.order_by(*columns).limit(bindparam("limit")))


next_movies = _next_page("next_movies", Movie.owner_id, movie_schema, Movie.created_at, Movie.id)
next_idempotency_keys = _next_page(
    "next_idempotency_keys",
    IdempotencyKey.user_id,
    idempotency_key_schema,
    IdempotencyKey.movie_id,  # which each key has for itself
)
next_pictures = _next_page(
    "next_pictures", StoredPicture.owner_id, picture_schema, StoredPicture.name
)
