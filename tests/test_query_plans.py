"""Every statement that the service sends reads by its indexes, in a list of a million movies too.

Each is explained by PostgreSQL with its parameters: which indexes it uses is in the tables below,
and no table is read as a whole, nor sorted, however long somebody's list is.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime
from itertools import product
from math import inf
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, create_engine, event, make_url, text

from playlist_api.app import create_app
from playlist_api.auth.service import MAX_SESSIONS
from playlist_api.db.engine import db
from playlist_api.db.statements import GENERIC, Query, Search
from playlist_api.movies import page_queries
from playlist_api.movies.cursors import NEWEST_FIRST, SORTS
from playlist_api.ops import mail
from playlist_api.posters.pruning import PICTURE_BATCH
from playlist_api.transfer import queries as imports
from playlist_api.transfer import service as lists
from tests.conftest import Databases
from tests.support import large
from tests.support.service import Actor, InProcess, environment, log_in
from tests.test_isolation import MATRIX, ask

CALLER = {"Session_pkey", "User_pkey"}
SIGNED_IN = {"Session_pkey", "Session_userId_idx"}
SAME = "Movie_ownerId_same_title_year_idx"
ORDERS = {
    "createdAt": "Movie_ownerId_createdAt_id_idx",
    "updatedAt": "Movie_ownerId_updatedAt_id_idx",
    "title": "Movie_ownerId_sort_title_id_idx",
    "year": "Movie_ownerId_year_id_idx",
}
"""The index of each order, whichever way it is read."""

PAGE = {*CALLER, "MovieCount_pkey", ORDERS["createdAt"]}


def pages_in(sort: str) -> dict[str, set[str]]:
    """The indexes of the pages in an order."""
    counted = {*CALLER, "MovieCount_pkey", ORDERS[sort.removeprefix("-")]}
    # A page of whole rows is looked up at its end, in any but the usual order.
    numbered = counted | ({"Movie_pkey"} if sort != NEWEST_FIRST else set())
    return {
        name_of(page_queries.numbered_pages[sort]): numbered,
        name_of(page_queries.keyset_pages[sort]): counted,
    }


def name_of(query: Query) -> str:
    return query.name.rpartition("_")[0]


DEFAULT_PAGE, _ = pages_in(NEWEST_FIRST)

QUERIES = {
    "count_hit": {"RateLimit_pkey"},
    "undo_hit": {"RateLimit_pkey"},
    "new_account": {"User_email_key"},
    "credentials": {"User_email_key"},
    "new_session": {"User_pkey"},
    "surplus_sessions": SIGNED_IN,
    "account": CALLER,
    "one_movie": {*CALLER, "Movie_pkey"},
    "next_movies": {ORDERS["createdAt"]},
    "next_idempotency_keys": {"IdempotencyKey_userId_movieId_idx"},
    "next_pictures": {"Picture_pkey"},
    "new_movie": CALLER,
    "new_movie_with_key": {*CALLER, "IdempotencyKey_pkey"},
    "movie_of_key": {*CALLER, "IdempotencyKey_pkey"},
}
for _sort in SORTS:
    QUERIES |= pages_in(_sort)
"""The indexes of queries that are planned once. Any other query must only read by some."""

TERMS: dict[str, dict[str, str]] = {
    **{word: {"search": word} for word in ("rare", "movie", "99 movie", "m", "nothing")},
    "a year": {"first": "1999", "last": "1999"},
    "a decade": {"first": "1990", "last": "1999"},
    "all years": {"first": "0000", "last": "9999"},
    "a word and a decade": {"search": "movie", "first": "1990", "last": "1999"},
}
"""What is searched for."""

SEARCHABLE = {*ORDERS.values(), SAME}
"""Where a search walks a list; what `movies_found` reads is not seen."""

PAGE_LENGTH = 21

PARAMETERS = {
    **dict.fromkeys(("movie_id", "movieId", "id"), 500_000),
    **dict.fromkeys(("key_hash", "fields_hash", "password_hash", "refresh_token_hash"), "x"),
    "limit": PAGE_LENGTH,
    "offset": 0,
    "movies_per_user": "100000",
    "kept": MAX_SESSIONS,
    "title": "Heat",
    "year": "1995",
    "image_url": None,
    "name": "Ada",
    "user_agent": "",
    "lifetime": "1 day",
    "cost": "1 second",
    "period": "1 minute",
    "email": "ada@example.com",
    "createdAt": datetime(2025, 12, 25),  # noqa: DTZ001 - in UTC
    "rotated_at": datetime(2025, 12, 25, tzinfo=UTC),
    "expires_at": datetime(2026, 1, 1, tzinfo=UTC),
}
"""What they are explained with, besides the caller."""

KEYS = {"title": "Movie 500", "year": "1999"}


def key_of(name: str) -> Any:
    """A place in the order that a query is named for."""
    return next((KEYS[key] for key in KEYS if f"_by_{key}" in name), PARAMETERS["rotated_at"])


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
    "GET /media/{name}": {*CALLER, "Picture_pkey"},  # having sent one
    "GET /me/export": {*CALLER, "Session_userId_idx", "PasswordReset_userId_idx"},
    "POST /movies/import": {*CALLER, SAME, "MovieCount_pkey"},
    "GET /movies/export": CALLER,
    "PUT /movies/{id}": {"Movie_pkey"},
    "PATCH /movies/{id}": {"User_pkey", "Movie_pkey", "Picture_pkey"},
    "DELETE /movies/{id}": {"Movie_pkey"},
}
"""The indexes of a call's statements, its queries left out. Others must only read by some."""

