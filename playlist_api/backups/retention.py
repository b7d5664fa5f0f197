"""Which backups are kept, as restic's `forget` has it, and which are deleted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from playlist_api.backups.backups import Backup, Catalogue
from playlist_api.posters.storage import Storage

LEFTOVER = timedelta(days=1)
"""The age from which on unfinished data is nobody's work any more."""

PERIODS: dict[str, Callable[[Backup], object]] = {
    "last": lambda backup: backup.name,
    "daily": lambda backup: backup.created.date(),
    "weekly": lambda backup: backup.created.isocalendar()[:2],
    "monthly": lambda backup: (backup.created.year, backup.created.month),
}


@dataclass(frozen=True)
class Policy:
    """Of how many days, weeks and months (in UTC) that have backups the newest one is kept."""

    last: int
    daily: int
    weekly: int
    monthly: int


def kept(backups: list[Backup], policy: Policy) -> dict[str, list[str]]:
    """Tell which of the backups, newest first, are kept, and why each.

    The newest is kept whatever the policy. As long as a count is not used up, the oldest one
    counts as well: it stands for the time from which no other is left.
    """
    reasons: dict[str, list[str]] = {backup.name: ["newest"] for backup in backups[:1]}
    for kind in fields(policy):
        left: int = getattr(policy, kind.name)
        period: object = None
        for backup in backups:
            newer, period = period, PERIODS[kind.name](backup)
            if left and (period != newer or backup is backups[-1]):
                reasons.setdefault(backup.name, []).append(kind.name)
                left -= 1
    return reasons


def prune(
    storage: Storage, found: Catalogue, keeping: set[str], now: datetime, *, dry_run: bool
) -> Iterator[str]:
    """Delete the backups that are not kept, and what is left of interrupted ones.

    Yields the name of what is about to be deleted. Broken backups stay: somebody should look
    at them.
    """
    for backup in found.complete:
        if backup.name not in keeping:
            yield backup.name
            if not dry_run:
                # In this order: what is listed always has its data.
                storage.delete(backup.description)
                storage.delete(backup.data)
    for file in found.leftovers:
        if now - file.changed > LEFTOVER:
            yield file.name
            if not dry_run:
                storage.delete(file.name)
