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
from playlist_api.ops.clients import customer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

CLIENT_TIMEOUT = 10
"""Seconds that a client may let us wait for a head; then for a body and an answer, where each
`PACE` bytes that come through give it as many again. It is a sum: bytes alone prolong nothing."""

PACE = 64 * 1024
"""Bytes. Together that is 6.4 KiB a second, which mobile lines of the second generation carry."""

MAX_WAITING = 32
"""Threads of a worker that wait for clients at a time: see `threads` in gunicorn.conf.py."""

MAX_HEAD = 64 * 1024
"""Bytes: twice as much as nginx.conf allows."""

RECEIVED = 8 * 1024
"""Bytes that are read of a head at a time, as gunicorn does."""

MAX_LINGER = 32 * 1024 * 1024
"""Bytes that a client may go on sending when it has been answered: more than any call takes."""

MAX_OVERHEAD = 64 * 1024
"""Bytes that come with a body in chunks, besides an eighth of the body: each chunk is work, and its
extension too, however little is in it."""

BARE_LF = re.compile(rb"(?<!\r)\n")
REQUEST_LINE = re.compile(rb"(\r\n)?[^\r\n]+ HTTP/1\.[0-9]\r\n")
"""What has the one, or does not begin with the other, gunicorn refuses without reading on."""

OVER_SHARE, ALONE = b"o", b"a"
"""What a thread that must give way is told of its address."""

TOO_SLOW = "The request took too long to arrive."


