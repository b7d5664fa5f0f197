"""Limits on tries, exact over workers, that leave the owner alone."""

from collections import Counter
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from playlist_api.app import create_app
from playlist_api.db.engine import db
from tests.conftest import Databases
from tests.support.service import (
    PASSWORD,
    Actor,
    Answer,
    InProcess,
    Lines,
    Service,
    call,
    environment,
    gunicorn,
    new_email,
    sign_up,
    sql,
)
from tests.test_races import at_once

ON = {"RATELIMIT_ENABLED": "true", "TRUSTED_PROXIES": "1"}

_addresses = (f"203.0.{number // 250}.{number % 250}" for number in count())


@pytest.fixture
def address() -> str:
    """An address that nobody has called from."""
    return next(_addresses)


@pytest.fixture(scope="module")
def limited(database_url: str) -> Flask:
    """An application with low limits."""
    limits = {"LOGIN": 3, "ADDRESS": 6, "SIGNUP": 4, "REFRESH": 4, "FORGOT": 2, "RESET": 2}
    settings = {f"RATELIMIT_{name}": f"{number}/hour" for name, number in limits.items()}
    return create_app(environment(database_url, **ON, **settings))


@pytest.fixture(scope="module")
def service(limited: Flask) -> Service:
    return InProcess(limited)


@pytest.fixture
def ada(app: Flask, service: Service) -> Actor:
    """Somebody who signed up before there were limits."""
    ada = sign_up(InProcess(app))
    ada.service = service
    return ada


def log_in(actor: Actor, address: str, password: str = PASSWORD) -> Answer:
    credentials = {"email": actor.email, "password": password}
    return call(actor.service, "POST", "/auth/login", credentials, X_Forwarded_For=address)


def guess(actor: Actor, address: str, times: int) -> list[int]:
    """Log in wrongly so often, and return what the answers were."""
    return [log_in(actor, address, "wrong").status for _ in range(times)]


def refused(answer: Answer) -> bool:
    """Tell whether an answer is a complete refusal of one try too many."""
    if answer.status != 429:
        return False
    assert answer.error["code"] == "TOO_MANY_REQUESTS"
    assert 1 <= int(answer.headers["Retry-After"]) <= 3600
    return True


def test_wrong_guesses_at_an_account_are_limited(ada: Actor, address: str) -> None:
    assert guess(ada, address, 5) == [401, 401, 401, 429, 429]
    assert refused(log_in(ada, address))


def test_a_try_too_many_is_an_event(ada: Actor, address: str, lines: Lines) -> None:
    guess(ada, address, 4)
    line = lines()[-1]
    assert (line["event"], line["limit"]) == ("throttled", "login")
    assert (line["statusCode"], line["remoteAddress"]) == (429, address)


def test_guesses_elsewhere_do_not_lock_the_owner_out(ada: Actor, address: str) -> None:
    guess(ada, address, 5)
    assert log_in(ada, next(_addresses)).status == 200
    assert ada.get("/me").status == ada.refresh().status == 200


def test_right_passwords_are_not_counted(ada: Actor, address: str) -> None:
    assert {log_in(ada, address).status for _ in range(10)} == {200}
    assert log_in(ada, address, "wrong").status == 401


def test_a_right_password_is_not_counted_if_what_it_is_for_is_refused(
    app: Flask, ada: Actor, address: str
) -> None:
    taken = {"email": sign_up(InProcess(app)).email, "currentPassword": PASSWORD}
    answers = [ada.patch("/me", taken, X_Forwarded_For=address) for _ in range(5)]
    assert {answer.status for answer in answers} == {409}


def test_one_password_cannot_be_tried_on_all_accounts(service: Service, address: str) -> None:
    strangers = [Actor(service, new_email()) for _ in range(8)]
    statuses = [log_in(stranger, address).status for stranger in strangers]
    assert statuses == [401] * 6 + [429] * 2


