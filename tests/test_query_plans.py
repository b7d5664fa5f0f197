"""Every statement that the service sends reads by its indexes, at a million movies.

Each is explained by PostgreSQL with its parameters: which indexes it uses is in the tables below,
and no table is read as a whole, nor sorted, however long somebody's list is.
"""

from collections import defaultdict
from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, create_engine, event, make_url, text

from playlist_api.app import create_app
from playlist_api.database import db
from playlist_api.security import postgres_limits
from playlist_api.services import pages, queries
from playlist_api.services.picture_pruning import BATCH
from playlist_api.services.sessions import MOST_SESSIONS
from playlist_api.statements import GENERIC, Query
from tests import large
from tests.conftest import Databases
from tests.service import Actor, InProcess, environment, log_in, sign_up
from tests.test_isolation import MATRIX, ask

CALLER = {"Session_pkey", "User_pkey"}
SIGNED_IN = {"Session_pkey", "Session_userId_idx"}
PAGE = {*CALLER, "MovieCount_pkey", "Movie_ownerId_createdAt_id_idx"}

QUERIES = {
    "charged": {"RateLimit_pkey"},
    "looked_up": {"RateLimit_pkey"},
    "refunded": {"RateLimit_pkey"},
    "new_account": {"User_email_key"},
    "credentials": {"User_email_key"},
    "new_session": {"User_pkey"},
    "surplus_sessions": SIGNED_IN,
    "account": CALLER,
    "one_movie": {*CALLER, "Movie_pkey"},
    "page_of_movies": PAGE,
    "page_after_cursor": PAGE,
    "list_version": {*CALLER, "MovieCount_pkey"},
    "page_of_version": PAGE - CALLER,
    "page_after_of_version": PAGE - CALLER,
    "new_movie": CALLER,
    "new_movie_with_key": {*CALLER, "IdempotencyKey_pkey"},
    "movie_of_key": {*CALLER, "IdempotencyKey_pkey"},
}
"""The indexes of each query."""

PARAMETERS = {
    "movie_id": 500_000,
    "version": "1",
    "limit": 21,
    "offset": 0,
    "created_at": datetime(2025, 12, 25, tzinfo=UTC),
    "id": 500_000,
    "title": "Heat",
    "year": "1995",
    "image_url": None,
    "key_hash": "x",
    "fields_hash": "x",
    "lifetime": "1 day",
    "name": "Ada",
    "email": "ada@example.com",
    "password_hash": "x",
    "refresh_token_hash": "x",
    "rotated_at": datetime(2025, 12, 25, tzinfo=UTC),
    "expires_at": datetime(2026, 1, 1, tzinfo=UTC),
    "user_agent": "",
    "kept": MOST_SESSIONS,
    "cost": "1 second",
    "period": "1 minute",
}
"""What they are explained with, besides the caller."""

CALLS: dict[str, set[str]] = {
    "POST /auth/refresh": CALLER,
    "POST /auth/logout": {"Session_pkey"},
    "GET /auth/sessions": {*CALLER, "Session_userId_idx"},
    "DELETE /auth/sessions": {*CALLER, "Session_userId_idx"},
    "DELETE /auth/sessions/{id}": {*CALLER, "Session_userId_idx"},  # having listed them
    "PUT /auth/password": {*CALLER, "Session_userId_idx", "PasswordReset_userId_idx"},
    "POST /auth/password/forgot": {"User_email_key"},
    "POST /auth/password/reset": {
        *("PasswordReset_pkey", "PasswordReset_userId_idx", "Session_userId_idx", "User_pkey"),
    },
    "PATCH /me": CALLER,
    "DELETE /me": CALLER,
    "GET /media/{id}": {*CALLER, "Picture_pkey"},  # having sent one
    "GET /me/export": {
        *(*CALLER, "Session_userId_idx", "PasswordReset_userId_idx"),
        *("IdempotencyKey_userId_idx", "Movie_ownerId_createdAt_id_idx", "Picture_pkey"),
    },
    "PUT /movies/{id}": {*CALLER, "Movie_pkey"},
    "PATCH /movies/{id}": {*CALLER, "Movie_pkey", "Picture_pkey"},
    "DELETE /movies/{id}": {*CALLER, "Movie_pkey"},
}
"""The indexes of each call's statements, its queries left out; no other call has any."""

COMMANDS = {
    "sessions prune": {
        *("Session_expiresAt_idx", "Session_pkey"),
        *("PasswordReset_expiresAt_idx", "PasswordReset_pkey"),
        *("IdempotencyKey_expiresAt_idx", "IdempotencyKey_pkey"),
        *("RateLimit_usedUntil_idx", "RateLimit_pkey"),
    },
    "media prune": {"Picture_pkey", "Picture_name_idx", "Movie_picture_ownerId_idx"},
    "users show {email}": {
        *("User_email_key", "MovieCount_pkey", "Session_userId_idx"),
    },
    "users promote {email}": {"User_email_key", "User_pkey"},
    "users end-sessions {email}": {"User_email_key", "Session_userId_idx"},
    "movies import {file} --email {email}": {"User_email_key"},
    "users delete --yes {email}": {"User_email_key", "User_pkey"},
}
"""The same of operators' commands, but for `users list`, which reads all users."""

