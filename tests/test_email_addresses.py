"""E-mail addresses: which ones an account can have, how they are spelled, and what mail reaches."""

import itertools
from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask_migrate import upgrade

from dev.processes import eventually
from playlist_api.app import create_app
from tests.conftest import Databases
from tests.support.mail_server import Inbox, smtp_server
from tests.support.service import (
    PASSWORD,
    Actor,
    InProcess,
    Service,
    call,
    environment,
    log_in,
    new_email,
    sign_up,
    sql,
)

SPELLINGS = [
    ("{}@example.com", "{}@EXAMPLE.Com"),
    ("ada.jürgen.{}@example.com", "ADA.JU\u0308RGEN.{}@example.com"),
    ("{}@bücher.example", "{}@xn--bcher-kva.example"),
    ("{}@xn--bcher-kva.example", "{}@BU\u0308CHER.example"),
    ("{}@straße.example", "{}@XN--STRAE-OQA.example"),
    ("{}@例え.example", "{}@例え\uff0eexample"),
    ("{}@example.com", "{}\uff20\uff45xample\uff0ecom"),
    ("{}@phở.example", "{}@pho\u031b\u0309.example"),
]
"""Of one mailbox each."""

OLD = [
    *("=?utf-8?q?{}?=@example.com", "=?utf-8?q?{}=00?=@example.com", "x=?utf-8?q?{}?=@example.com"),
    *('"{}"@example.com', '"{}, bob"@example.com', '"{}@evil.example"@example.com'),
    *("{},bob@example.com", "{}@example.com,bob@example.com", "{}(bob)@example.com"),
    *("{}@[192.0.2.1]", "{}@localhost", "<{}@example.com>", "{}@xn--a.example", "{}"),
]
"""What accounts could have once, or could not, but somebody wrote it into the database."""


def unique(spelling: str) -> str:
    return spelling.format(new_email().partition("@")[0])


def rename(app: Flask, actor: Actor, email: str) -> None:
    """Have the database say that this is the actor's e-mail."""
    sql(app, 'UPDATE "User" SET email = :email WHERE id = :id', email=email, id=actor.user["id"])
    actor.email = actor.user["email"] = email


def forget(service: Service, email: str, **headers: str) -> int:
    return call(service, "POST", "/auth/password/forgot", {"email": email}, **headers).status


@pytest.mark.parametrize(
    "spelling",
    [
        *("{}@example.com", "O'Brien+{}.of-1995@sub-domain.example.org", "{}@mail.local"),
        *("!#$%&'*+-/^_`{{|}}~{}@example.com", "{}@example.test", "josé.{}@example.com"),
        *("चित्र.{}@example.com", "映画.{}@例え.example", "{}@a.b.c.d.example", "{}@1x.example"),
    ],
)
def test_an_account_can_have_any_address_that_mail_servers_take(
    service: Service, spelling: str
) -> None:
    ada = sign_up(service, email=unique(spelling))
    assert ada.user["email"] == ada.email.lower()
    assert log_in(ada).get("/me").json == ada.user


@pytest.mark.parametrize(("one", "another"), SPELLINGS)
def test_a_mailbox_has_one_account_however_it_is_spelled(
    service: Service, bob: Actor, one: str, another: str
) -> None:
    name = new_email().partition("@")[0]
    ada = sign_up(service, email=one.format(name))
    ada.email = another.format(name)
    assert log_in(ada).user == ada.user
    account = {"name": "Eve", "email": ada.email, "password": PASSWORD}
    assert call(service, "POST", "/auth/signup", account).status == 409
    moving = {"email": ada.email, "currentPassword": PASSWORD}
    assert bob.patch("/me", moving).status == 409
    assert ada.patch("/me", {"email": ada.email}).json == ada.user


def test_dots_and_tags_tell_mailboxes_apart(service: Service) -> None:
    name = unique("{}")
    spellings = (f"{name}@x.example", f"{name}+films@x.example", f"{name[0]}.{name[1:]}@x.example")
    assert len({sign_up(service, email=email).user["email"] for email in spellings}) == 3


