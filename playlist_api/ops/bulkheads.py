"""Bulkheads: how much of a worker one kind of work may take, shared fairly among clients.

The pattern is that of https://learn.microsoft.com/azure/architecture/patterns/bulkhead, the order
of the queue that of start-time fair queueing (Goyal, Vin and Cheng, 1996).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from prometheus_client import Gauge

from playlist_api.errors import ApiError, ServiceUnavailable, TooManyRequests
from playlist_api.ops import events, metrics

BUSY = "The service is busy. Please try again in a moment."
OVER_SHARE = "You have too many requests under way. Please try again in a moment."

RETRY_AFTER = 5
"""Seconds, the same as for a service that is full."""

T = TypeVar("T")


class Turn(Future[bool]):
    """One request in a bulkhead: true when its work may begin, false when it was displaced.

    `keys` say whom it counts for, such as the client's address and the user.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__()
        self.keys = keys
        self.round = 0


class Bulkhead:
    """Lets a few requests work at a time and a few more wait, and refuses all others.

    While nobody else comes, one client may use all of it. Otherwise clients are served in rounds,
    and when the queue is full, a newcomer displaces the newest request of the client that has the
    most. So nobody is refused because of others, unless each of them has just one request here.
    A step takes some microseconds, and as many more as requests wait.
    """

    def __init__(
        self,
        name: str,
        concurrency: float,
        *,
        queue: int,
        timeout: float | None,
        concurrency_per_key: float | None = None,
        busy: str = BUSY,
        gauge: Gauge | None = None,
    ) -> None:
        """Take how many requests may work and wait, and for how many seconds each of them waits.

        `concurrency_per_key` bounds how many of one key work at a time even if nobody else comes:
        for work that takes longer than others can wait. The message `busy` is for those who are
        refused because of others. The gauge counts who works or waits; events have the name.
        """
        self._name, self._busy = name, busy
        self._gauge = gauge or metrics.bulkheads.labels(name)
        self._concurrency, self._queue, self._timeout = concurrency, queue, timeout
        self._concurrency_per_key = concurrency_per_key or concurrency
        self._lock = Lock()
        self._working: list[Turn] = []
        self._waiting: list[Turn] = []
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
        """Wait for a slot, and return what is to be released.

        :raises TooManyRequests: when it is not to be had, and a key has other requests here.
        :raises ServiceUnavailable: when it is not to be had because of others.
        """
        turn = self.enqueue(*keys)
        self._wait_for(turn)
        return turn

    def enqueue(self, *keys: str) -> Turn:
        """Return a turn without waiting for it; it is to be released once it was true.

        :raises TooManyRequests, ServiceUnavailable: as `acquire` does, when the queue is full.
        """
        turn = Turn(keys)
        with self._lock:
            if self._may_begin(turn):
                self._begin(turn)
            else:
                if len(self._waiting) >= self._queue:
                    self._displace_for(turn)
                ahead = (other.round for other in self._waiting if _share_key(other, turn))
                turn.round = 1 + max(ahead, default=self._round)
                self._waiting.append(turn)
            self._gauge.inc()
        return turn

    def release(self, turn: Turn) -> None:
        """Give the slot to whose turn it is."""
        with self._lock:
            self._working.remove(turn)
            self._gauge.dec()
            while following := self._next():
                self._waiting.remove(following)
                self._round = max(self._round, following.round)
                self._begin(following)

    def _wait_for(self, turn: Turn) -> None:
        try:
            may_begin = turn.result(self._timeout)
        except TimeoutError:
            may_begin = self._give_up(turn)
        if not may_begin:
            raise self._over_share()

    def _begin(self, turn: Turn) -> None:
        self._working.append(turn)
        turn.set_result(True)

    def _may_begin(self, turn: Turn) -> bool:
        is_free = len(self._working) < self._concurrency
        return is_free and _most(_counts(self._working), turn) < self._concurrency_per_key

    def _next(self) -> Turn | None:
        if not self._waiting or len(self._working) >= self._concurrency:
            return None
        counts = _counts(self._working)
        at_work = {each: _most(counts, each) for each in self._waiting}
        ready = [each for each in self._waiting if at_work[each] < self._concurrency_per_key]
        return min(ready, key=lambda each: (at_work[each], each.round), default=None)

    def _displace_for(self, newcomer: Turn) -> None:
        held = _counts(self._working + self._waiting)
        # `max` takes the first of equals, which is the newest here.
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
        events.record("over_share", bulkhead=self._name)
        return TooManyRequests(OVER_SHARE, RETRY_AFTER)


class ThreadBulkhead(Bulkhead):
    """A bulkhead with threads of its own, which do the work of one turn after the other.

    For work that nobody waits for, or that leaves memory behind in each thread that does it.
    """

    def __init__(self, name: str, concurrency: int, **options: Any) -> None:
        """Take what a bulkhead takes."""
        super().__init__(name, concurrency, **options)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix=name)

    def run(self, keys: tuple[str, ...], work: Callable[..., T], *arguments: object) -> T:
        """Do the work when it is its turn, and return what it returns.

        :raises TooManyRequests, ServiceUnavailable: as `acquire` does.
        """
        turn, done = self.submit(keys, work, *arguments)
        self._wait_for(turn)
        return done.result()

    def submit(
        self, keys: tuple[str, ...], work: Callable[..., T], *arguments: object
    ) -> tuple[Turn, Future[T]]:
        """Return the turn of some work, and what will have its result if it is not displaced.

        :raises TooManyRequests, ServiceUnavailable: as `acquire` does, when the queue is full.
        """
        turn, done = self.enqueue(*keys), Future[T]()

        # Which must not refer to the turn by itself: both would be kept, with the arguments.
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
