"""An HTTP client with an account, which keeps its connection and sends one request at a time."""

import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from flask import Flask
from werkzeug.datastructures import Headers

PASSWORD = "correct horse battery"

TIMEOUT, MAX_IDLE = 40, 5
"""Seconds to wait for a response, and for which an idle connection is used again."""


@dataclass(frozen=True)
class Response:
    """A response; status 0 means that none came, and the body says why."""

    status: int
    headers: Headers
    body: bytes

    @cached_property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def says_when_to_retry(self) -> bool:
        return self.headers.get("Retry-After", "").isdecimal()

    @property
    def outcome(self) -> str:
        """The status in words: "200", "503 with Retry-After", "no answer"."""
        retry = " with Retry-After" * self.says_when_to_retry
        return f"{self.status}{retry}" if self.status else "no answer"


Send = Callable[[str, str, bytes | None, Mapping[str, str]], Response]
"""Sends a method, a path, a body and headers."""


class Connection:
    """A connection to a server, opened when it is needed and closed with the last reference."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        server = urlsplit(url).netloc
        self._http = HTTPConnection(server, timeout=TIMEOUT)
        if tls:
            self._http = HTTPSConnection(server, timeout=TIMEOUT, context=tls)
        self._used = 0.0

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Response:
        if time.monotonic() > self._used + MAX_IDLE:
            self._http.close()
        try:
            self._http.request(method, path, body, dict(headers))
            answer = self._http.getresponse()
            response = Response(answer.status, Headers(answer.getheaders()), answer.read())
        except (OSError, HTTPException) as error:
            self._http.close()
            response = Response(0, Headers(), repr(error).encode())
        self._used = time.monotonic()
        return response

    def __del__(self) -> None:
        self._http.close()


def in_process(app: Flask) -> Send:
    """Return what calls the application in this process."""

    def send(method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        client, sent = app.test_client(use_cookies=False), Headers(dict(headers))
        answer = client.open(path, method=method, data=body, headers=sent)
        return Response(answer.status_code, answer.headers, answer.data)

    return send


class Client:
    """A user of the service: `headers` go along with each request."""

    def __init__(self, send: Send, email: str = "", **headers: str) -> None:
        self.send, self.email, self.headers = send, email or f"{uuid4()}@example.com", headers
        self.id, self.token, self.cookie = "", "", ""

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Response:
        """Send a request with the access token, if there is one; a body of bytes is sent as it is.

        A header `X_Forwarded_For` is sent as `X-Forwarded-For`.
        """
        sent = {name.replace("_", "-"): text for name, text in (self.headers | headers).items()}
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        return self.send(method, path, content, sent)

    def sign_up(self) -> Response:
        account = {"name": "Ada", "email": self.email, "password": PASSWORD}
        return self.keep_tokens(self.call("POST", "/auth/signup", account))

    def log_in(self, password: str = PASSWORD, **headers: str) -> Response:
        account = {"email": self.email, "password": password}
        return self.keep_tokens(self.call("POST", "/auth/login", account, **headers))

    def refresh(self) -> Response:
        cookie = f"refreshToken={self.cookie}"
        return self.keep_tokens(self.call("POST", "/auth/refresh", Cookie=cookie))

    def keep_tokens(self, response: Response) -> Response:
        """Use the tokens of a response, if it has any, from now on."""
        if response.status in {200, 201}:
            self.token, self.id = response.json["accessToken"], response.json["user"]["id"]
            self.cookie = SimpleCookie(response.headers["Set-Cookie"])["refreshToken"].value
        return response
