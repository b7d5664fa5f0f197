"""Costly work, bounded in what it may take of a worker."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TypeVar

from prometheus_client import Gauge

from playlist_api.errors import ServiceUnavailable

T = TypeVar("T")


class Turns:
    """A thread or a few that do the work, requests that wait for it, and a no for all others.

    The rest of a worker's threads are left for calls that need none of it.
    """

    def __init__(
        self, threads: int, waiting: int, patience: float, *, busy: str, gauge: Gauge
    ) -> None:
        """Take how many requests may wait, for how many seconds each, and what others are told.

        The gauge counts those who are here.
        """
        self._places = BoundedSemaphore(threads + waiting)
        # Threads of their own, for each thread that ever does such work may keep memory for it.
        self._threads = ThreadPoolExecutor(threads)
        self._patience, self._busy, self._gauge = patience, busy, gauge

    def take(self, work: Callable[..., T], *arguments: object) -> T:
        """Do the work in turn, and return what it returns.

        :raises ServiceUnavailable: when too many others wait already, or it takes too long.
        """
        if not self._places.acquire(blocking=False):
            raise ServiceUnavailable(self._busy)
        self._gauge.inc()
        doing = self._threads.submit(work, *arguments)
        try:
            return doing.result(self._patience)
        except TimeoutError:
            doing.cancel()
            raise ServiceUnavailable(self._busy) from None
        finally:
            self._gauge.dec()
            self._places.release()
