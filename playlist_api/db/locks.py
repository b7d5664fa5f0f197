"""The lock of a list, which an import holds alone and other changes share."""

from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    SQLColumnExpression,
    Text,
    func,
    literal_column,
)
from sqlalchemy import cast as sql_cast


def can_change(owner_id: SQLColumnExpression[UUID]) -> ColumnElement[bool]:
    """Ask whether nobody is importing somebody's list, and keep it so until the transaction ends.

    Those who change the list share its lock, which an import has for itself. Nobody waits for it:
    an import may take half a minute.
    """
    return func.pg_try_advisory_xact_lock_shared(lock_of(sql_cast(owner_id, Text)))


def lock_of(owner_id: ColumnElement[str]) -> ColumnElement[int]:
    """Return the number of the lock of somebody's list."""
    return func.hashtextextended(owner_id, literal_column("0"))
