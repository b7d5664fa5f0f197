"""How answers are sent, and what is no HTTP is answered."""

import logging
import os
import socket
from typing import Any, cast
from uuid import uuid4

import gunicorn.http.wsgi
import gunicorn.util
from gunicorn.glogging import Logger
from gunicorn.http.errors import ParseException

from playlist_api.api.headers import fixed_headers
from playlist_api.errors import envelope
from playlist_api.server.clients import ClientSocket

MAX_LEFTOVER = 64 * 1024
"""Bytes of a body that nobody asked for that are read so that the connection can be kept."""


class ErrorsOnly(Logger):
    """Leaves it to the application to log requests: gunicorn would prepare a line of its own."""

    def access(self, *_: Any) -> None:
        """Do nothing."""


class CoalescedResponse(gunicorn.http.wsgi.Response):
    """Sends the head of an answer together with its body, for each system call and packet costs.

    A connection on which a body has not come that nobody asked for is closed, not waited for.
    """

    def send_headers(self) -> None:
        """Send the head."""
        client = cast(Any, self.req.unreader).sock
        if client.has_body and not self.headers_sent and not self._is_over(client):
            self.force_close()
        super().send_headers()

    def write(self, arg: bytes) -> None:
        """Send a part of the body, the first one with the head."""
        if self.headers_sent:
            super().write(arg)
            return
        gathered = Gathered()
        sock, self.sock = self.sock, cast(socket.socket, gathered)
        try:
            super().write(arg)
        finally:
            self.sock = sock
        sock.sendall(gathered)

    def _is_over(self, client: ClientSocket) -> bool:
        body, left = cast(Any, self.req.body), MAX_LEFTOVER
        client.may_wait = False
        try:
            while left > 0 and (chunk := body.read(left)):
                left -= len(chunk)
        except (ParseException, OSError):
            return False
        finally:
            client.may_wait = True
        return left > 0 and not body.failed


class Gathered(bytearray):
    """Takes what is sent."""

    sendall = bytearray.extend


def write_envelope(sock: socket.socket, status_int: int, reason: str, mesg: str) -> None:  # noqa: ARG001
    """Answer what is no HTTP, and so reaches no application, in the envelope all the same."""
    request_id, body = str(uuid4()), envelope(status_int)
    production = os.environ.get("APP_ENV") != "development"
    headers = {
        **fixed_headers(production=production),
        "Connection": "close",
        "Content-Length": len(body),
        "Content-Type": "application/json",
        "X-Request-ID": request_id,
    }
    lines = [f"HTTP/1.1 {status_int} {reason}", *(f"{k}: {v}" for k, v in headers.items())]
    gunicorn.util.write_nonblock(sock, "\r\n".join([*lines, "", body]).encode())
    fields = {"reqId": request_id, "statusCode": status_int}
    logging.getLogger("gunicorn.error").warning("request refused", extra={"fields": fields})
