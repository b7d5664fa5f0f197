"""A client's connection, and how long and for how many clients a worker waits."""

import errno
import os
import re
import select
import socket
import threading
from collections import Counter
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.http.unreader import Unreader

from playlist_api.errors import ApiError, RequestTimeout, ServiceUnavailable, TooManyRequests
from playlist_api.ops import bulkheads
from playlist_api.ops.bulkheads import customer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

CLIENT_TIMEOUT = 10
"""Seconds a worker waits for a head, and then in all for a body and to send the answer. Each
`PROGRESS` bytes start the time anew, so that single bytes do not."""

PROGRESS = 64 * 1024
"""Bytes; with `CLIENT_TIMEOUT` they make 6.4 KiB a second, which 2G networks carry."""

MAX_WAITING_THREADS = 32
"""Threads of a worker that wait for clients at a time: see `threads` in gunicorn.conf.py."""

MAX_HEAD = 64 * 1024
"""Bytes: twice what nginx.conf allows."""

RECEIVE_SIZE = 8 * 1024
"""Bytes of a head that are read at a time, as gunicorn does."""

MAX_CHUNK_OVERHEAD = 64 * 1024
"""Bytes that a chunked body may take besides its content and an eighth of it: each chunk and each
chunk extension is work, however little it holds."""

BARE_LF = re.compile(rb"(?<!\r)\n")
REQUEST_LINE = re.compile(rb"(\r\n)?[^\r\n]+ HTTP/1\.[0-9]\r\n")
"""gunicorn refuses a head with a bare LF or without such a line before it reads the rest."""