def test_an_address_that_used_up_its_limit_fills_no_table(
    limited: Flask, service: Service, address: str
) -> None:
    def rows_after_wrong_guesses() -> Any:
        for _ in range(8):
            log_in(Actor(service, new_email()), address, "wrong")
        return sql(limited, 'SELECT count(*) FROM "RateLimit"')

    assert rows_after_wrong_guesses() == rows_after_wrong_guesses()


def test_tries_that_are_refused_for_one_account_leave_the_address_its_others(
    service: Service, ada: Actor, address: str
) -> None:
    guess(ada, address, 10)
    assert log_in(Actor(service, new_email()), address, "wrong").status == 401


def test_a_malformed_login_is_not_counted(service: Service, ada: Actor, address: str) -> None:
    for _ in range(10):
        assert call(service, "POST", "/auth/login", {}, X_Forwarded_For=address).status == 400
    assert log_in(ada, address, "wrong").status == 401


@pytest.mark.parametrize(
    ("path", "body", "allowed"),
    [
        ("/auth/signup", {}, 4),
        ("/auth/refresh", None, 4),
        ("/auth/password/forgot", {"email": ""}, 2),
        ("/auth/password/reset", {"token": "x", "newPassword": PASSWORD}, 2),
    ],
)
def test_each_call_has_its_own_limit_by_address(
    service: Service, address: str, path: str, body: Any, allowed: int
) -> None:
    answers = [call(service, "POST", path, body, X_Forwarded_For=address) for _ in range(6)]
    assert [answer.status == 429 for answer in answers] == [False] * allowed + [True] * (
        6 - allowed
    )
    assert refused(answers[-1])
    elsewhere = call(service, "POST", path, body, X_Forwarded_For=next(_addresses))
    assert elsewhere.status != 429


def test_nobody_can_fill_anothers_inbox(service: Service) -> None:
    email = {"email": new_email()}
    forgot = partial(call, service, "POST", "/auth/password/forgot", email)
    answers = [forgot(X_Forwarded_For=next(_addresses)) for _ in range(3)]
    assert [answer.status for answer in answers] == [202, 202, 429]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/auth/password", {"currentPassword": "wrong", "newPassword": PASSWORD}),
        ("PATCH", "/me", {"email": "new@example.com", "currentPassword": "wrong"}),
        ("DELETE", "/me", {"currentPassword": "wrong"}),
    ],
)
def test_a_stolen_token_cannot_guess_the_password(
    ada: Actor, address: str, method: str, path: str, body: Any
) -> None:
    answers = [ada.call(method, path, body, X_Forwarded_For=address) for _ in range(5)]
    assert [answer.status for answer in answers] == [400, 400, 400, 429, 429]


def test_a_change_without_the_password_is_no_guess(ada: Actor, address: str) -> None:
    guess(ada, address, 5)
    assert ada.patch("/me", {"name": "Ada L."}, X_Forwarded_For=address).status == 200


def test_a_customers_ipv6_addresses_are_one(ada: Actor) -> None:
    answers = [log_in(ada, f"2001:db8:1:2::{number}", "wrong") for number in range(1, 6)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429, 429]
    assert log_in(ada, "2001:db8:1:3::1", "wrong").status == 401


@pytest.mark.parametrize(
    "address", ["unknown", "203.0.113.9:5678", "::ffff:203.0.113.9", "x" * 500]
)
def test_an_address_of_any_form_is_limited_alone(ada: Actor, address: str) -> None:
    assert guess(ada, address, 4) == [401, 401, 401, 429]
    assert log_in(ada, "::ffff:203.0.113.10", "wrong").status == 401


def pass_time(app: Flask, minutes: int) -> None:
    """Have what is used up be used up until so much sooner, or later if it is negative."""
    sooner = """UPDATE "RateLimit" SET "usedUntil" = "usedUntil" - :minutes * interval '1 min'"""
    sql(app, sooner, minutes=minutes)


