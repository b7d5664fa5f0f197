"""Search for no empty word: each of a user's words begins with it."""

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Cut to 500 characters, the words may end with the space before a word that is gone.
    replace(earlier().replace("string_to_array(words,", "string_to_array(rtrim(words),"))


def downgrade() -> None:
    replace(earlier())


def earlier() -> str:
    """Find how 0009 made the function."""
    module: Any = context.script.get_revision("0009").module
    return str(module.ALL_WORDS)


def replace(function: str) -> None:
    """Put a function in the place of the one of its name."""
    op.execute(sa.text(function.replace("CREATE", "CREATE OR REPLACE").replace(":", r"\:")))
