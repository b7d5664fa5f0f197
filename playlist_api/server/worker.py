"""The gunicorn worker: threads get requests with complete headers; idle connections are closed."""

import io
import logging
import os
import select
import socket
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from functools import partial
from selectors import EVENT_READ
from time import monotonic
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from gunicorn.glogging import Logger
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker

from playlist_api.api.edge import fixed_headers
from playlist_api.errors import envelope
from playlist_api.server.clients import CLIENT_TIMEOUT, ClientSocket

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

IDLE_WAIT = 10
"""Milliseconds a thread waits for the next request on the connection it has just served."""

LAST_ACCEPT = 0.1
"""Seconds in which a stopping worker accepts clients that wait; more may always come."""

MAX_UNREAD_BODY = 64 * 1024
"""Bytes of a body that the application did not read, which are discarded to keep the connection."""

Connection = Any
"""A `gunicorn.workers.gthread.TConn` with a `ClientSocket`, for HTTP/1.1."""


class ErrorLogger(Logger):
    """Logs no requests, because the application does: gunicorn would format each line anyway."""

    def access(self, *_: Any) -> None:
        """Do nothing."""


class RequestBody(io.RawIOBase):
    """A request's body whose faults are `OSError`s, as of any stream, not gunicorn's errors."""

    def __init__(self, body: Any, client: ClientSocket) -> None:
        self._body, self._client, self._read = body, client, 0

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as there is a body.

        :raises OSError: when the body is malformed or breaks off.
        """
        self._client.expect_body(self._read + len(buffer))
        try:
            content = self._body.read(len(buffer))
        except ParseException as error:
            raise OSError("The body is malformed.") from error
        self._read += len(content)
        buffer[: len(content)] = content
        return len(content)


class ErrorPage(bytearray):
    """Takes what gunicorn writes to a client whose request is not HTTP."""

    sendall = bytearray.extend

    def gettimeout(self) -> float:
        return 0.0


class KeepAliveWorker(ThreadWorker):
    """A gthread worker of gunicorn 27.0 for clients that send or read slowly.

    The poller receives heads, so that a thread is busy only from a whole head on. A thread stays
    with its connection for `IDLE_WAIT` while there is a thread for each (-11 % CPU behind a proxy).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lingering: deque[Connection] = deque()

    def load_wsgi(self) -> None:
        """Load the application."""
        super().load_wsgi()
        self.wsgi = partial(_serve, cast("WSGIApplication", self.wsgi))

    def enqueue_req(self, conn: Connection) -> None:
        """Hand a request with a whole head to a thread; otherwise poll for the rest."""
        if not conn.initialized:
            conn.sock = ClientSocket(conn.sock)
            conn.init()
            conn.sock.parser = conn.parser
        if conn.sock.has_head(conn.parser.unreader):
            super().enqueue_req(conn)
        else:
            conn.timeout = monotonic() + CLIENT_TIMEOUT
            self.pending_conns.append(conn)
            on_readable = partial(self.on_pending_socket_readable, conn)
            self.poller.register(conn.sock, EVENT_READ, on_readable)

    def on_pending_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Receive a part of a head."""
        if conn.sock.has_head(conn.parser.unreader):
            super().on_pending_socket_readable(conn, client)

    def handle(self, conn: Connection) -> Any:
        """Answer a request and those that follow at once; tell whether to keep the connection."""
        kept = self._handle_one(conn)
        while kept and self._may_stay() and self._follows(conn):
            kept = self._handle_one(conn)
        return kept

    def _handle_one(self, conn: Connection) -> Any:
        kept = super().handle(conn)
        try:
            conn.sock.flush()
        except OSError:
            return False
        return kept

    def _may_stay(self) -> bool:
        return bool(self.alive and self.nr_conns <= self.cfg.threads)

    def _follows(self, conn: Connection) -> bool:
        unreader = conn.parser.unreader
        has_come = unreader.buf.getvalue() or _is_readable(conn.sock, IDLE_WAIT)
        return bool(has_come and conn.sock.has_head(unreader))

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that is not HTTP, and so reaches no application, in the envelope."""
        page = ErrorPage()
        super().handle_error(req, cast(socket.socket, page), addr, exc)
        status_line = page.partition(b"\r\n")[0].decode()
        client.sendall(_error_response(status_line))

    def finish_request(self, conn: Connection, fs: "Future[Any]") -> None:
        """Keep a connection, or close it when the client has stopped sending.

        A client that is still sending would see a reset instead of its answer (RFC 9112, section
        9.6). gunicorn discards 64 KiB only, and makes the poller wait for them.
        """
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            is_over = conn.sock.discard()
        except OSError:
            is_over = True
        if is_over:
            self._close(conn)
        else:
            conn.timeout = monotonic() + CLIENT_TIMEOUT
            self.lingering.append(conn)
            on_readable = partial(self._on_lingering_readable, conn)
            self.poller.register(conn.sock, EVENT_READ, on_readable)

    def _on_lingering_readable(self, conn: Connection, client: socket.socket) -> None:
        if conn.sock.discard():
            self.poller.unregister(client)
            self.lingering.remove(conn)
            self._close(conn)

    def _close(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Close connections whose time is up or, to make room, the one that is idle the longest.

        gunicorn would accept no clients until one of its connections closes by itself.
        """
        if self.nr_conns >= self.worker_connections - 1:
            idle = max(self.pending_conns, self.keepalived_conns, self.lingering, key=len)
            if idle:
                idle[0].timeout = 0
            self.murder_keepalived()
        super().murder_pending()
        while self.lingering and self.lingering[0].timeout <= monotonic():
            conn = self.lingering.popleft()
            self.poller.unregister(conn.sock)
            self._close(conn)

    def is_parent_alive(self) -> bool:
        """Tell whether the master lives; without it, stop as if told to."""
        self.alive = self.alive and super().is_parent_alive()
        return self.alive

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """Begin or cease to accept clients; when stopping, accept those that wait and no more.

        The kernel would queue others until the last answer is sent, and then reset them.
        """
        super().set_accept_enabled(enabled)
        if not (enabled or self.alive):
            closing = monotonic() + LAST_ACCEPT
            while self.sockets:
                listener = self.sockets.pop()
                while _is_readable(listener, 0) and monotonic() < closing:
                    self.accept(listener)
                listener.close()


def _serve(
    app: "WSGIApplication", environ: "WSGIEnvironment", start_response: "StartResponse"
) -> "Iterable[bytes]":
    client = environ["gunicorn.socket"]
    client.environ = environ
    client.expect_answer()
    start = start_response
    if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
        environ["wsgi.input"] = RequestBody(environ["wsgi.input"], client)
        start = partial(_start_after_body, start_response, client)
    try:
        return app(environ, start)
    finally:
        # Without the rest, which would refer to itself by the socket.
        client.environ = {"REMOTE_ADDR": environ.get("REMOTE_ADDR", "")}


def _start_after_body(start_response: "StartResponse", client: Any, *head: Any) -> Any:
    """Start an answer; announce the connection's end rather than wait for an unwanted body."""
    request = client.parser.mesg
    if not _is_over(request.body, client):
        request.force_close()
    return start_response(*head)


def _is_over(body: Any, client: ClientSocket) -> bool:
    left = MAX_UNREAD_BODY
    client.may_wait = False
    try:
        while left > 0 and (chunk := body.read(left)):
            left -= len(chunk)
    except (ParseException, OSError):
        return False
    finally:
        client.may_wait = True
    return left > 0 and not body.failed


def _error_response(status_line: str) -> bytes:
    status, request_id = int(status_line.split()[1]), str(uuid4())
    body = envelope(status)
    headers = {
        **fixed_headers(production=os.environ.get("APP_ENV") != "development"),
        "Connection": "close",
        "Content-Length": len(body),
        "Content-Type": "application/json",
        "X-Request-ID": request_id,
    }
    fields = {"reqId": request_id, "statusCode": status}
    logging.getLogger("gunicorn.error").warning("request refused", extra={"fields": fields})
    lines = [status_line, *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", body]).encode()


def _is_readable(sock: Any, milliseconds: int) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(milliseconds))
