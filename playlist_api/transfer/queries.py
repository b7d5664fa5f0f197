"""The statements of imports and exports, each for a batch of rows."""

from sqlalchemy import (
    BigInteger,
    DateTime,
    String,
    Uuid,
    bindparam,
    cast,
    func,
    select,
    text,
    tuple_,
)

from playlist_api.db.models import IdempotencyKey, Movie, MovieCount, PasswordReset, StoredPicture
from playlist_api.db.statements import Query, columns_of, lock_of
from playlist_api.movies.schemas import idempotency_key_schema, movie_schema
from playlist_api.posters.schemas import picture_schema

list_lock = select(func.pg_advisory_xact_lock(lock_of(bindparam("owner"))))
"""Waits until nobody else changes the owner's list, and locks it until the transaction ends."""

list_length = select(MovieCount.movies).where(MovieCount.owner_id == bindparam("owner_id"))
"""The number of the owner's movies; no row if there never were any."""

_user_id = bindparam("user_id", type_=Uuid)
_owner_id = bindparam("owner_id", type_=Uuid)

matching_movies = text("""SELECT
        same_title(given.title) COLLATE "C" || '/' || coalesce(given.year, ''), existing.id
    FROM unnest(CAST(:title AS text[]), CAST(:year AS text[]))
        WITH ORDINALITY AS given (title, year, number)
    LEFT JOIN LATERAL (
        SELECT id FROM "Movie"
        WHERE "ownerId" = :owner_id
            AND same_title("Movie".title) COLLATE "C" = same_title(given.title) COLLATE "C"
            AND coalesce("Movie".year, '') = coalesce(given.year, '')
        LIMIT 1
    ) AS existing ON true
    ORDER BY number
""").bindparams(_owner_id)
"""For each title and year, in their order: a key that is equal for equal movies, and the id of the
owner's movie with that key, if there is one."""

new_movies = text("""INSERT INTO "Movie" ("ownerId", title, year, "imageUrl")
    SELECT :owner_id, title, year, image_url
    FROM unnest(CAST(:title AS text[]), CAST(:year AS text[]), CAST(:image_url AS text[]))
        WITH ORDINALITY AS given (title, year, image_url, number)
    ORDER BY number
    RETURNING id
""").bindparams(_owner_id)
"""Adds movies in the given order, and returns their ids in any order."""

password_resets = select(PasswordReset).where(PasswordReset.user_id == bindparam("user_id"))

_created_at = func.timezone("UTC", cast(bindparam("createdAt"), DateTime))

next_movies = Query(
    "next_movies",
    select(*columns_of(Movie, movie_schema.names))
    .where(
        Movie.owner_id == _user_id,
        tuple_(Movie.created_at, Movie.id) > tuple_(_created_at, bindparam("id", type_=BigInteger)),
    )
    .order_by(Movie.created_at, Movie.id)
    .limit(bindparam("limit")),
)
"""A part of a user's list, after a movie, oldest first. This and the next two name their
parameters like the fields in JSON, of which they are the values in the row before."""

next_idempotency_keys = Query(
    "next_idempotency_keys",
    select(*columns_of(IdempotencyKey, idempotency_key_schema.names))
    .where(
        IdempotencyKey.user_id == _user_id,
        IdempotencyKey.movie_id > bindparam("movieId", type_=BigInteger),
    )
    .order_by(IdempotencyKey.movie_id)  # which each key has for itself
    .limit(bindparam("limit")),
)

next_pictures = Query(
    "next_pictures",
    select(*columns_of(StoredPicture, picture_schema.names))
    .where(StoredPicture.owner_id == _user_id, StoredPicture.name > bindparam("name", type_=String))
    .order_by(StoredPicture.name)
    .limit(bindparam("limit")),
)
