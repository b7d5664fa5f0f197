"""Forgotten passwords, with mail by a real SMTP server on loopback."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import AuthResult
from flask import Flask
from sqlalchemy import text

from dev.processes import eventually
from playlist_api.app import create_app
from playlist_api.db.engine import db
from playlist_api.ops import mail
from tests.support.mail_server import Inbox, smtp_server
from tests.support.service import (
    PASSWORD,
    Actor,
    InProcess,
    call,
    environment,
    log_in,
    new_email,
    sign_up,
    sql,
)
from tests.test_races import at_once

NEW_PASSWORD = "another horse battery"


@pytest.fixture
def service(inbox: Inbox, mailing: Callable[..., InProcess]) -> Iterator[InProcess]:
    with smtp_server(inbox) as port:
        yield mailing(port)


def forget(actor: Actor) -> int:
    body = {"email": actor.email.upper()}
    return call(actor.service, "POST", "/auth/password/forgot", body).status


def mailed_token(inbox: Inbox, actor: Actor, number: int = 1) -> str:
    """Ask for a link and return the token in it, the so-manieth that was mailed."""
    assert forget(actor) == 202
    links = eventually(
        lambda: (links := inbox.links(actor.email))[number - 1 :] and links, "mail arrives"
    )
    page, _, token = links[-1].partition("?token=")
    assert page == "http://localhost:3000/reset-password"
    return token


def wait_for(caplog: pytest.LogCaptureFixture, failure: str = "A mail could not be sent.") -> None:
    eventually(lambda: failure in caplog.text, "the failure is logged")


def reset(actor: Actor, token: Any, password: Any = NEW_PASSWORD) -> Any:
    body = {"token": token, "newPassword": password}
    return call(actor.service, "POST", "/auth/password/reset", body)


def can_log_in(actor: Actor, password: str) -> bool:
    credentials = {"email": actor.email, "password": password}
    return call(actor.service, "POST", "/auth/login", credentials).status == 200


def test_a_mailed_link_sets_a_new_password_and_ends_every_session(inbox: Inbox, ada: Actor) -> None:
    elsewhere = log_in(ada)
    answer = reset(ada, mailed_token(inbox, ada))
    assert (answer.status, answer.body) == (204, b"")
    for device in (ada, elsewhere):
        assert device.get("/me").status == device.refresh().status == 401
    assert not can_log_in(ada, PASSWORD)
    assert can_log_in(ada, NEW_PASSWORD)


def test_the_mail_is_addressed_and_says_what_it_is_about(inbox: Inbox, ada: Actor) -> None:
    mailed_token(inbox, ada)
    (message,) = inbox.messages
    assert message["To"] == ada.email
    assert message["From"] == "Playlist <no-reply@localhost>"
    assert message["Subject"] == "Your new password"
    assert "set a new password for your playlist" in message.as_string()


def test_a_mail_holds_nothing_that_its_reader_typed(inbox: Inbox, service: InProcess) -> None:
    ada = sign_up(service, name="{link} =?utf-8?q?Bcc:_eve@example.com?= https://evil.example <b>")
    token = mailed_token(inbox, ada)
    (message,) = inbox.messages
    assert "evil.example" not in message.as_string()
    assert message["X-RcptTo"] == ada.email
    assert len(re.findall(r"https?://", message.as_string())) == 1
    assert reset(ada, token).status == 204


def test_a_token_works_once(inbox: Inbox, ada: Actor) -> None:
    token = mailed_token(inbox, ada)
    assert reset(ada, token).status == 204
    assert reset(ada, token, PASSWORD).fields == {"token"}
    assert can_log_in(ada, NEW_PASSWORD)


def test_of_racing_resets_with_one_token_one_succeeds(inbox: Inbox, ada: Actor) -> None:
    token = mailed_token(inbox, ada)
    answers = at_once(*[partial(reset, ada, token)] * 8)
    assert sorted(answer.status for answer in answers) == [204] + [400] * 7


def test_using_one_link_spends_the_others(inbox: Inbox, ada: Actor) -> None:
    first, second = mailed_token(inbox, ada), mailed_token(inbox, ada, number=2)
    assert reset(ada, second).status == 204
    assert reset(ada, first, PASSWORD).fields == {"token"}


def test_racing_resets_with_different_links_take_turns(inbox: Inbox, ada: Actor) -> None:
    tokens = [mailed_token(inbox, ada, number) for number in range(1, 5)]
    answers = at_once(*(partial(reset, ada, token) for token in tokens))
    assert sorted(answer.status for answer in answers) == [204, 400, 400, 400]


def waiting(number: int) -> bool:
    question = """SELECT count(*) FROM pg_stat_activity
                  WHERE wait_event_type = 'Lock' AND datname = current_database()"""
    with db.engine.connect() as connection:
        return [number] == connection.scalars(text(question)).all()


def in_turn(actor: Actor, *deeds: Callable[[], Any]) -> list[Any]:
    """Have calls wait for the lock on an account, in this order, and return their results."""
    service = actor.service
    assert isinstance(service, InProcess)
    with ThreadPoolExecutor(len(deeds)) as threads, service.app.app_context():
        locking = text('SELECT FROM "User" WHERE id = :id FOR UPDATE')
        db.session.execute(locking, {"id": actor.user["id"]})
        started = []
        for number, deed in enumerate(deeds, 1):
            started.append(threads.submit(deed))
            eventually(partial(waiting, number), f"{number} of them wait")
        db.session.rollback()
        return [each.result() for each in started]


CHANGES: dict[str, Callable[[Actor], Any]] = {
    "email": lambda ada: ada.patch("/me", {"email": new_email(), "currentPassword": PASSWORD}),
    "password": lambda ada: ada.put(
        "/auth/password", {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    ),
    "account": lambda ada: ada.delete("/me", {"currentPassword": PASSWORD}),
}


@pytest.mark.parametrize("change", ["email", "password"])
def test_a_change_of_the_account_spends_every_link(inbox: Inbox, ada: Actor, change: str) -> None:
    token = mailed_token(inbox, ada)
    assert CHANGES[change](ada).status in {200, 204}
    assert reset(ada, token, PASSWORD).fields == {"token"}


@pytest.mark.parametrize("change", CHANGES)
def test_a_link_that_is_asked_for_during_a_change_of_the_account_is_not_made(
    inbox: Inbox,
    ada: Actor,
    bob: Actor,
    caplog: pytest.LogCaptureFixture,
    change: str,
) -> None:
    answer, status = in_turn(ada, partial(CHANGES[change], ada), partial(forget, ada))
    assert (answer.status in {200, 204}, status) == (True, 202)
    mailed_token(inbox, bob)  # mails are made one after the other
    assert inbox.links(ada.email) == []
    assert "A mail could not be sent." not in caplog.text


def test_a_link_that_is_used_during_a_change_of_the_email_does_not_work(
    inbox: Inbox, ada: Actor
) -> None:
    token = mailed_token(inbox, ada)
    changed, used = in_turn(ada, partial(CHANGES["email"], ada), partial(reset, ada, token))
    assert changed.status == 200
    assert used.fields == {"token"}


def test_a_token_expires_after_half_an_hour(app: Flask, inbox: Inbox, ada: Actor) -> None:
    token, user = mailed_token(inbox, ada), ada.user["id"]
    expire = """UPDATE "PasswordReset" SET "expiresAt" = now() WHERE "userId" = :user RETURNING
                (SELECT extract(epoch FROM r."expiresAt" - now()) / 60 FROM "PasswordReset" r
                 WHERE "userId" = :user)"""
    ((minutes,),) = sql(app, expire, user=user)
    assert 29 < minutes <= 30
    assert reset(ada, token).fields == {"token"}
    assert can_log_in(ada, PASSWORD)


def test_a_token_is_stored_hashed(app: Flask, inbox: Inbox, ada: Actor) -> None:
    token = mailed_token(inbox, ada)
    rows = sql(app, 'SELECT r::text FROM "PasswordReset" r')
    assert rows
    assert token not in str(rows)


def test_a_password_that_is_refused_does_not_spend_the_token(inbox: Inbox, ada: Actor) -> None:
    token = mailed_token(inbox, ada)
    assert reset(ada, token, "short").fields == {"newPassword"}
    assert reset(ada, token).status == 204


def test_a_weak_password_is_refused_where_that_is_switched_on(
    inbox: Inbox, mailing: Callable[..., InProcess]
) -> None:
    with smtp_server(inbox) as port:
        ada = sign_up(mailing(port, PASSWORD_BLOCKLIST="true"))
        token = mailed_token(inbox, ada)
        assert reset(ada, token, "password123").fields == {"newPassword"}
        assert reset(ada, token).status == 204


@pytest.mark.parametrize("token", [None, 1, [], "", "x", "\0", "\ud800", "x" * 60_000])
def test_a_token_that_was_never_mailed_is_refused(service: InProcess, token: Any) -> None:
    assert reset(Actor(service, ""), token).fields == {"token"}


def test_nobody_can_tell_who_is_registered(inbox: Inbox, ada: Actor) -> None:
    unknown = Actor(ada.service, new_email())
    answers = [
        call(ada.service, "POST", "/auth/password/forgot", {"email": actor.email})
        for actor in (unknown, ada)
    ]
    assert [(answer.status, answer.body) for answer in answers] == [(202, b"")] * 2
    eventually(lambda: inbox.links(ada.email), "mail arrives")
    assert {message["To"] for message in inbox.messages} == {ada.email}


def test_a_mail_server_that_is_down_delays_and_fails_nothing(
    mailing: Callable[..., InProcess], caplog: pytest.LogCaptureFixture
) -> None:
    ada = sign_up(mailing(9))
    assert forget(ada) == 202
    wait_for(caplog)


def test_a_mail_server_that_says_nothing_delays_nothing(
    mailing: Callable[..., InProcess],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mail, "SMTP_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ada = sign_up(mailing(silent.getsockname()[1]))
        assert forget(ada) == 202
        wait_for(caplog)


def test_development_prints_what_it_would_mail(
    eve: Actor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert forget(eve) == 202
    printed = eventually(lambda: capsys.readouterr().err, "the mail is printed")
    assert f"To: {eve.email}" in printed
    (link,) = re.findall(r"^http://localhost:3000/reset-password\?token=(\S+)$", printed, re.M)
    assert reset(eve, link).status == 204


def test_production_without_a_mail_server_prints_no_link(
    database_url: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    service = InProcess(create_app(environment(database_url, APP_ENV="production")))
    ada = sign_up(service)
    assert forget(ada) == 202
    wait_for(caplog, "SMTP_HOST is not set")
    assert "token=" not in "".join(capsys.readouterr())
    assert "token=" not in caplog.text


@pytest.fixture
def authority(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A certificate authority that this process trusts."""
    authority = trustme.CA()
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return authority