COMMANDS = {
    "sessions prune": {
        *("Session_expiresAt_idx", "Session_pkey", "RateLimit_usedUntil_idx", "RateLimit_pkey"),
        *("PasswordReset_expiresAt_idx", "PasswordReset_pkey"),
        *("IdempotencyKey_expiresAt_idx", "IdempotencyKey_pkey"),
    },
    "media prune": {"Picture_pkey", "Picture_name_idx", "Movie_picture_ownerId_idx"},
    "users show {email}": {"User_email_key", "MovieCount_pkey", "Session_userId_idx"},
    "users promote {email}": {"User_email_key", "User_pkey"},
    "users end-sessions {email}": {"User_email_key", "Session_userId_idx"},
    "movies import {file} --email {email}": {"User_email_key", SAME, "MovieCount_pkey"},
    "users delete --yes {email}": {"User_email_key", "User_pkey"},
}
"""The same of operators' commands, but for `users list`, which reads all users."""

SORTABLE = {
    "media prune": PICTURE_BATCH,
    "next_pictures": PICTURE_BATCH,
    "surplus_sessions": MAX_SESSIONS,
}
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


def faults(plan: Plan, sortable: float = 0) -> list[str]:
    """Where a plan reads a table as a whole, or sorts more than so many rows."""
    return [
        f"{step['Node Type']} {step.get('Relation Name', '')}"
        for step in steps(plan)
        if step["Node Type"] == "Seq Scan"
        or (step["Node Type"].endswith("Sort") and step["Plan Rows"] > sortable)
    ]


def queries() -> dict[str, Query]:
    """Find every query of the package, and those of the orders, by its name."""
    found: list[Any] = [page_queries.numbered_pages, page_queries.keyset_pages]
    found += [page_queries.search_pages]
    named = [query for pages in found for query in pages.values()]
    for name, module in sys.modules.copy().items():
        if name.startswith("playlist_api."):
            named += [each for each in vars(module).values() if isinstance(each, Query)]
    return {name_of(query): query for query in named}


PLANNED_ONCE = sorted(n for n, query in queries().items() if not isinstance(query, Search))


def plan_of(name: str, owner: str = "42 movies", how: str = "", **parameters: Any) -> Plan:
    """The plan of a query as it is prepared on the running application's connection."""
    explaining = copy(queries()[name])
    prepare, again, anew = explaining._preparations
    explaining._preparations = prepare.replace(GENERIC, ""), again, anew.replace(GENERIC, "")
    explaining._execute = f"EXPLAIN ({how}FORMAT JSON) {explaining._execute}"
    caller = large.session_of(large.OWNERS[owner])
    given = {**PARAMETERS, "key": key_of(name), **caller, **parameters}
    plan: Plan = explaining(**given)[0][0][0]["Plan"]
    return plan


def planning(database_url: str, mode: str) -> Flask:
    """An application whose queries are planned in one of PostgreSQL's ways."""
    options = {"options": f"-c plan_cache_mode={mode}"}
    url = make_url(database_url).update_query_dict(options)
    return create_app(environment(url.render_as_string(hide_password=False)))


def run(database_url: str, statement: str) -> None:
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
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
        return {name: plan_of(name) for name in PLANNED_ONCE}


@pytest.fixture(scope="module")
def searched_early(loaded: str) -> dict[tuple[str, str], list[Plan]]:
    """The plans of searches from then."""
    searches = product(TERMS, large.OWNERS)
    return {search: [plan for _, plan in found_plans(loaded, *search)] for search in searches}


@pytest.fixture(scope="module")
def analyzed(loaded: str, early: Any, searched_early: Any) -> str:
    assert early
    assert searched_early
    run(loaded, "VACUUM ANALYZE")
    return loaded


@pytest.fixture(scope="module", params=["force_custom_plan", "force_generic_plan", "auto"])
def planned(request: pytest.FixtureRequest, analyzed: str) -> Flask:
    return planning(analyzed, request.param)