def test_each_spelling_counts_for_the_mailbox(database_url: str) -> None:
    settings = {"RATELIMIT_ENABLED": "true", "TRUSTED_PROXIES": "1", "RATELIMIT_FORGOT": "2/hour"}
    service = InProcess(create_app(environment(database_url, **settings)))
    numbers = itertools.count(1)
    for one, another in SPELLINGS:
        name = unique("{}")
        statuses = [
            forget(service, spelling.format(name), X_Forwarded_For=f"2001:db8:e:{next(numbers)}::1")
            for spelling in (one, another, one.title())
        ]
        assert statuses == [202, 202, 429]


@pytest.mark.parametrize("email", OLD)
def test_an_account_that_is_older_than_these_rules_is_still_of_use(
    app: Flask, service: Service, email: str
) -> None:
    ada = sign_up(service)
    rename(app, ada, unique(email))
    assert log_in(ada).get("/me").json["email"] == ada.email
    shouted = Actor(service, f" {ada.email.upper()} ")
    assert log_in(shouted).user["id"] == ada.user["id"]
    renamed = ada.patch("/me", {**ada.user, "name": "Ada King"})
    assert (renamed.status, renamed.json["email"]) == (200, ada.email)
    assert forget(service, ada.email) == 202


@pytest.mark.parametrize("email", OLD)
def test_no_mail_is_sent_to_an_address_that_could_be_read_as_another(
    inbox: Inbox,
    mailing: Callable[..., InProcess],
    caplog: pytest.LogCaptureFixture,
    email: str,
) -> None:
    with smtp_server(inbox) as port:
        service = mailing(port)
        ada = sign_up(service)
        rename(service.app, ada, unique(email))
        assert forget(service, ada.email) == 202
        refusal = f"User {ada.user['id']} has an e-mail address that no mail is sent to."
        eventually(lambda: refusal in caplog.text, "the refusal is logged")
    assert inbox.messages == []
    assert ada.email not in caplog.text
    assert ada.get("/me/export").json["passwordResets"] == []


@pytest.mark.parametrize(
    ("email", "mailbox"),
    [
        ("{}@example.com", "{}@example.com"),
        ("{}?=+films@example.com", "{}?=+films@example.com"),
        ("{}@bücher.example", "{}@xn--bcher-kva.example"),
        ("jürgen.{}@bücher.example", "jürgen.{}@xn--bcher-kva.example"),
        ("映画.{}@example.com", "映画.{}@example.com"),
    ],
)
def test_mail_reaches_the_mailbox_and_no_other(
    inbox: Inbox, mailing: Callable[..., InProcess], email: str, mailbox: str
) -> None:
    name = unique("{}")
    with smtp_server(inbox) as port:
        service = mailing(port)
        ada = sign_up(service, email=email.format(name))
        assert forget(service, ada.email) == 202
        (message,) = eventually(lambda: inbox.messages, "mail arrives")
    assert message["X-RcptTo"] == mailbox.format(name)
    assert f"To: {mailbox.format(name)}\n".encode() in message.as_bytes()


def test_a_mail_server_that_cannot_reach_a_mailbox_is_not_asked_for_another(
    inbox: Inbox, mailing: Callable[..., InProcess], caplog: pytest.LogCaptureFixture
) -> None:
    with smtp_server(inbox, enable_SMTPUTF8=False) as port:
        service = mailing(port)
        ada = sign_up(service, email=unique("jürgen.{}@example.com"))
        assert forget(service, ada.email) == 202
        eventually(lambda: "A mail could not be sent." in caplog.text, "the failure is logged")
    assert "SMTPUTF8" in caplog.text
    assert inbox.messages == []


def test_an_upgrade_spells_each_mailbox_as_it_is_looked_up_since(
    databases: Databases, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(environment(databases.make()))
    old = [
        *("ada@xn--bcher-kva.example", "bob@xn--bcher-kva.example", "bob@bücher.example"),
        *("eve@xn--a.example", "xn--bcher-kva@example.com"),
    ]
    adding = """INSERT INTO "User" (id, name, email, password, "updatedAt")
                VALUES (:id, 'Ada', :email, 'x', '2026-01-01')"""
    with app.app_context():
        upgrade(revision="0007")
        for number, email in enumerate(old):
            sql(app, adding, id=UUID(int=number), email=email)
        upgrade()
    emails = [email for (email,) in sql(app, 'SELECT email FROM "User" ORDER BY id')]
    assert emails == ["ada@bücher.example", *old[1:]]
    assert f"User {UUID(int=1)} has the same mailbox as another user" in caplog.text
