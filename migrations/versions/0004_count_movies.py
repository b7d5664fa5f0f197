"""Count each user's movies as they come and go."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# In the order of owners, so that statements about the same ones cannot wait for each other.
ADDED = """
    CREATE FUNCTION count_added_movies() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO "MovieCount" AS counted ("ownerId", movies)
        SELECT "ownerId", count(*) FROM added GROUP BY "ownerId" ORDER BY "ownerId"
        ON CONFLICT ("ownerId") DO UPDATE SET movies = counted.movies + excluded.movies;
        RETURN NULL;
    END $$;
    CREATE TRIGGER count_added_movies AFTER INSERT ON "Movie"
        REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION count_added_movies();
"""
REMOVED = """
    CREATE FUNCTION count_removed_movies() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM "MovieCount" WHERE "ownerId" IN (SELECT "ownerId" FROM removed)
        ORDER BY "ownerId" FOR UPDATE;
        UPDATE "MovieCount" counted SET movies = counted.movies - gone.movies
        FROM (SELECT "ownerId", count(*) AS movies FROM removed GROUP BY "ownerId") gone
        WHERE counted."ownerId" = gone."ownerId";
        RETURN NULL;
    END $$;
    CREATE TRIGGER count_removed_movies AFTER DELETE ON "Movie"
        REFERENCING OLD TABLE AS removed
        FOR EACH STATEMENT EXECUTE FUNCTION count_removed_movies();
"""
MOVED = """
    CREATE FUNCTION count_moved_movie() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE "MovieCount" SET movies = movies - 1 WHERE "ownerId" = OLD."ownerId";
        INSERT INTO "MovieCount" AS counted VALUES (NEW."ownerId", 1)
        ON CONFLICT ("ownerId") DO UPDATE SET movies = counted.movies + 1;
        RETURN NULL;
    END $$;
    CREATE TRIGGER count_moved_movie AFTER UPDATE ON "Movie" FOR EACH ROW
        WHEN (OLD."ownerId" IS DISTINCT FROM NEW."ownerId")
        EXECUTE FUNCTION count_moved_movie();
"""
EMPTIED = """
    CREATE FUNCTION count_no_movies() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM "MovieCount";
        RETURN NULL;
    END $$;
    CREATE TRIGGER count_no_movies AFTER TRUNCATE ON "Movie"
        FOR EACH STATEMENT EXECUTE FUNCTION count_no_movies();
"""
TRIGGERS = ("count_added_movies", "count_removed_movies", "count_moved_movie", "count_no_movies")


def upgrade() -> None:
    op.create_table(
        "MovieCount",
        sa.Column("ownerId", sa.Uuid(), nullable=False),
        sa.Column("movies", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ownerId", name="MovieCount_pkey"),
        sa.ForeignKeyConstraint(
            ["ownerId"], ["User.id"], name="MovieCount_ownerId_fkey", ondelete="CASCADE"
        ),
    )
    # The triggers come first: they keep others from writing until what is there is counted.
    for trigger in (ADDED, REMOVED, MOVED, EMPTIED):
        op.execute(trigger)
    op.execute('INSERT INTO "MovieCount" SELECT "ownerId", count(*) FROM "Movie" GROUP BY 1')


def downgrade() -> None:
    for trigger in TRIGGERS:
        op.execute(f'DROP TRIGGER {trigger} ON "Movie"')
        op.execute(f"DROP FUNCTION {trigger}")
    op.drop_table("MovieCount")
