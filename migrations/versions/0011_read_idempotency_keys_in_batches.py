"""Read a user's idempotency keys in batches, oldest first."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OLD, NEW = "IdempotencyKey_userId_idx", "IdempotencyKey_userId_movieId_idx"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # What an upgrade that was interrupted left is there, but not whole.
        op.drop_index(NEW, if_exists=True, postgresql_concurrently=True)
        op.create_index(NEW, "IdempotencyKey", ["userId", "movieId"], postgresql_concurrently=True)
    op.drop_index(OLD, "IdempotencyKey")


def downgrade() -> None:
    op.create_index(OLD, "IdempotencyKey", ["userId"])
    op.drop_index(NEW, "IdempotencyKey")
