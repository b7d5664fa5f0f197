"""Keep account of the pictures that people send, and find the movies that show one."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SHOWN = """substring("imageUrl" from '([0-9a-f]{64}[.](png|jpg|webp|gif))$')"""


def upgrade() -> None:
    op.create_table(
        "Picture",
        sa.Column("ownerId", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=69), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column(
            "createdAt", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("unusedSince", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("ownerId", "name", name="Picture_pkey"),
        sa.ForeignKeyConstraint(
            ["ownerId"], ["User.id"], name="Picture_ownerId_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("Picture_name_idx", "Picture", ["name"])
    # Nobody waits meanwhile, however many movies there are. One that was interrupted is left behind
    # without being of use.
    with op.get_context().autocommit_block():
        op.execute('DROP INDEX CONCURRENTLY IF EXISTS "Movie_picture_ownerId_idx"')
        op.execute(
            'CREATE INDEX CONCURRENTLY "Movie_picture_ownerId_idx" ON "Movie"'
            f' ({SHOWN}, "ownerId") WHERE {SHOWN} IS NOT NULL'
        )


def downgrade() -> None:
    op.drop_index("Movie_picture_ownerId_idx", "Movie")
    op.drop_table("Picture")
