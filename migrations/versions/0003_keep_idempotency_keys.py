"""Keep idempotency keys."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "IdempotencyKey",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("userId", sa.Uuid(), nullable=False),
        sa.Column("fields", sa.String(64), nullable=False),
        sa.Column("movieId", sa.BigInteger(), nullable=False),
        sa.Column("createdAt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expiresAt", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="IdempotencyKey_pkey"),
        sa.ForeignKeyConstraint(
            ["userId"], ["User.id"], name="IdempotencyKey_userId_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("IdempotencyKey_userId_idx", "IdempotencyKey", ["userId"])
    op.create_index("IdempotencyKey_expiresAt_idx", "IdempotencyKey", ["expiresAt"])


def downgrade() -> None:
    op.drop_table("IdempotencyKey")
