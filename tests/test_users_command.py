"""`flask users` and `flask sessions`: what operators do."""

import pytest
from click.testing import Result
from flask import Flask

from playlist_api.app import create_app
from tests.conftest import Databases
from tests.support.service import Actor, environment, log_in, sign_up, sql


def flask(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=list(arguments))


def test_list_names_everybody_once(app: Flask, eve: Actor) -> None:
    lines = flask(app, "users", "list").stdout.splitlines()
    (line,) = (line for line in lines if line.startswith(eve.email))
    assert line.split("\t")[:3] == [eve.email, "user", "Ada"]


def test_nobody_has_an_account_to_begin_with(databases: Databases) -> None:
    app = create_app(environment(databases.make_with_tables()))
    listed = flask(app, "users", "list")
    assert (listed.exit_code, listed.stdout) == (0, "")


def test_show_tells_what_somebody_has(app: Flask, eve: Actor) -> None:
    eve.add_movie()
    log_in(eve)
    shown = flask(app, "users", "show", eve.email.upper()).stdout
    told = dict(line.split(maxsplit=1) for line in shown.splitlines() if "up" not in line)
    assert told["id"] == eve.user["id"]
    assert (told["role"], told["movies"], told["sessions"]) == ("user", "1", "2")
    assert "argon2" not in shown


def test_promote_and_demote_change_the_role_at_once(app: Flask, eve: Actor) -> None:
    bob = sign_up(eve.service)
    path = f"/movies/{bob.add_movie()['id']}"
    assert eve.get(path).status == 403
    assert flask(app, "users", "promote", eve.email).stdout == f"{eve.email} is now admin.\n"
    assert eve.get("/me").json["role"] == "admin"
    assert eve.get(path).status == 200
    assert flask(app, "users", "demote", eve.email).stdout == f"{eve.email} is now user.\n"
    assert eve.get(path).status == 403


def test_end_sessions_logs_somebody_out_everywhere(app: Flask, eve: Actor) -> None:
    elsewhere = log_in(eve)
    assert flask(app, "users", "end-sessions", eve.email).stdout == "2 sessions ended.\n"
    assert eve.get("/me").status == elsewhere.refresh().status == 401


def test_delete_asks_first(app: Flask, eve: Actor) -> None:
    assert flask(app, "users", "delete", eve.email).exit_code == 1
    assert eve.get("/me").status == 200
    assert flask(app, "users", "delete", "--yes", eve.email).exit_code == 0
    assert eve.get("/me").status == 401


@pytest.mark.parametrize("command", ["show", "promote", "demote", "end-sessions", "delete"])
def test_nobody_is_told_of(app: Flask, command: str) -> None:
    options = ["--yes"] if command == "delete" else []
    result = flask(app, "users", command, *options, "nobody@example.com")
    assert result.exit_code == 1
    assert result.stderr == "Error: Nobody has signed up as nobody@example.com.\n"


@pytest.mark.parametrize("command", [["users", "list"], ["sessions", "prune"]])
def test_a_database_that_is_away_is_told_of(command: list[str]) -> None:
    app = create_app(environment("postgresql://nobody@127.0.0.1:9/nothing"))
    result = flask(app, *command)
    told = "Error: The database is away; nothing was done.\n"
    assert (result.exit_code, result.stderr) == (1, told)


def test_prune_deletes_what_has_expired_and_nothing_else(app: Flask, eve: Actor) -> None:
    flask(app, "sessions", "prune")
    expired = log_in(eve)
    expire = """UPDATE "Session" SET "expiresAt" = now() WHERE "createdAt" =
                (SELECT max("createdAt") FROM "Session" WHERE "userId" = :user)"""
    sql(app, expire, user=eve.user["id"])
    for name, when in (("old", "now()"), ("new", "now() + interval '1 hour'")):
        key, user = f"{name} {eve.email}", eve.user["id"]
        sql(app, f'INSERT INTO "PasswordReset" VALUES (:key, :user, {when})', key=key, user=user)
        values = f"(:key, :user, '', 1, now() - interval '1 day', {when})"
        sql(app, f'INSERT INTO "IdempotencyKey" VALUES {values}', key=key, user=user)
        sql(app, f'INSERT INTO "RateLimit" VALUES (:key, {when})', key=key)
    result = flask(app, "sessions", "prune")
    assert result.exit_code == 0, result.output
    for table in ("PasswordReset", "IdempotencyKey", "RateLimit"):
        assert f"{table}: 1 deleted\n" in result.stdout
    for table in ("Session", "PasswordReset", "IdempotencyKey"):
        kept = f'SELECT count(*) FROM "{table}" WHERE "userId" = :user'
        assert sql(app, kept, user=eve.user["id"]) == [(1,)]
    assert sql(app, 'SELECT FROM "RateLimit" WHERE key = :key', key=f"new {eve.email}") == [()]
    assert eve.get("/me").status == 200
    assert expired.get("/me").status == 401


def test_prune_is_bounded(app: Flask) -> None:
    expired = "SELECT 'bounded ' || n, now() FROM generate_series(1, 2500) n"
    sql(app, f'INSERT INTO "RateLimit" {expired}')
    assert "RateLimit: 1500 deleted" in flask(app, "sessions", "prune", "--most", "1500").stdout
    flask(app, "sessions", "prune")
    assert sql(app, """SELECT FROM "RateLimit" WHERE key LIKE 'bounded %'""") == []
