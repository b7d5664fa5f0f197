"""Let lists have an end, and search a long one without folding its titles anew."""

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Whoever adds says how many movies a list may have, for their transaction; a server that is older
# than the limit does not, and has none.
BOUND = """
    CREATE FUNCTION bounded(movies bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
    BEGIN
        IF movies > nullif(current_setting('playlist_api.movies_per_user', true), '')::bigint THEN
            RAISE check_violation USING
                MESSAGE = 'the list is full', CONSTRAINT = 'MovieCount_movies_check';
        END IF;
        RETURN movies;
    END $$
"""

# The count that is set is right whoever else adds, for its row is locked.
COUNT = """
    CREATE OR REPLACE FUNCTION count_added_movies() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO "MovieCount" AS counted ("ownerId", movies)
        SELECT "ownerId", bounded(count(*)) FROM added GROUP BY "ownerId" ORDER BY "ownerId"
        ON CONFLICT ("ownerId") DO UPDATE SET movies = bounded(counted.movies + excluded.movies);
        RETURN NULL;
    END $$
"""
COUNT_WITHOUT_END = COUNT.replace("bounded", "")

# As in 0006, the last word may be the beginning of one; but no word is looked for twice. The words
# are split once, and not again for each of them.
ALL_WORDS = """
    CREATE FUNCTION all_words("ownerId" uuid, words text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        WITH split AS MATERIALIZED (SELECT string_to_array(words, ' ') AS all_of_them)
        SELECT string_agg(
            DISTINCT '''' || left("ownerId"::text, 8)
            || replace(replace(word, '\\', '\\\\'), '''', '''''') || ''''
            || CASE number WHEN cardinality(all_of_them) THEN ':*' ELSE '' END,
            ' & '
        )
        FROM split, unnest(all_of_them) WITH ORDINALITY AS given (word, number)
    )::tsquery
"""

FIND_TITLE = """
    CREATE OR REPLACE FUNCTION find_title("ownerId" uuid, search text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(
        all_words("ownerId", sort_title(search)) || all_words("ownerId", {joined}),
        all_words("ownerId", sort_title(search))
    )
"""

# PostgreSQL cannot know how few titles have a word, and would look for it in each title of the
# list: a thousand times as dear. Without a condition on the owner there is no other way than this
# index; whose movies have the same beginning of an id are left out at the end.
MOVIES_FOUND = """
    CREATE FUNCTION movies_found("ownerId" uuid, search text, first text, last text)
    RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE
    SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off
    AS $$
    #variable_conflict use_column
    BEGIN
        RETURN QUERY
        WITH found AS MATERIALIZED (
            SELECT id, "ownerId", year FROM "Movie"
            WHERE title_words("ownerId", title) @@ find_title($1, search)
        )
        SELECT id FROM found
        WHERE "ownerId" = $1 AND (first IS NULL OR coalesce(year, '') BETWEEN first AND last);
    END $$
"""


def upgrade() -> None:
    joined = earlier().JOINED.format("search")
    for function in (BOUND, COUNT, ALL_WORDS, FIND_TITLE.format(joined=joined), MOVIES_FOUND):
        op.execute(sa.text(function.replace(":", r"\:")))


def downgrade() -> None:
    op.execute("DROP FUNCTION movies_found")
    for function in (COUNT_WITHOUT_END, earlier().FIND_TITLE):
        op.execute(sa.text(function.replace(":", r"\:")))
    op.execute("DROP FUNCTION all_words")
    op.execute("DROP FUNCTION bounded")


def earlier() -> Any:
    """Find the migration that made these functions."""
    return context.script.get_revision("0006").module