def test_the_tables_name_nothing_that_is_gone() -> None:
    assert QUERIES.keys() <= set(PLANNED_ONCE)
    assert CALLS.keys() <= MATRIX.keys()


@pytest.mark.parametrize("owner", large.OWNERS)
@pytest.mark.parametrize("name", PLANNED_ONCE)
def test_every_query_reads_by_its_indexes(planned: Flask, name: str, owner: str) -> None:
    with planned.app_context():
        for _ in range(7):  # five are planned for their parameters before PostgreSQL compares
            plan = plan_of(name, owner)
    assert indexes(plan) == QUERIES.get(name, indexes(plan))
    assert faults(plan, sortable=SORTABLE.get(name, 0)) == []


@pytest.mark.parametrize("name", PLANNED_ONCE)
def test_a_query_reads_by_its_indexes_before_there_are_statistics(
    early: dict[str, Plan], name: str
) -> None:
    used = indexes(early[name])
    assert used - CALLER == QUERIES.get(name, used) - CALLER
    # A query that groups its rows may sort them until there are.
    assert faults(early[name], sortable=MAX_SESSIONS if name in QUERIES else inf) == []


def test_a_plan_made_for_deep_pages_serves_the_first_ones_too(analyzed: str) -> None:
    with planning(analyzed, "auto").app_context():
        for _ in range(7):
            plan_of(DEFAULT_PAGE, "1,000,000 movies", offset=999_000)
        plan = plan_of(DEFAULT_PAGE, "1,000,000 movies")
    assert indexes(plan) == PAGE
    assert faults(plan) == []


def test_a_page_is_planned_once(analyzed: str) -> None:
    plans = text("""SELECT generic_plans, custom_plans FROM pg_prepared_statements
                    WHERE name LIKE 'page_by_createdat_desc%'""")
    with planning(analyzed, "auto").app_context():
        for _ in range(7):
            caller = large.session_of(large.OWNERS["42 movies"])
            page_queries.numbered_pages[NEWEST_FIRST](limit=20, offset=0, **caller)
        assert Query("plans", plans)() == [(7, 0)]


@pytest.mark.parametrize("sort", SORTS)
def test_a_page_by_cursor_reads_as_little_wherever_it_is(analyzed: str, sort: str) -> None:
    places: dict[str, list[Any]] = {
        "createdAt": [large.moment_of(number) for number in (100, 500_000, 999_900)],
        "updatedAt": [large.moment_of(number) for number in (1, 2000, 4000)],
        "title": ["Movie 1", "Movie 500", "Movie 995"],
        "year": ["1900", "1950", "2020"],
    }

    def blocks(key: Any) -> int:
        name = name_of(page_queries.keyset_pages[sort])
        plan = plan_of(name, "1,000,000 movies", "ANALYZE, BUFFERS, ", key=key)
        assert plan["Actual Rows"] == PARAMETERS["limit"]
        read: int = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        return read

    with planning(analyzed, "force_generic_plan").app_context():
        assert max(blocks(key) for key in places[sort.removeprefix("-")]) < 60


@pytest.mark.parametrize("sort", [sort for sort in SORTS if not sort.endswith("createdAt")])
def test_a_page_deep_in_a_list_looks_up_no_movies_in_front_of_it(analyzed: str, sort: str) -> None:
    with planning(analyzed, "force_generic_plan").app_context():
        name = name_of(page_queries.numbered_pages[sort])
        plan = plan_of(name, "1,000,000 movies", "ANALYZE, BUFFERS, ", offset=100_000)
    # Looked up one by one, they would be 100,000; a few that vacuum has just missed are.
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 20_000


def found_plans(database_url: str, terms: str, owner: str) -> Iterator[tuple[str, Plan]]:
    """The plans of a search in all orders: of its first page, one deep in it, and by a cursor."""
    key: dict[str, Any] = {"key": None, "id": None}
    given: dict[str, Any] = {"search": None, "first": None, "last": None, **TERMS[terms]}
    with planning(database_url, "auto").app_context():
        for sort in SORTS:
            name = name_of(page_queries.search_pages[sort])
            for place in ({**key, "offset": 0}, {**key, "offset": 10_000}, {"offset": 0}):
                yield name, plan_of(name, owner, **{**given, **place})


@pytest.mark.parametrize("owner", large.OWNERS)
@pytest.mark.parametrize("terms", TERMS)
def test_every_search_reads_by_indexes(analyzed: str, terms: str, owner: str) -> None:
    for name, plan in found_plans(analyzed, terms, owner):
        used = indexes(plan) - CALLER - {"MovieCount_pkey", "Movie_pkey"}
        assert used, name
        assert used <= SEARCHABLE
        assert faults(plan, sortable=PAGE_LENGTH) == []


