"""The lock of a list: an import holds it alone, other changes share it."""

from uuid import UUID

from sqlalchemy import ColumnElement, SQLColumnExpression, Text, func, literal_column
from sqlalchemy import cast as sql_cast


def can_change(owner_id: SQLColumnExpression[UUID]) -> ColumnElement[bool]:
    """Share the lock of a user's list until the transaction ends; false while an import holds it.

    It never waits, for an import may take half a minute.
    """
    return func.pg_try_advisory_xact_lock_shared(lock_of(sql_cast(owner_id, Text)))


def lock_of(owner_id: ColumnElement[str]) -> ColumnElement[int]:
    """Return the key of the advisory lock of a user's list."""
    return func.hashtextextended(owner_id, literal_column("0"))