SORTABLE = {"media prune": BATCH}
"""How many rows may be sorted: a batch of pictures; elsewhere somebody's sessions."""

Plan = dict[str, Any]
Sent = dict[str, list[tuple[str, Any]]]


def steps(plan: Plan) -> Iterator[Plan]:
    yield plan
    for step in plan.get("Plans", []):
        yield from steps(step)


def indexes(plan: Plan) -> set[str]:
    """The indexes that a plan reads, or finds conflicts by."""
    read = {step["Index Name"] for step in steps(plan) if "Index Name" in step}
    return read.union(*(step.get("Conflict Arbiter Indexes", ()) for step in steps(plan)))


def faults(plan: Plan, sortable: int = 0) -> list[str]:
    """Where a plan reads a table as a whole, or sorts more than so many rows."""
    return [
        f"{step['Node Type']} {step.get('Relation Name', '')}"
        for step in steps(plan)
        if step["Node Type"] == "Seq Scan"
        or (step["Node Type"].endswith("Sort") and step["Plan Rows"] > sortable)
    ]


def named_queries() -> dict[str, Query]:
    named = {**vars(queries), **vars(pages), **vars(postgres_limits)}
    return {name: query for name, query in named.items() if isinstance(query, Query)}


def plan_of(name: str, owner: str = "42 movies", how: str = "", **parameters: Any) -> Plan:
    """The plan of a query as it is prepared on the running application's connection."""
    explaining = copy(named_queries()[name])
    remedies = explaining._remedies.items()
    explaining._remedies = {error: first.replace(GENERIC, "") for error, first in remedies}
    explaining._execute = f"EXPLAIN ({how}FORMAT JSON) {explaining._execute}"
    caller = large.session_of(large.OWNERS[owner])
    plan: Plan = explaining(**{**PARAMETERS, **caller, **parameters})[0][0][0]["Plan"]
    return plan


def planning(database_url: str, mode: str) -> Flask:
    """An application whose queries are planned in one of PostgreSQL's ways."""
    options = {"options": f"-c plan_cache_mode={mode}"}
    url = make_url(database_url).update_query_dict(options)
    return create_app(environment(url.render_as_string(hide_password=False)))


def run(database_url: str, *statements: str) -> None:
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="module")
def loaded(databases: Databases) -> str:
    """A large database of which there are no statistics yet."""
    url = databases.make_with_tables()
    large.load(url)
    return url


@pytest.fixture(scope="module")
def early(loaded: str) -> dict[str, Plan]:
    """The queries' plans from before there were any."""
    with planning(loaded, "force_generic_plan").app_context():
        return {name: plan_of(name) for name in QUERIES}


@pytest.fixture(scope="module")
def analyzed(loaded: str, early: dict[str, Plan]) -> str:
    assert early
    run(loaded, "VACUUM ANALYZE")
    return loaded


@pytest.fixture(scope="module", params=["force_custom_plan", "force_generic_plan", "auto"])
def planned(request: pytest.FixtureRequest, analyzed: str) -> Flask:
    return planning(analyzed, request.param)


def test_every_query_is_in_the_table() -> None:
    assert set(QUERIES) == set(named_queries())


@pytest.mark.parametrize("owner", large.OWNERS)
@pytest.mark.parametrize("name", QUERIES)
def test_every_query_reads_by_its_indexes(planned: Flask, name: str, owner: str) -> None:
    with planned.app_context():
        for _ in range(7):  # five are planned for their parameters before PostgreSQL compares
            plan = plan_of(name, owner)
    assert indexes(plan) == QUERIES[name]
    assert faults(plan, sortable=MOST_SESSIONS if name == "surplus_sessions" else 0) == []


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_reads_by_its_indexes_before_there_are_statistics(
    early: dict[str, Plan], name: str
) -> None:
    assert indexes(early[name]) - CALLER == QUERIES[name] - CALLER
    assert faults(early[name], sortable=MOST_SESSIONS) == []


def test_a_plan_made_for_deep_pages_serves_the_first_ones_too(analyzed: str) -> None:
    with planning(analyzed, "auto").app_context():
        for _ in range(7):
            plan_of("page_of_movies", "500,000 movies", offset=499_000)
        plan = plan_of("page_of_movies", "500,000 movies")
    assert indexes(plan) == PAGE
    assert faults(plan) == []


def test_a_page_is_planned_once(analyzed: str) -> None:
    plans = text("""SELECT generic_plans, custom_plans FROM pg_prepared_statements
                    WHERE name LIKE 'page_of_movies%'""")
    with planning(analyzed, "auto").app_context():
        for _ in range(7):
            queries.page_of_movies(
                limit=20, offset=0, **large.session_of(large.OWNERS["42 movies"])
            )
        assert Query("plans", plans)() == [(7, 0)]