class SlowClients:
    """The threads that wait for clients to send or to read: a bounded number.

    When there is one too many, the address with the most threads loses the one that has waited the
    longest. A bulkhead would refuse the newcomer: slow clients of some 32 addresses would shut out
    everyone else.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: dict[ClientSocket, tuple[str, int]] = {}

    def wait(self, client: "ClientSocket", event: int, seconds: float) -> None:
        """Wait at most so many seconds until the client's socket is ready.

        :raises TooManyRequests: when it must give way and its address has other threads.
        :raises ServiceUnavailable: when it must give way to other addresses.
        """
        interrupted, interrupt = os.pipe()
        try:
            with self._lock:
                self._waiting[client] = client.address, interrupt
                if len(self._waiting) > self._limit:
                    self._interrupt_one()
            poll = select.poll()
            poll.register(client, event)
            poll.register(interrupted, select.POLLIN)
            if (interrupted, select.POLLIN) in poll.poll(max(0.0, seconds) * 1000):
                if any(address == client.address for address, _ in list(self._waiting.values())):
                    raise TooManyRequests(bulkheads.OVER_SHARE, bulkheads.RETRY_AFTER)
                raise ServiceUnavailable
        finally:
            with self._lock:
                self._waiting.pop(client, None)
            os.close(interrupted)
            os.close(interrupt)

    def _interrupt_one(self) -> None:
        threads = Counter(address for address, _ in self._waiting.values())
        most = max(threads.values())
        crowd = [each for each, (address, _) in self._waiting.items() if threads[address] == most]
        _, interrupt = self._waiting.pop(min(crowd, key=lambda each: each.waiting_since))
        os.write(interrupt, b"!")


slow_clients = SlowClients(MAX_WAITING_THREADS)


class ClientSocket(socket.socket):
    """A client's connection on which each wait is bounded, in time and in the number of threads.

    It sends the head of an answer together with the first part of its body: gunicorn would spend a
    system call and a packet on each (-11 to -15 % CPU for a small answer).
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.parser: Any = None
        """gunicorn's, which knows the current request."""
        self.environ: WSGIEnvironment = {}
        """The current request's, which tells its client."""
        self.may_wait = True
        self._head, self._is_head_too_large = bytearray(), False
        self._is_answer_next, self._unsent = False, b""
        self._start_request()

    def _start_request(self) -> None:
        self._searched, self._has_head, self._has_line = 0, False, False
        self._time_left, self._moved, self.waiting_since = float(CLIENT_TIMEOUT), 0, 0.0
        self._received, self._max_received = 0, 2 * MAX_CHUNK_OVERHEAD

    @property
    def address(self) -> str:
        """The address that the request counts for."""
        return customer(self.environ.get("REMOTE_ADDR", ""))

    def has_head(self, unreader: Unreader) -> bool:
        """Receive without waiting; tell whether gunicorn can parse what has come.

        It can also refuse what is not HTTP, is too large or has ended. The unreader holds what came
        together with the previous request.
        """
        if not self._has_head:
            if unreader.buf.getvalue():
                self._head += unreader.take_buffered()
            self._has_head = bool(self._head and self._find_end()) or self._receive_end()
        return self._has_head

    def _receive_end(self) -> bool:
        try:
            received = super().recv(RECEIVE_SIZE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        self._head += received
        return not received or self._find_end()

    def _find_end(self) -> bool:
        start, self._searched = self._searched, max(0, len(self._head) - 3)
        if self._head.find(b"\r\n\r\n", start) >= 0 or self._is_refused(start):
            return True
        self._is_head_too_large = len(self._head) > MAX_HEAD
        return self._is_head_too_large

    def _is_refused(self, start: int) -> bool:
        if not self._has_line:
            # An empty line may come first.
            self._has_line = self._head.find(b"\r\n", max(1, start)) > 0
            if self._has_line and not REQUEST_LINE.match(self._head):
                return True
        return bool(BARE_LF.search(self._head, start))

    def take_head(self, size: int = MAX_HEAD + RECEIVE_SIZE) -> bytes:
        """Return the head that has come, for gunicorn to parse, and start the next request."""
        self._start_request()
        taken = bytes(self._head[:size])
        del self._head[:size]
        return taken

    def expect_body(self, size: int) -> None:
        """Receive no more than a body of so many bytes can take."""
        self._max_received = size + size // 8 + MAX_CHUNK_OVERHEAD

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return bytes of the request, at once or when they come.

        :raises RequestTimeout: when they do not come in time.
        :raises TooManyRequests, ServiceUnavailable: when too many threads wait for clients.
        :raises BlockingIOError: when there are none and `may_wait` is false.
        :raises OSError: when a chunked body has far more overhead than content.
        """
        if self._head:
            return self.take_head(size)
        if self._is_head_too_large:
            raise LimitRequestHeaders("limit request head size")
        while True:
            try:
                received = super().recv(size, flags | socket.MSG_DONTWAIT)
            except BlockingIOError:
                if not self.may_wait:
                    raise
            else:
                self._advance(len(received))
                self._received += len(received)
                # gunicorn reads ahead only where it knows that a body or a chunk goes on.
                if self._received > self._max_received + (size if size > RECEIVE_SIZE else 0):
                    raise OSError(errno.EMSGSIZE, "The body comes in too many parts.")
                return received
            self._wait(select.POLLIN)
            if self._time_left <= 0:
                raise RequestTimeout

    def expect_answer(self) -> None:
        """Hold what is sent next, the head of an answer, until more is sent or `flush`."""
        self._is_answer_next = True

    def flush(self) -> None:
        """Send what is held."""
        if self._unsent:
            self.sendall(b"")

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send the data as the client reads it.

        :raises BrokenPipeError: when it reads too slowly or too many threads wait for clients.
        """
        if self._is_answer_next:
            self._is_answer_next, self._unsent = False, data
            return
        left = memoryview(self._unsent + data if self._unsent else data)
        self._unsent = b""
        while left:
            try:
                sent = super().send(left, flags | socket.MSG_DONTWAIT)
            except BlockingIOError:
                with suppress(ApiError):
                    self._wait(select.POLLOUT)
                if self._time_left <= 0:
                    raise BrokenPipeError(errno.EPIPE, "The client reads too slowly.") from None
            else:
                self._advance(sent)
                left = left[sent:]

    def send(self, data: Any, flags: int = 0) -> int:
        """Send all of the data: gunicorn's "100 Continue"."""
        self.sendall(data, flags)
        return len(data)

    def settimeout(self, value: float | None) -> None:
        """Do nothing: each wait here has its own time-out."""

    setblocking = settimeout

    def _advance(self, moved: int) -> None:
        self._moved += moved
        if self._moved >= PROGRESS:
            self._time_left, self._moved = CLIENT_TIMEOUT, 0

    def _wait(self, event: int) -> None:
        started = monotonic()
        self.waiting_since = self.waiting_since or started
        try:
            slow_clients.wait(self, event, self._time_left)
        except ApiError:
            self._time_left = 0
            raise
        self._time_left -= monotonic() - started

    def discard(self) -> bool:
        """Discard what has come; tell whether no more will come."""
        try:
            return not super().recv(PROGRESS, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