def test_a_search_reads_by_indexes_before_there_are_statistics(
    searched_early: dict[tuple[str, str], list[Plan]],
) -> None:
    for search, plans in searched_early.items():
        assert [faults(plan, sortable=PAGE_LENGTH) for plan in plans] == [[]] * len(plans), search


@pytest.mark.parametrize("owner", ["10,000 movies", "42 movies"])
@pytest.mark.parametrize("terms", TERMS)
def test_a_search_folds_no_title_but_those_it_answers_with(
    analyzed: str, terms: str, owner: str
) -> None:
    calls = Query("calls", text("SELECT calls FROM pg_stat_user_functions"))
    reported = Query("reported", text("SELECT pg_stat_reset(), pg_stat_force_next_flush()"))
    flushed = Query("flushed", text("SELECT pg_stat_force_next_flush()"))
    given: dict[str, Any] = {"search": None, "first": None, "last": None, **TERMS[terms]}
    caller = large.session_of(large.OWNERS[owner])
    counting = {"options": "-c track_functions=pl"}
    url = make_url(analyzed).update_query_dict(counting).render_as_string(hide_password=False)
    with create_app(environment(url)).app_context():
        for sort in SORTS:
            reported()
            for place in ({"key": None, "id": None, "offset": 5000}, {"offset": 0}):
                at = {"key": key_of(page_queries.search_pages[sort].name), "id": 500_000, **place}
                page_queries.search_pages[sort](limit=1, **given, **at, **caller)
            flushed()
            assert sum(count for (count,) in calls()) < 30, sort


@pytest.fixture(scope="module")
def sent(analyzed: str, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """What each call and command sends besides its queries: statements with their parameters."""
    media = str(tmp_path_factory.mktemp("media"))
    app = create_app(environment(analyzed, RATELIMIT_ENABLED="true", MEDIA_STORAGE=media))
    sent: Sent = defaultdict(list)
    doing = ""

    def note(_: Any, __: Any, statement: str, parameters: Any, context: Any, ___: bool) -> None:
        # What is streamed is planned to begin soon rather than to end soon.
        streamed = "DECLARE movies CURSOR FOR " * bool(context._is_server_side)
        sent[doing].append((streamed + statement, parameters))

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mail, "do_later", lambda job, *arguments: job(*arguments))
        for route in sorted(MATRIX, key=lambda route: route == "DELETE /me"):
            doing = "signing in"
            actor = log_in(Actor(InProcess(app), "ada3@example.com"))
            doing = route
            assert ask(route, actor, actor).status < 300
    file = tmp_path_factory.mktemp("csv") / "movies.csv"
    file.write_text("title\nThe Last Movie\n")
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
    used, sortable = set(), SORTABLE.get(doing, MAX_SESSIONS)
    for statement, parameters in sent[doing]:
        explain = connection.exec_driver_sql(
            f"EXPLAIN (FORMAT JSON) {statement}", for_owner(parameters, owner)
        )
        plan = explain.scalar_one()[0]["Plan"]
        assert faults(plan, sortable) == [], statement
        used |= indexes(plan)
    assert used == {**CALLS, **COMMANDS}.get(doing, used)


@pytest.mark.parametrize("owner", large.OWNERS)
def test_a_batch_of_a_file_is_compared_row_by_row_by_the_index(
    connection: Connection, owner: str
) -> None:
    rows = [f"Movie {number}" for number in range(lists.IMPORT_BATCH)]
    given = {"title": rows, "year": rows, "owner_id": large.id_of("user", large.OWNERS[owner])}
    compiled = imports.matching_movies.compile(dialect=connection.dialect)
    explain = connection.exec_driver_sql(
        f"EXPLAIN (FORMAT JSON) {compiled}", {**compiled.params, **given}
    )
    plan = explain.scalar_one()[0]["Plan"]
    assert indexes(plan) == {SAME}
    assert faults(plan, sortable=lists.IMPORT_BATCH) == []


def test_every_index_serves_a_statement(connection: Connection) -> None:
    there = connection.scalars(
        text("""SELECT indexname FROM pg_indexes
                WHERE schemaname = 'public' AND tablename <> 'alembic_version'""")
    )
    searches = {"Movie_title_words_idx"}  # by `movies_found`
    tables = [*QUERIES.values(), *CALLS.values(), *COMMANDS.values()]
    assert set(there) == searches.union(*tables)


def test_every_foreign_key_is_looked_up_by_an_index(connection: Connection) -> None:
    """A user's rows are found when the user is deleted: by PostgreSQL, which shows no plan."""
    bare = connection.scalars(
        text("""SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT EXISTS (
                    SELECT FROM pg_index
                    WHERE indrelid = conrelid AND indkey[0] = conkey[1] AND indpred IS NULL)""")
    )
    assert bare.all() == []
