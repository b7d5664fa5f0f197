"""Tell sessions apart, and keep password resets and rate limits."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "Session",
        sa.Column("userAgent", sa.String(255), server_default="", nullable=False),
    )
    op.alter_column("Session", "userAgent", server_default=None)
    op.create_index("Session_expiresAt_idx", "Session", ["expiresAt"])
    op.create_table(
        "PasswordReset",
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("userId", sa.Uuid(), nullable=False),
        sa.Column("expiresAt", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name="PasswordReset_pkey"),
        sa.ForeignKeyConstraint(
            ["userId"], ["User.id"], name="PasswordReset_userId_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("PasswordReset_userId_idx", "PasswordReset", ["userId"])
    op.create_index("PasswordReset_expiresAt_idx", "PasswordReset", ["expiresAt"])
    op.create_table(
        "RateLimit",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("usedUntil", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="RateLimit_pkey"),
        prefixes=["UNLOGGED"],
    )
    op.create_index("RateLimit_usedUntil_idx", "RateLimit", ["usedUntil"])


def downgrade() -> None:
    op.drop_table("RateLimit")
    op.drop_table("PasswordReset")
    op.drop_index("Session_expiresAt_idx", "Session")
    op.drop_column("Session", "userAgent")