def test_what_was_used_up_comes_back_with_time(limited: Flask, ada: Actor, address: str) -> None:
    guess(ada, address, 4)
    assert 1100 < int(log_in(ada, address).headers["Retry-After"]) <= 1200
    pass_time(limited, 20)
    assert guess(ada, address, 2) == [401, 429]


def test_a_clock_that_is_set_back_locks_nobody_out(
    limited: Flask, ada: Actor, address: str
) -> None:
    guess(ada, address, 1)
    pass_time(limited, -24 * 60)
    assert guess(ada, address, 4) == [401, 401, 401, 429]


def test_limits_outlive_the_process(limited: Flask, ada: Actor, address: str) -> None:
    guess(ada, address, 3)
    database_url = limited.config["DATABASE_URL"]
    ada.service = InProcess(create_app(environment(database_url, **ON, RATELIMIT_LOGIN="3/hour")))
    assert refused(log_in(ada, address))


def test_limits_can_be_switched_off(eve: Actor, address: str) -> None:
    assert set(guess(eve, address, 15)) == {401}


def test_limits_are_exact_over_workers_under_races(database_url: str, tmp_path: Path) -> None:
    settings = environment(database_url, **ON, RATELIMIT_LOGIN="5/hour")
    with gunicorn(tmp_path / "log", settings) as served:
        ada = sign_up(served)
        guessing = partial(log_in, ada, next(_addresses), "wrong")
        answers = at_once(*[guessing] * 20)
        assert Counter(answer.status for answer in answers) == {401: 5, 429: 15}


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        ("0", "198.51.100.1", "127.0.0.1"),
        ("1", "198.51.100.1", "198.51.100.1"),
        ("1", "10.0.0.1, 198.51.100.1", "198.51.100.1"),
        ("2", "10.0.0.1, 198.51.100.1, 192.0.2.1", "198.51.100.1"),
        ("2", "198.51.100.1", "127.0.0.1"),
        ("1", "", "127.0.0.1"),
    ],
)
def test_an_address_is_what_the_trusted_proxies_say(
    database_url: str, proxies: str, forwarded: str, expected: str
) -> None:
    app = create_app(environment(database_url, TRUSTED_PROXIES=proxies))
    app.add_url_rule("/address", view_func=lambda: str(request.remote_addr), endpoint="address")
    answer = call(InProcess(app), "GET", "/address", X_Forwarded_For=forwarded)
    assert answer.body.decode() == expected


def test_many_logins_at_once_leave_other_calls_answering(database_url: str, tmp_path: Path) -> None:
    with gunicorn(tmp_path / "log", environment(database_url)) as served:
        ada, bob = sign_up(served), sign_up(served)
        logging_in = partial(log_in, ada, "127.0.0.1")
        others = [partial(bob.get, "/me"), partial(call, served, "GET", "/health/live")]
        answers = at_once(*[logging_in] * 60, *others * 5)
        assert {answer.status for answer in answers[60:]} == {200}
        logins = Counter(answer.status for answer in answers[:60])
        assert set(logins) <= {200, 429}
        assert logins[200]
        for answer in answers[:60]:
            assert answer.status == 200 or answer.headers["Retry-After"]


def test_a_try_that_cannot_be_given_back_does_not_undo_what_was_done(
    databases: Databases,
) -> None:
    app = create_app(environment(databases.make_with_tables(), **ON))
    ada = sign_up(InProcess(app))
    sql(app, REFUSE_REFUNDS)
    credentials = {"email": ada.email, "password": PASSWORD}
    assert call(ada.service, "POST", "/auth/login", credentials).status == 200
    with app.app_context():
        db.engine.dispose()


REFUSE_REFUNDS = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION USING ERRCODE = '57P01';
    END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON "RateLimit" FOR EACH ROW
        WHEN (NEW."usedUntil" < OLD."usedUntil") EXECUTE FUNCTION refuse()
"""
