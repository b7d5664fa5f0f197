"""The two ways to reach the service in tests, in process and through gunicorn, as one interface."""

import http.client
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partialmethod
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit

from flask import Flask
from sqlalchemy import event, text
from werkzeug.datastructures import Headers

from dev.defaults import with_defaults
from dev.processes import eventually
from dev.processes import free_port as free_port
from dev.run import GLIBC_TUNABLES
from playlist_api.db.engine import db
from tests.support import document

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse battery"
SECRET_KEY = "a key for tests that is long enough"
MEDIA = Path(tempfile.gettempdir(), f"playlist-media-{os.getpid()}")
"""Where pictures are kept, unless a test says otherwise."""
JSON = "application/json"

T = TypeVar("T")

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """What came back, whichever way."""

    status: int
    headers: Headers
    body: bytes

    @cached_property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The envelope's content, which must be the whole of the answer."""
        assert self.headers["Content-Type"] == JSON
        assert set(self.json) == {"error"}
        error: dict[str, Any] = self.json["error"]
        assert isinstance(error["message"], str)
        assert error["message"]
        assert set(error) - {"details"} == {"code", "message"}
        return error

    @property
    def fields(self) -> set[str]:
        """The fields that a validation error names."""
        assert (self.status, self.error["code"]) == (400, "VALIDATION_ERROR")
        return {problem["field"] for problem in self.error["details"]}

    @property
    def cookie(self) -> Morsel[str]:
        """The refresh cookie that the answer sets."""
        return SimpleCookie(self.headers["Set-Cookie"])["refreshToken"]


class Service(Protocol):
    """A running service."""

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer: ...


@dataclass(frozen=True)
class InProcess:
    """The application, called as a WSGI server would."""

    app: Flask

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        path, _, query = path.partition("?")
        raw = {"PATH_INFO": unquote_to_bytes(path).decode("latin1"), "QUERY_STRING": query}
        raw["RAW_URI"] = path  # as gunicorn gives it
        with self.app.test_client(use_cookies=False).open(
            method=method, data=body, headers=Headers(dict(headers)), environ_overrides=raw
        ) as answer:
            return Answer(answer.status_code, answer.headers, answer.data)


@dataclass(frozen=True)
class Gunicorn:
    """A server of its own, on a port of this machine."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        return Remote(f"http://127.0.0.1:{self.port}").send(method, path, body, headers)

    def errors(self) -> str:
        """Everything that it has complained of, rather than logged."""
        return self.log.with_name("errors").read_text()

    def lines(self) -> list[dict[str, Any]]:
        """Everything that it has logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@dataclass(frozen=True)
class Remote:
    """A service that runs somewhere else, at an http or https URL."""

    url: str

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        parts = urlsplit(self.url)
        connect = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        with closing(connect(parts.netloc, timeout=30)) as connection:
            connection.request(method, parts.path.rstrip("/") + path, body, dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, Headers(answer.getheaders()), answer.read())


def answer_to(sent: bytes, connection: socket.socket) -> Answer:
    """Send bytes as they are, read one answer, and close the connection."""
    with closing(connection):
        connection.sendall(sent)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return Answer(answer.status, Headers(answer.getheaders()), answer.read())


Lines = Callable[[], list[dict[str, Any]]]
"""Reads everything that a service has logged so far."""


def line_of(lines: Lines, request_id: str) -> dict[str, Any]:
    """Return the one line of a request."""

    def found() -> list[dict[str, Any]]:
        return [line for line in lines() if line.get("reqId") == request_id]

    (line,) = eventually(found, "the request is logged")
    return line


def call(
    service: Service,
    method: str,
    path: str,
    body: Any = None,
    *,
    token: str | None = None,
    cookie: str | None = None,
    **headers: str,
) -> Answer:
    """Send a request: `body` as JSON unless it is bytes, `X_Request_ID=…` as a header.

    The OpenAPI document must have the answer.
    """
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        sent.setdefault("Content-Type", JSON)
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    if cookie is not None:
        sent["Cookie"] = f"refreshToken={cookie}"
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    answer = service.send(method, path, content, sent)
    document.check(method, path, answer.status, answer.headers, answer.body)
    return answer