def test_a_page_by_cursor_reads_as_little_wherever_it_is(analyzed: str) -> None:
    def blocks(number: int) -> int:
        place = {"created_at": large.moment_of(number), "id": number}
        plan = plan_of("page_after_cursor", "500,000 movies", "ANALYZE, BUFFERS, ", **place)
        assert plan["Actual Rows"] == PARAMETERS["limit"]
        read: int = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        return read

    with planning(analyzed, "force_generic_plan").app_context():
        assert max(blocks(number) for number in (1, 500_000, 999_900)) < 20


@pytest.fixture(scope="module")
def sent(analyzed: str, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """What each call and command sends besides its queries: statements with their parameters."""
    media = str(tmp_path_factory.mktemp("media"))
    app = create_app(environment(analyzed, RATELIMIT_ENABLED="true", MEDIA_STORAGE=media))
    app.extensions["mailer"].later = lambda job, *arguments: job(*arguments)
    sent: Sent = defaultdict(list)
    doing = ""

    def note(_: Any, __: Any, statement: str, parameters: Any, context: Any, ___: bool) -> None:
        # What is streamed is planned to begin soon rather than to end soon.
        streamed = "DECLARE movies CURSOR FOR " * bool(context._is_server_side)
        if not statement.startswith("ANALYZE"):  # which has no plan
            sent[doing].append((streamed + statement, parameters))

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
    for route in sorted(MATRIX, key=lambda route: route == "DELETE /me"):
        doing = "signing in"
        actor = log_in(Actor(InProcess(app), "ada3@example.com"))
        doing = route
        assert ask(route, actor, actor).status < 300
    file = tmp_path_factory.mktemp("csv") / "movies.csv"
    file.write_text("title\nHeat\n")
    for doing in COMMANDS:
        arguments = doing.format(email="ada4@example.com", file=file).split()
        assert app.test_cli_runner().invoke(args=arguments).exit_code == 0
    return sent


def for_owner(parameters: dict[str, Any], owner: str) -> dict[str, Any]:
    """What a statement that was sent for one user would be sent with for another."""
    ours, theirs = (large.id_of("user", large.OWNERS[whose]) for whose in ("42 movies", owner))
    return {name: theirs if str(value) == ours else value for name, value in parameters.items()}


@pytest.fixture(scope="module")
def connection(analyzed: str) -> Iterator[Connection]:
    engine = create_engine(analyzed, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.mark.parametrize("owner", large.OWNERS)
@pytest.mark.parametrize("doing", [*MATRIX, *COMMANDS])
def test_every_call_reads_by_its_indexes(
    sent: Sent, connection: Connection, doing: str, owner: str
) -> None:
    used, sortable = set(), SORTABLE.get(doing, MOST_SESSIONS)
    for statement, parameters in sent[doing]:
        explain = connection.exec_driver_sql(
            f"EXPLAIN (FORMAT JSON) {statement}", for_owner(parameters, owner)
        )
        plan = explain.scalar_one()[0]["Plan"]
        assert faults(plan, sortable) == [], statement
        used |= indexes(plan)
    assert used == {**CALLS, **COMMANDS}.get(doing, set())


UNUSED = {
    "Movie_ownerId_same_title_year_idx",
    "Movie_ownerId_sort_title_id_idx",
    "Movie_ownerId_updatedAt_id_idx",
    "Movie_ownerId_year_id_idx",
    "Movie_title_words_idx",
}


def test_every_index_serves_a_statement(connection: Connection) -> None:
    there = connection.scalars(
        text("""SELECT indexname FROM pg_indexes
                WHERE schemaname = 'public' AND tablename <> 'alembic_version'""")
    )
    assert set(there) - UNUSED == set().union(
        *QUERIES.values(), *CALLS.values(), *COMMANDS.values()
    )


def test_every_foreign_key_is_looked_up_by_an_index(connection: Connection) -> None:
    """A user's rows are found when the user is deleted: by PostgreSQL, which shows no plan."""
    bare = connection.scalars(
        text("""SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT EXISTS (
                    SELECT FROM pg_index
                    WHERE indrelid = conrelid AND indkey[0] = conkey[1] AND indpred IS NULL)""")
    )
    assert bare.all() == []


def test_an_import_has_plans_made_anew_that_its_movies_have_outdated(
    databases: Databases, tmp_path: Path
) -> None:
    url = databases.make_with_tables()
    app = planning(url, "auto")
    ada = sign_up(InProcess(app))
    run(url, "VACUUM ANALYZE")
    with app.app_context():
        for _ in range(7):
            outdated = plan_of("page_of_movies")
    assert "Seq Scan Movie" in faults(outdated)  # quite right, for one that is empty
    (tmp_path / "movies.csv").write_text("title\n" + "Heat\n" * 3000)
    command = ["movies", "import", str(tmp_path / "movies.csv"), "--email", ada.email]
    assert app.test_cli_runner().invoke(args=command).exit_code == 0
    with app.app_context():
        plan = plan_of("page_of_movies")
    assert "Movie_ownerId_createdAt_id_idx" in indexes(plan)
