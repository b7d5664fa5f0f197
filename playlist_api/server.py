"""What gunicorn has no settings for: how it logs, keeps connections, and answers what is no HTTP.

gunicorn.conf.py puts these in the place of gunicorn's own.
"""

import logging
import os
import select
import socket
import threading
from time import monotonic
from typing import Any, cast
from uuid import uuid4

import gunicorn.http.wsgi
import gunicorn.util
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from playlist_api.errors import envelope
from playlist_api.middleware.headers import fixed_headers

PATIENCE = 10
"""Milliseconds that a thread waits for the next request on the connection that it has answered."""

LAST_CALL = 0.1
"""Seconds in which a worker that stops takes clients who wait: there may always be another one."""

LINGERING = 64
"""Connections at a time that are closed slowly; further ones are closed at once."""


class ErrorsOnly(Logger):
    """Leaves it to the application to log requests: gunicorn would prepare a line of its own."""

    def access(self, *_: Any) -> None:
        """Do nothing."""


class PatientWorker(ThreadWorker):
    """Keeps connections alive, and loses no queued request at SIGTERM, as gthread does.

    A thread stays with its connection while there is one for each: a request that comes soon, as
    from a proxy, need not be handed from the loop that polls to a thread and back.
    """

    def handle(self, conn: TConn) -> Any:
        """Answer a request, and those that follow it at once; return whether more may follow."""
        kept = super().handle(conn)
        while kept is True and self._may_stay() and readable(conn.sock):
            kept = super().handle(conn)
        return kept

    def is_parent_alive(self) -> bool:
        """Tell whether the master lives; without it, stop as if told to: connections are closed."""
        self.alive = self.alive and super().is_parent_alive()
        return self.alive

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Begin or cease to take clients; one that stops takes those who wait, and no more.

        Else the kernel would go on welcoming clients for as long as the last answer takes, and
        then drop them.
        """
        super().set_accept_enabled(enabled)
        if not (enabled or self.alive):
            closing = monotonic() + LAST_CALL
            while self.sockets:
                listener = self.sockets.pop()
                while readable(listener, 0) and monotonic() < closing:
                    self.accept(listener)
                listener.close()

    def _may_stay(self) -> bool:
        return bool(self.alive and self.nr_conns <= self.cfg.threads)


def readable(sock: Any, milliseconds: int = PATIENCE) -> bool:
    """Wait for bytes, for the other side's end, or for a client, at most for so long."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(milliseconds))


class WholeResponse(gunicorn.http.wsgi.Response):
    """Sends the head of an answer together with its body, for each system call and packet costs."""

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


lingering = threading.BoundedSemaphore(LINGERING)
close_slowly = gunicorn.util.close_graceful


def close_elsewhere(sock: socket.socket) -> None:
    """Wait for the client to hang up, for two seconds, but not in the loop that takes clients.

    gunicorn would do it there: ten clients that did not hang up made the next one wait for ten
    seconds.
    """
    if lingering.acquire(blocking=False):
        threading.Thread(target=linger, args=(sock,), daemon=True).start()
    else:
        gunicorn.util.close(sock)


def linger(sock: socket.socket) -> None:
    """Close the socket slowly, in one of a bounded number of threads."""
    try:
        close_slowly(sock)
    finally:
        lingering.release()
