"""The gunicorn worker: whole requests for its threads, and connections that are kept or closed."""

import io
import select
import socket
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from functools import partial
from selectors import EVENT_READ
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from gunicorn.http.body import Body
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker

from playlist_api.server.clients import CLIENT_TIMEOUT, ClientSocket

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

IDLE = 10
"""Milliseconds that a thread waits for the next request on the connection that it has answered."""

STOPPING = 2
"""Seconds that clients have left for whom alone a worker does not stop, as gunicorn has it."""

LAST_CALL = 0.1
"""Seconds in which a worker that stops takes clients who wait: there may always be another one."""

Connection = Any
"""A `gunicorn.workers.gthread.TConn` with a `ClientSocket`, for HTTP/1.1."""


class RequestBody(io.RawIOBase):
    """A body whose faults are errors of input, as of any other stream, and not of gunicorn."""

    def __init__(self, body: Body, client: ClientSocket) -> None:
        self._body, self._client, self._read = body, client, 0

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as there is a body.

        :raises OSError: when the body is malformed or breaks off.
        :raises RequestTimeout, TooManyRequests, ServiceUnavailable: as of `ClientSocket.recv`.
        """
        self._client.expect_body(self._read + len(buffer))
        try:
            content = self._body.read(len(buffer))
        except ParseException as error:
            raise OSError("The body is malformed.") from error
        self._read += len(content)
        buffer[: len(content)] = content
        return len(content)


class KeepAliveWorker(ThreadWorker):
    """A gthread worker whose threads get whole heads, and wait for few clients at a time.

    A thread stays with its connection while there is one for each: a request that comes soon, as
    from a proxy, need not be handed from the loop that polls to a thread and back.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lingering: deque[Connection] = deque()

    def load_wsgi(self) -> None:
        """Load the application."""
        super().load_wsgi()
        self.wsgi = partial(_serve, cast("WSGIApplication", self.wsgi))

    def enqueue_req(self, conn: Connection) -> None:
        """Hand a request to a thread, once its head is whole: until then the poller has it."""
        if not conn.initialized:
            conn.sock = ClientSocket(conn.sock)
            conn.init()
        if conn.sock.has_head(conn.parser.unreader):
            super().enqueue_req(conn)
        else:
            conn.timeout = monotonic() + CLIENT_TIMEOUT
            self.pending_conns.append(conn)
            waiting = partial(self.on_pending_socket_readable, conn)
            self.poller.register(conn.sock, EVENT_READ, waiting)

    def on_pending_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Take a part of a head."""
        if conn.sock.has_head(conn.parser.unreader):
            super().on_pending_socket_readable(conn, client)

    def handle(self, conn: Connection) -> Any:
        """Answer a request, and those that follow it at once; return whether more may follow."""
        kept = super().handle(conn)
        while kept and self._may_stay() and self._follows(conn):
            kept = super().handle(conn)
        if kept and (begun := conn.sock.take_head()):
            # There gunicorn looks for another request.
            conn.parser.unreader.unread(begun)
        return kept

    def _may_stay(self) -> bool:
        return bool(self.alive and self.nr_conns <= self.cfg.threads)

    def _follows(self, conn: Connection) -> bool:
        unreader = conn.parser.unreader
        has_come = unreader.buf.getvalue() or readable(conn.sock)
        return bool(has_come and conn.sock.has_head(unreader))

    def finish_request(self, conn: Connection, fs: "Future[Any]") -> None:
        """Keep a connection, or close it as RFC 9112, section 9.6, asks for.

        A client that is still sending would see a reset instead of its answer.
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
            sending = partial(self._on_lingering_readable, conn)
            self.poller.register(conn.sock, EVENT_READ, sending)

    def _on_lingering_readable(self, conn: Connection, client: socket.socket) -> None:
        if conn.sock.discard():
            self.poller.unregister(client)
            self.lingering.remove(conn)
            self._close(conn)

    def _close(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Close connections whose time is up, or, to have room for another, the longest idle one.

        gunicorn would take no clients until one of those that it has goes.
        """
        now = monotonic()
        if not self.alive:
            for conn in (*self.pending_conns, *self.lingering):
                conn.timeout = min(conn.timeout, now + STOPPING)
        elif self.nr_conns >= self.worker_connections - 1:
            idle = max(self.pending_conns, self.keepalived_conns, self.lingering, key=len)
            if idle:
                idle[0].timeout = 0
            self.murder_keepalived()
        super().murder_pending()
        while self.lingering and self.lingering[0].timeout <= now:
            conn = self.lingering.popleft()
            self.poller.unregister(conn.sock)
            self._close(conn)

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


def _serve(
    app: "WSGIApplication", environ: "WSGIEnvironment", start_response: "StartResponse"
) -> "Iterable[bytes]":
    client = environ["gunicorn.socket"]
    client.environ = environ
    client.has_body = "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ
    if client.has_body:
        environ["wsgi.input"] = RequestBody(environ["wsgi.input"], client)
    try:
        return app(environ, start_response)
    finally:
        # Without the rest, which would refer to itself by the socket.
        client.environ = {"REMOTE_ADDR": environ.get("REMOTE_ADDR", "")}


def readable(sock: Any, milliseconds: int = IDLE) -> bool:
    """Wait for bytes, for the other side's end, or for a client, at most for so long."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(milliseconds))