@dataclass
class Actor:
    """Somebody who has signed up, with the tokens that they hold."""

    service: Service
    email: str
    password: str = PASSWORD
    token: str = ""
    cookie: str = ""
    user: dict[str, Any] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, **how: Any) -> Answer:
        return call(self.service, method, path, body, **{"token": self.token, **how})

    get = partialmethod(call, "GET")
    post = partialmethod(call, "POST")
    put = partialmethod(call, "PUT")
    patch = partialmethod(call, "PATCH")
    delete = partialmethod(call, "DELETE")

    def add_movie(self, title: str = "Heat", **fields: Any) -> Any:
        """Put a movie on the actor's list and return it as the service does."""
        answer = self.post("/movies", {"title": title, **fields})
        assert answer.status == 201, answer.body
        return answer.json

    def refresh(self, cookie: str | None = None, **headers: str) -> Answer:
        """Present a refresh cookie: the actor's own unless another is given."""
        presented = self.cookie if cookie is None else cookie
        return call(self.service, "POST", "/auth/refresh", cookie=presented, **headers)

    def hold(self, answer: Answer) -> "Actor":
        """Keep the tokens of an answer and forget the older ones."""
        assert answer.status in {200, 201}, answer.body
        self.user, self.token = answer.json["user"], answer.json["accessToken"]
        self.cookie = answer.cookie.value
        return self


def new_email() -> str:
    """An address that nobody has signed up with."""
    return f"ada{next(_numbers)}.{os.getpid()}@example.com"


def sign_up(service: Service, **fields: Any) -> Actor:
    """Sign somebody up: with a new address, unless one is given."""
    account = {"name": "Ada", "email": new_email(), "password": PASSWORD, **fields}
    actor = Actor(service, account["email"])
    return actor.hold(call(service, "POST", "/auth/signup", account))


def log_in(actor: Actor) -> Actor:
    """Log in on another device."""
    account = {"email": actor.email, "password": actor.password}
    answer = call(actor.service, "POST", "/auth/login", account)
    return Actor(actor.service, actor.email, actor.password).hold(answer)


def environment(database_url: str, **settings: str) -> dict[str, str]:
    """The settings that tests run with: those of a checkout, except in production."""
    given = {
        "APP_ENV": "development",
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET_KEY,
        "RATELIMIT_ENABLED": "false",
        "MEDIA_STORAGE": str(MEDIA),
        "MEDIA_URL": "http://localhost:3001/media",
        **settings,
    }
    return with_defaults(given) if given["APP_ENV"] == "development" else given


def elsewhere(call: Callable[..., T], *arguments: Any) -> T:
    """Call in a thread of its own: of one thread's requests Flask would share what is about one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call, *arguments).result()


def sql(app: Flask, statement: str, **parameters: Any) -> list[Any]:
    """Have the database execute a statement, past the service, and return its rows."""
    with app.app_context():
        result: Any = db.session.execute(text(statement), parameters)
        rows = list(result) if result.returns_rows else []
        db.session.commit()
    return rows


def before_statement(app: Flask, part: str, act: Callable[[], Any]) -> None:
    """Do something else just before the application sends its next statement with this part."""
    pending = [act]

    def arrive(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if part in statement and pending:
            pending.pop()()

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", arrive)


@contextmanager
def gunicorn(log: Path, settings: Mapping[str, str]) -> Iterator[Gunicorn]:
    """Serve by gunicorn as the project does, with two workers."""
    port = free_port()
    command = [sys.executable, "-W", "error", "-m", "gunicorn", "-c", "gunicorn.conf.py"]
    errors = log.with_name("errors")
    with log.open("w") as output, errors.open("w") as complaints:
        process = subprocess.Popen(
            [*command, "wsgi:app"],
            cwd=ROOT,
            env={
                **os.environ,
                "GLIBC_TUNABLES": GLIBC_TUNABLES,
                "WEB_CONCURRENCY": "2",
                **settings,
                "PORT": str(port),
            },
            stdout=output,
            stderr=complaints,
        )
    service = Gunicorn(port, log, process)
    try:
        eventually(lambda: _is_up(service), "gunicorn is up", 60)
        yield service
    finally:
        process.terminate()
        process.wait(timeout=40)


def _is_up(service: Gunicorn) -> bool:
    assert service.process.poll() is None, service.errors()
    try:
        return call(service, "GET", "/health/live").status == 200
    except OSError:
        return False
