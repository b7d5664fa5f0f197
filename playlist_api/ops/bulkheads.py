"""Bulkheads: how much of a worker one kind of work may take, shared fairly among clients.

The pattern is that of https://learn.microsoft.com/azure/architecture/patterns/bulkhead, the order
of the queue that of start-time fair queueing (Goyal, Vin and Cheng, 1996).
"""

from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock
from time import monotonic
from typing import Any, TypeVar

from flask import g, has_request_context, request
from prometheus_client import Gauge

from playlist_api.errors import ApiError, ServiceUnavailable, TooManyRequests
from playlist_api.ops import metrics
from playlist_api.ops.logs import record_event

BUSY = "The service is busy. Please try again in a moment."
OVER_SHARE = "You have too many requests under way. Please try again in a moment."

RETRY_AFTER = 5
"""Seconds, the same as for a service that is full."""

CUSTOMER_PREFIX = 64
"""Bits of an IPv6 network that one customer gets, with all of its addresses: RFC 6177."""

T = TypeVar("T")


class Turn(Future[bool]):
    """One request in a bulkhead: true when its work may begin, false when it was displaced.

    `keys` name the clients it counts for, such as an address and a user.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__()
        self.keys = keys
        self.round = 0
        self.began_at = 0.0
        self.is_extra = False


class Bulkhead:
    """Lets a few requests work at a time and a few more wait, and refuses all others.

    A client may use all of it while no other client comes. Otherwise clients are served in
    rounds. When the queue is full, a newcomer displaces the newest request of the client that has
    the most, so a client is only refused for its own requests, unless every client has just one.
    """

    def __init__(
        self,
        name: str,
        concurrency: float,
        *,
        queue: int,
        timeout: float | None,
        concurrency_per_key: float | None = None,
        stall_timeout: float = 0,
        busy: str = BUSY,
        gauge: Gauge | None = None,
    ) -> None:
        """Set how many requests may work and wait, and how many seconds each may wait.

        :param name: names the bulkhead in metrics and events.
        :param concurrency_per_key: bounds the work of one client even when no other client comes,
            for work that takes longer than others can wait.
        :param stall_timeout: lets any number of requests wait, as long as slots keep being
            released: `queue` only counts once no other request has begun for so many seconds. For
            a client over `concurrency_per_key`, only the client's own requests count.
        :param busy: what a client is told that is refused because of others.
        :param gauge: counts requests at work or waiting.
        """
        self._name, self._busy = name, busy
        self._gauge = gauge or metrics.bulkheads.labels(name)
        self._concurrency, self._queue, self._timeout = concurrency, queue, timeout
        self._concurrency_per_key = concurrency_per_key or concurrency
        self._stall_timeout = stall_timeout
        self._lock = Lock()
        self._working: list[Turn] = []
        self._waiting: list[Turn] = []  # sorted by their rounds
        self._round = 0

    @contextmanager
    def slot(self, *keys: str) -> Iterator[None]:
        """Wait for a slot, and hold it for the duration of a `with` block.

        :raises TooManyRequests, ServiceUnavailable: as `acquire` does.
        """
        turn = self.acquire(*keys)
        try:
            yield
        finally:
            self.release(turn)

    def acquire(self, *keys: str) -> Turn:
        """Wait for a slot, and return the turn to release.

        :raises TooManyRequests: when none is free in time, and a key has other requests here.
        :raises ServiceUnavailable: when none is free in time because of others.
        """
        turn = self.enqueue(*keys)
        self._wait_for(turn)
        return turn

    def enqueue(self, *keys: str) -> Turn:
        """Return a turn without waiting for it; release it once it was true.

        :raises TooManyRequests, ServiceUnavailable: as `acquire` does, when the queue is full.
        """
        turn = Turn(keys)
        with self._lock:
            if self._may_begin(turn):
                self._begin(turn)
            else:
                if len(self._waiting) >= self._queue:
                    turn.is_extra = not self._has_stalled(turn)
                    if not turn.is_extra:
                        self._displace_for(turn)
                last_first = reversed(self._waiting)
                rounds = (other.round for other in last_first if _share_key(other, turn))
                turn.round = 1 + next(rounds, self._round)
                insort(self._waiting, turn, key=lambda each: each.round)
            self._gauge.inc()
        return turn

    def release(self, turn: Turn) -> None:
        """Give the slot to the next request."""
        with self._lock:
            self._working.remove(turn)
            self._gauge.dec()
            while following := self._next():
                self._waiting.remove(following)
                self._round = max(self._round, following.round)
                self._begin(following)

    def _wait_for(self, turn: Turn) -> None:
        until = monotonic() + (self._timeout or 0)
        while True:
            try:
                may_begin = turn.result(self._stall_timeout if turn.is_extra else self._timeout)
                break
            except TimeoutError:
                if not turn.is_extra or self._has_stalled(turn) or monotonic() >= until:
                    may_begin = self._give_up(turn)
                    break
        if not may_begin:
            raise self._over_share()

    def _has_stalled(self, turn: Turn) -> bool:
        ahead = self._working
        if not self._is_within_share(turn):
            ahead = [other for other in ahead if _share_key(other, turn)]
        latest = max((other.began_at for other in ahead), default=0.0)
        return monotonic() - latest >= self._stall_timeout

    def _begin(self, turn: Turn) -> None:
        turn.began_at = monotonic()
        self._working.append(turn)
        turn.set_result(True)

    def _may_begin(self, turn: Turn) -> bool:
        return len(self._working) < self._concurrency and self._is_within_share(turn)

    def _is_within_share(self, turn: Turn) -> bool:
        if not turn.keys or len(self._working) < self._concurrency_per_key:
            return True
        return _most(_counts(self._working), turn) < self._concurrency_per_key

    def _next(self) -> Turn | None:
        if not self._waiting or len(self._working) >= self._concurrency:
            return None
        counts = _counts(self._working)
        chosen, fewest, seen = None, self._concurrency_per_key, set[tuple[str, ...]]()
        for turn in self._waiting:
            if turn.keys not in seen:  # else one of the same client is ahead
                seen.add(turn.keys)
                at_work = _most(counts, turn)
                if at_work < fewest:
                    chosen, fewest = turn, at_work
                if not at_work:
                    break
        return chosen

    def _displace_for(self, newcomer: Turn) -> None:
        held = _counts(self._working + self._waiting)
        # `max` takes the first of equals, which is the newest of a client here.
        heaviest = max(reversed(self._waiting), key=lambda each: _most(held, each), default=None)
        if heaviest is None or _most(held, heaviest) <= _most(held, newcomer) + 1:
            raise self._refusal(newcomer)
        self._leave(heaviest)
        heaviest.set_result(False)

    def _give_up(self, turn: Turn) -> bool:
        with self._lock:
            if turn.done():  # at the last moment
                return turn.result()
            self._leave(turn)
            raise self._refusal(turn)

    def _leave(self, turn: Turn) -> None:
        self._waiting.remove(turn)
        self._gauge.dec()

    def _refusal(self, turn: Turn) -> ApiError:
        if any(_share_key(other, turn) for other in self._working + self._waiting):
            return self._over_share()
        return ServiceUnavailable(self._busy)

    def _over_share(self) -> ApiError:
        record_event("over_share", bulkhead=self._name)
        return TooManyRequests(OVER_SHARE, RETRY_AFTER)


class ThreadBulkhead(Bulkhead):
    """A bulkhead whose work is done in threads of its own.

    For work that no request waits for, or that leaves memory behind in each thread that does it.
    """

    def __init__(self, name: str, concurrency: int, **options: Any) -> None:
        super().__init__(name, concurrency, **options)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix=name)

    def run(self, keys: tuple[str, ...], work: Callable[..., T], *arguments: object) -> T:
        """Wait for a slot, do the work, and return its result.

        :raises TooManyRequests, ServiceUnavailable: as `acquire` does.
        """
        turn, done = self.submit(keys, work, *arguments)
        self._wait_for(turn)
        return done.result()

    def submit(
        self, keys: tuple[str, ...], work: Callable[..., T], *arguments: object
    ) -> tuple[Turn, Future[T]]:
        """Queue some work; return its turn, and a future of its result if it is not displaced.

        :raises TooManyRequests, ServiceUnavailable: as `acquire` does, when the queue is full.
        """
        turn, done = self.enqueue(*keys), Future[T]()

        # It must not refer to the turn itself: the cycle would keep both, and the arguments.
        def begin(begun: Any) -> None:
            if begun.result():
                self._threads.submit(self._do, begun, done, partial(work, *arguments))

        turn.add_done_callback(begin)
        return turn, done

    def _do(self, turn: Turn, done: Future[T], work: Callable[[], T]) -> None:
        try:
            try:
                result = work()
            finally:
                self.release(turn)
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(result)


def _counts(turns: Iterable[Turn]) -> Counter[str]:
    return Counter(key for turn in turns for key in turn.keys)


def _most(counts: Counter[str], turn: Turn) -> int:
    return max((counts[key] for key in turn.keys), default=0)


def _share_key(one: Turn, other: Turn) -> bool:
    return not set(one.keys).isdisjoint(other.keys)


def client_keys() -> tuple[str, ...]:
    """Return the keys of the request's client: its address and, once known, its user.

    Neither suffices alone: a user can have many addresses, an address many accounts.
    """
    return (client_address(), *user_key()) if has_request_context() else ()


def user_key() -> tuple[str, ...]:
    """Return the key of the request's user alone, if it is known."""
    return (g.identity.user_id,) if has_request_context() and "identity" in g else ()


def client_address() -> str:
    """Return the key of the client's address."""
    return customer(request.remote_addr or "")


def customer(address: str) -> str:
    """Return the key of an address: itself, or of IPv6 the network of the customer."""
    try:
        found = ip_address(address)
    except ValueError:
        return address  # a proxy may add a port, or no address at all
    if isinstance(found, IPv6Address) and not found.ipv4_mapped:
        return str(ip_network((found, CUSTOMER_PREFIX), strict=False))
    return str(getattr(found, "ipv4_mapped", found))
