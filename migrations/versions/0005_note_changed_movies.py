"""Note in the count of a list that one of its movies was changed."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# So every change of a list makes a new version of its row there, by which a replica is known to
# have the list as it is. In the order of owners, as the other triggers do it.
CHANGED = """
    CREATE FUNCTION note_changed_movies() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM "MovieCount" WHERE "ownerId" IN (SELECT "ownerId" FROM changed)
        ORDER BY "ownerId" FOR UPDATE;
        UPDATE "MovieCount" SET movies = movies
        WHERE "ownerId" IN (SELECT "ownerId" FROM changed);
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_changed_movies AFTER UPDATE ON "Movie"
        REFERENCING NEW TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION note_changed_movies();
"""


def upgrade() -> None:
    op.execute(CHANGED)


def downgrade() -> None:
    op.execute('DROP TRIGGER note_changed_movies ON "Movie"')
    op.execute("DROP FUNCTION note_changed_movies")