def tls_context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: Any, data: Any) -> Any:
    return AuthResult(success=(data.login, data.password) == (b"apikey", b"the key"))


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_mail_goes_by_tls_and_with_a_password(
    inbox: Inbox, mailing: Callable[..., InProcess], authority: trustme.CA, tls: str
) -> None:
    context = tls_context(authority, "localhost")
    password = {"auth_required": True, "authenticator": authenticate}
    ways: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
        "starttls": (
            {"tls_context": context, "require_starttls": True, **password},
            {"SMTP_USERNAME": "apikey", "SMTP_PASSWORD": "the key"},
        ),
        "tls": ({"ssl_context": context}, {}),
    }
    secured, settings = ways[tls]
    with smtp_server(inbox, **secured) as port:
        assert mailed_token(inbox, sign_up(mailing(port, SMTP_TLS=tls, **settings)))


def test_no_mail_goes_to_a_server_that_cannot_prove_its_name(
    inbox: Inbox,
    mailing: Callable[..., InProcess],
    authority: trustme.CA,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with smtp_server(inbox, tls_context=tls_context(authority, "elsewhere.example")) as port:
        ada = sign_up(mailing(port, SMTP_TLS="starttls"))
        assert forget(ada) == 202
        wait_for(caplog)
    assert "certificate verify failed" in caplog.text
    assert inbox.messages == []
