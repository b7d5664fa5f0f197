"""Keep account of the pictures that people send, and find the movies that show one."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SHOWN = "Movie_picture_ownerId_idx"
PICTURE = """regexp_substr("imageUrl", '[0-9a-f]{64}[.](png|jpg|webp|gif)$')"""


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
    with op.get_context().autocommit_block():
        # What an upgrade that was interrupted left is there, but not whole.
        op.drop_index(SHOWN, if_exists=True, postgresql_concurrently=True)
        op.create_index(
            SHOWN,
            "Movie",
            [sa.text(PICTURE), "ownerId"],
            postgresql_where=sa.text(f"{PICTURE} IS NOT NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index(SHOWN, "Movie")
    op.drop_table("Picture")
