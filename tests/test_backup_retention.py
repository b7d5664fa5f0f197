"""`flask backup prune`: what is kept, why, and what goes."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from playlist_api.app import create_app
from playlist_api.backups.backups import Backup, _backup_schema, catalogue
from playlist_api.backups.retention import Policy, kept
from playlist_api.posters.storage import Folder, StorageError
from tests.support.backups import Place, flask
from tests.support.service import environment

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
"""A Sunday, the last day of a week."""


def made(created: datetime) -> Backup:
    name = f"{created:%Y%m%dT%H%M%SZ}-abcdef"
    return Backup(name, created, 4, "0" * 64, "0001", "18.1", "18.1", {"Movie": 1})


def days(*ago: float) -> list[Backup]:
    return [made(NOON - timedelta(days=days)) for days in ago]


@pytest.fixture
def app(folder: Place) -> Flask:
    return create_app(environment("postgresql:///none", BACKUP_URL=folder.url))


def put(place: Place, backups: list[Backup]) -> None:
    for backup in backups:
        place.write(backup.data, b"data")
        place.write(backup.description, _backup_schema.dumps(backup).encode())


@pytest.mark.parametrize(
    ("policy", "ago", "expected"),
    [
        (Policy(2, 0, 0, 0), [0, 0.1, 0.2], [0, 0.1]),
        # The newest of each day; and days without a backup do not count.
        (Policy(0, 3, 0, 0), [0, 0.1, 1, 1.1, 5, 5.1, 6, 7], [0, 1, 5]),
        # Weeks begin on Monday: the 15th is the last day of one, the 8th of the one before.
        (Policy(0, 0, 2, 0), [0, 6, 7, 13, 14, 15], [0, 7]),
        (Policy(0, 0, 0, 2), [0, 14, 15, 16, 50, 60], [0, 15]),
        # A year's first days are of the last week of the year before.
        (Policy(0, 0, 1, 0), [73, 74, 75], [73]),
        # While a count is not used up, the oldest stands for what nothing is left of.
        (Policy(0, 0, 0, 3), [0, 3, 5], [0, 5]),
        (Policy(0, 0, 0, 1), [0, 3, 5], [0]),
        # Reasons add up, they do not take turns.
        (Policy(1, 2, 1, 0), [0, 1, 2, 8], [0, 1]),
        # Whatever the policy, the newest stays.
        (Policy(0, 0, 0, 0), [0, 1], [0]),
        (Policy(1, 1, 1, 1), [], []),
    ],
)
def test_what_is_kept(policy: Policy, ago: list[float], expected: list[float]) -> None:
    assert set(kept(days(*ago), policy)) == {backup.name for backup in days(*expected)}


def test_a_daily_backup_with_the_defaults_keeps_twelve_months(app: Flask, folder: Place) -> None:
    put(folder, days(*range(500)))
    assert flask(app, "prune").exit_code == 0
    left = [backup.created for backup in catalogue(folder.storage).complete]
    ages = [(NOON - created).days for created in left]
    assert ages[:9] == [0, 1, 2, 3, 4, 5, 6, 7, 14]
    assert len(left) == 7 + 3 + 11
    assert len({(created.year, created.month) for created in left}) == 12


def test_what_is_kept_and_deleted_is_told(app: Flask, folder: Place) -> None:
    new, older, old = days(0, 0.5, 1)
    put(folder, [new, older, old])
    options = ["--keep-daily", "1", "--keep-weekly", "0", "--keep-monthly", "0", "--keep-last", "2"]
    told = [
        f"{new.name}\tkept: newest, last, daily",
        f"{older.name}\tkept: last",
    ]
    before = folder.files
    result = flask(app, "prune", "--dry-run", *options)
    assert result.stdout.splitlines() == [*told, f"{old.name}\twould be deleted"]
    assert folder.files == before
    result = flask(app, "prune", *options)
    assert result.stdout.splitlines() == [*told, f"{old.name}\tdeleted"]
    assert folder.files == sorted(
        name for backup in (new, older) for name in (backup.data, backup.description)
    )


def test_broken_backups_count_for_nothing_and_stay(app: Flask, folder: Place) -> None:
    broken, whole = days(0, 1)
    put(folder, [broken, whole])
    folder.write(broken.data, b"dat")
    result = flask(app, "prune", "--keep-daily", "0", "--keep-weekly", "0", "--keep-monthly", "0")
    assert result.stdout == f"{whole.name}\tkept: newest\n"
    assert f"{broken.name}\tis broken" in result.stderr
    assert len(folder.files) == 4


def test_what_was_interrupted_is_deleted_after_a_day(app: Flask, folder: Place) -> None:
    old, young = days(0, 1)
    for name in (
        old.data,
        young.data,
        f"{old.data}.0a1b2c3d.partial",
        f"{old.description}.0a1b2c3d.partial",
    ):
        folder.write(name, b"data")
    folder.write("notes.dump", b"mine")
    for file in Path(folder.url).iterdir():
        if file.name != young.data:
            os.utime(file, (0, 0))
    before = folder.files
    told = flask(app, "prune", "--dry-run").stdout
    assert (told.count("would be deleted"), folder.files) == (3, before)
    told = flask(app, "prune").stdout
    assert re.findall(r"^(.*)\tdeleted$", told, re.M) == [
        old.data,
        f"{old.data}.0a1b2c3d.partial",
        f"{old.description}.0a1b2c3d.partial",
    ]
    assert folder.files == [young.data, "notes.dump"]


def test_a_prune_that_fails_leaves_no_backup_without_data(
    app: Flask, folder: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, days(0, 1, 2))
    delete = Folder.delete

    def delete_once(self: Folder, name: str) -> None:
        monkeypatch.setattr(Folder, "delete", fail)
        delete(self, name)

    def fail(*_: object) -> None:
        raise StorageError("Away.")

    monkeypatch.setattr(Folder, "delete", delete_once)
    options = ["--keep-daily", "1", "--keep-weekly", "0", "--keep-monthly", "0"]
    result = flask(app, "prune", *options)
    assert (result.exit_code, result.stderr) == (1, "Error: Away.\n")
    found = catalogue(folder.storage)
    assert (len(found.complete), found.broken, len(found.leftovers)) == (2, {}, 1)


def test_nothing_to_prune_is_fine(app: Flask) -> None:
    result = flask(app, "prune")
    assert (result.exit_code, result.output) == (0, "")


def test_counts_are_not_negative(app: Flask) -> None:
    assert flask(app, "prune", "--keep-last", "-1").exit_code == 2