class SlowClients:
    """The threads that wait for clients to send or to read, of which there is a bounded number.

    When there is one too many, the address that holds the most threads loses the one that it has
    held the longest. A fixed share for each address would refuse the first honest client after
    enough addresses have taken theirs; this way whoever is nearly done, or alone, goes on.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting: dict[ClientSocket, tuple[str, int]] = {}

    def wait(self, client: "ClientSocket", event: int, seconds: float) -> None:
        """Wait until the client's socket is ready, for so long at the most.

        :raises TooManyRequests: when it must give way, and its address has other threads.
        :raises ServiceUnavailable: when it must give way to other addresses.
        """
        interrupted, interrupt = os.pipe()
        try:
            with self._lock:
                self._waiting[client] = client.address, interrupt
                if len(self._waiting) > self._most:
                    self._interrupt_one()
            poll = select.poll()
            poll.register(client, event)
            poll.register(interrupted, select.POLLIN)
            if (interrupted, select.POLLIN) in poll.poll(max(0.0, seconds) * 1000):
                is_over_share = os.read(interrupted, 1) == OVER_SHARE
                raise (
                    TooManyRequests(bulkheads.OVER_SHARE, bulkheads.RETRY_AFTER)
                    if is_over_share
                    else ServiceUnavailable(bulkheads.BUSY)
                )
        finally:
            with self._lock:
                self._waiting.pop(client, None)
            os.close(interrupted)
            os.close(interrupt)

    def _interrupt_one(self) -> None:
        held = Counter(address for address, _ in self._waiting.values())
        most = max(held.values())
        crowd = [each for each, (address, _) in self._waiting.items() if held[address] == most]
        _, interrupt = self._waiting.pop(min(crowd, key=lambda each: each.waiting_since))
        os.write(interrupt, OVER_SHARE if most > 1 else ALONE)


slow_clients = SlowClients(MAX_WAITING)


class ClientSocket(socket.socket):
    """A client's connection, on which waiting is bounded in time and, over all, in number."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.environ: WSGIEnvironment = {}
        """The present request's, which tells its client."""
        self.has_body, self.may_wait = False, True
        self.waiting_since = 0.0
        self._patience, self._moved, self._lingered = float(CLIENT_TIMEOUT), 0, 0
        self._received, self._most = 0, 2 * MAX_OVERHEAD
        self._head, self._searched = bytearray(), 0
        self._has_head = self._has_line = self._is_head_too_large = False

    @property
    def address(self) -> str:
        """The address that the request counts for."""
        return customer(self.environ.get("REMOTE_ADDR", ""))

    def has_head(self, unreader: Unreader) -> bool:
        """Take what has come, and tell whether it can be parsed without waiting for more.

        That is also so for what is no HTTP, is too large, or has ended. The unreader holds what
        came together with the request before.
        """
        if not self._has_head:
            if unreader.buf.getvalue():
                self._head += unreader.take_buffered()
            self._has_head = bool(self._head and self._find_end()) or self._receive_end()
        return self._has_head

    def _receive_end(self) -> bool:
        try:
            received = super().recv(RECEIVED, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        self._head += received
        return not received or self._find_end()

    def _find_end(self) -> bool:
        start, self._searched = self._searched, max(0, len(self._head) - 3)
        if self._head.find(b"\r\n\r\n", start) >= 0 or self._find_nonsense(start):
            return True
        self._is_head_too_large = len(self._head) > MAX_HEAD
        return self._is_head_too_large

    def _find_nonsense(self, start: int) -> bool:
        if not self._has_line:
            # An empty line may come first.
            self._has_line = self._head.find(b"\r\n", max(1, start)) > 0
            if self._has_line and not REQUEST_LINE.match(self._head):
                return True
        return bool(BARE_LF.search(self._head, start))

    def take_head(self, size: int = MAX_HEAD + RECEIVED) -> bytes:
        """Return what has come of a request. Its client has its time from now on."""
        self._has_head = self._has_line = False
        self._searched = 0
        self._patience, self._moved, self.waiting_since = CLIENT_TIMEOUT, 0, 0.0
        self._received, self._most = 0, 2 * MAX_OVERHEAD
        taken = bytes(self._head[:size])
        del self._head[:size]
        return taken

    def expect_body(self, size: int) -> None:
        """Take no more than what belongs to a body of so many bytes."""
        self._most = size + size // 8 + MAX_OVERHEAD

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return bytes of the request, at once or when they come.

        :raises RequestTimeout: when they do not come in time.
        :raises TooManyRequests, ServiceUnavailable: when too many threads wait for clients.
        :raises BlockingIOError: when there are none, and `may_wait` is false.
        :raises OSError: when they are far more than what is in them.
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
                # gunicorn asks for more ahead where it knows that a body or chunk goes on.
                if self._received > self._most + (size if size > RECEIVED else 0):
                    raise OSError(errno.EMSGSIZE, "The body comes in too many parts.")
                return received
            self._wait(select.POLLIN)
            if self._patience <= 0:
                raise RequestTimeout(TOO_SLOW)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send the data, at once or as the client reads it.

        :raises BrokenPipeError: when it does not do so in time, or others wait for too many.
        """
        left = memoryview(data)
        while left:
            try:
                sent = super().send(left, flags | socket.MSG_DONTWAIT)
            except BlockingIOError:
                with suppress(ApiError):
                    self._wait(select.POLLOUT)
                if self._patience <= 0:
                    raise BrokenPipeError(errno.EPIPE, "The client reads too slowly.") from None
            else:
                self._advance(sent)
                left = left[sent:]

    def settimeout(self, value: float | None) -> None:
        """Do nothing, as nothing here blocks but for a time of its own."""

    def setblocking(self, flag: bool) -> None:
        """Do nothing, as `settimeout`."""

    def send(self, data: Any, flags: int = 0) -> int:
        """Send all of the data: gunicorn's "100 Continue"."""
        self.sendall(data, flags)
        return len(data)

    def _advance(self, moved: int) -> None:
        self._moved += moved
        if self._moved >= PACE:
            self._patience, self._moved = CLIENT_TIMEOUT, 0

    def _wait(self, event: int) -> None:
        started = monotonic()
        self.waiting_since = self.waiting_since or started
        try:
            slow_clients.wait(self, event, self._patience)
        except ApiError:
            self._patience = 0
            raise
        self._patience -= monotonic() - started

    def discard(self) -> bool:
        """Drop what has come; return whether there will be no more, or there was too much."""
        try:
            received = super().recv(PACE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        self._lingered += len(received)
        return not received or self._lingered > MAX_LINGER
