"""Spell the domains of e-mail addresses in Unicode, for that is how they are looked up from now on.

Only accounts that were made as `ada@xn--…` are changed. Where the same mailbox has another account
already, the older spelling stays, and nobody can log in with it: an operator has to choose.
"""

import logging

import sqlalchemy as sa
from alembic import context, op
from email_validator import EmailNotValidError, validate_email

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TAKEN = "User %s has the same mailbox as another user, and keeps an e-mail that cannot log in."

log = logging.getLogger("playlist_api.migrations")


def upgrade() -> None:
    if context.is_offline_mode():
        return  # no statement can do this
    connection = op.get_bind()
    in_ascii = sa.text("""SELECT id, email FROM "User" WHERE email LIKE '%@%xn--%'""")
    for user, email in connection.execute(in_ascii).all():
        try:
            spelled = validate_email(email, check_deliverability=False).normalized
        except EmailNotValidError:
            continue
        changing = sa.text("""
            UPDATE "User" SET email = :email WHERE id = :id
            AND NOT EXISTS (SELECT FROM "User" WHERE email = :email AND id <> :id)
        """)
        if not connection.execute(changing, {"id": user, "email": spelled}).rowcount:
            log.warning(TAKEN, user)


def downgrade() -> None:
    """Leave them: the version before takes both spellings."""
