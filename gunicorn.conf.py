"""How the service is served. Settings come from the environment: HOST, PORT, WEB_CONCURRENCY.

Each setting is explained at https://docs.gunicorn.org/en/stable/settings.html.
"""

import logging
import os
import select
import socket
import threading
from typing import Any
from uuid import uuid4

import gunicorn.util
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from playlist_api.errors import envelope
from playlist_api.middleware.headers import fixed_headers
from playlist_api.middleware.request_log import LOGGING

host = (os.environ.get("HOST") or "127.0.0.1").strip("[]")
port = os.environ.get("PORT") or "3001"
bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 32  # most of which may wait for a password to be hashed; the others must not

PATIENCE = 10
"""Milliseconds that a thread waits for the next request on the connection that it has answered."""


class PatientWorker(ThreadWorker):
    """Keeps connections alive, and loses no queued request at SIGTERM, as gthread does.

    A thread stays with its connection while there is one for each: a request that comes soon, as
    from a proxy, need not be handed from the loop that polls to a thread and back, which is a
    tenth of its cost.
    """

    def handle(self, conn: TConn) -> Any:
        """Answer a request, and those that follow it at once; return whether more may follow."""
        kept = super().handle(conn)
        while kept is True and self._may_stay() and readable(conn.sock):
            kept = super().handle(conn)
        return kept

    def _may_stay(self) -> bool:
        return bool(self.alive and self.nr_conns <= self.cfg.threads)


def readable(sock: socket.socket) -> bool:
    """Wait for bytes, or for the other side's end, at most for `PATIENCE`."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(PATIENCE))


worker_class = PatientWorker

# One import for all workers: they share its memory, and bad settings stop the start at once.
preload_app = True

logconfig_dict = LOGGING


class ErrorsOnly(Logger):
    """Leaves it to the application to log requests: gunicorn would prepare a line of its own."""

    def access(self, *_: Any) -> None:
        """Do nothing, at a tenth of a request's cost less."""


logger_class = ErrorsOnly
control_socket_disable = True  # it would be a file in the user's home
forwarder_headers = ""  # SCRIPT_NAME and PATH_INFO are not a client's to say
secure_scheme_headers: dict[
    str, str
] = {}  # nor is the scheme: TRUSTED_PROXIES tells whom to believe


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


# gunicorn has no setting for the page of HTML that it would send.
gunicorn.util.write_error = write_envelope

lingering = threading.BoundedSemaphore(64)
close_slowly = gunicorn.util.close_graceful


def close_elsewhere(sock: socket.socket) -> None:
    """Wait for the client to hang up, for two seconds, but not in the loop that takes clients."""
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


# gunicorn would do this in the loop that takes connections: ten clients that did not hang up
# made the next one wait for ten seconds.
gunicorn.util.close_graceful = close_elsewhere  # type: ignore[assignment]
