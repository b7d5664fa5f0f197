"""Note no more in the count of a list that one of its movies was changed."""

from typing import Any

from alembic import context

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    earlier().downgrade()


def downgrade() -> None:
    earlier().upgrade()


def earlier() -> Any:
    """Find the migration that made the trigger."""
    return context.script.get_revision("0005").module
