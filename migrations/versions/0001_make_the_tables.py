"""Make the tables."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def timestamps() -> list[sa.Column[datetime]]:
    now = sa.text("now()")
    return [
        sa.Column("createdAt", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column("updatedAt", sa.DateTime(timezone=True), server_default=now, nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "User",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("role", sa.String(5), server_default="user", nullable=False),
        *timestamps(),
        sa.PrimaryKeyConstraint("id", name="User_pkey"),
        sa.UniqueConstraint("email", name="User_email_key"),
        sa.CheckConstraint("name <> ''", name=op.f("User_name_check")),
        sa.CheckConstraint('email = lower(email COLLATE "C")', name=op.f("User_email_check")),
        sa.CheckConstraint("role IN ('user', 'admin')", name=op.f("User_role_check")),
    )
    op.create_table(
        "Movie",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("year", sa.String(4)),
        sa.Column("imageUrl", sa.String(2048)),
        sa.Column("ownerId", sa.Uuid(), nullable=False),
        *timestamps(),
        sa.PrimaryKeyConstraint("id", name="Movie_pkey"),
        sa.ForeignKeyConstraint(
            ["ownerId"], ["User.id"], name="Movie_ownerId_fkey", ondelete="CASCADE"
        ),
        sa.CheckConstraint("title <> ''", name=op.f("Movie_title_check")),
        sa.CheckConstraint("year ~ '^[0-9]{4}$'", name=op.f("Movie_year_check")),
    )
    op.create_index(
        "Movie_ownerId_createdAt_id_idx",
        "Movie",
        ["ownerId", sa.text('"createdAt" DESC'), sa.text("id DESC")],
    )
    op.create_table(
        "Session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("userId", sa.Uuid(), nullable=False),
        sa.Column("refreshToken", sa.String(64), nullable=False),
        sa.Column("replacedToken", sa.String(64)),
        sa.Column("rotatedAt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expiresAt", sa.DateTime(timezone=True), nullable=False),
        *timestamps(),
        sa.PrimaryKeyConstraint("id", name="Session_pkey"),
        sa.ForeignKeyConstraint(
            ["userId"], ["User.id"], name="Session_userId_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("Session_userId_idx", "Session", ["userId"])


def downgrade() -> None:
    op.drop_table("Session")
    op.drop_table("Movie")
    op.drop_table("User")
