"""A circuit breaker, for servers that the service can do without."""

import logging
from threading import Lock
from time import monotonic

PAUSE = 5.0
"""Seconds until a server is asked again after a failure, by one request, which may wait in vain."""


class CircuitBreaker:
    """Remembers whether a server is away.

    After a failure nobody waits for it for some seconds, and then one request at a time does. Its
    loss and its return are logged once each.
    """

    def __init__(self, log: logging.Logger, *, lost: str, back: str) -> None:
        """Take what to log, and where; the reason of a loss is put behind it."""
        self._log, self._lost, self._back = log, lost, back
        self._lock = Lock()
        self._next_probe = 0.0
        self.away = False

    def is_due(self) -> bool:
        """Tell whether to ask the server now: always, unless it failed a moment ago."""
        if not self.away:
            return True
        with self._lock:
            now = monotonic()
            due = now >= self._next_probe
            if due:
                self._next_probe = now + PAUSE
            return due

    def fail(self, reason: str) -> None:
        """Note that the server did not answer, or not as it should."""
        with self._lock:
            self._next_probe = monotonic() + PAUSE
            was_away, self.away = self.away, True
        if not was_away:
            self._log.warning("%s: %s", self._lost, reason)

    def succeed(self) -> None:
        """Note that the server has answered."""
        if self.away:
            self.away = False
            self._log.info(self._back)
