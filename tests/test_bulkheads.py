"""Bulkheads: who works, who waits, and who is refused."""

import gc
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event, get_ident
from typing import Any

import pytest
from prometheus_client import Gauge

from dev.processes import eventually
from playlist_api.errors import ServiceUnavailable, TooManyRequests
from playlist_api.ops import bulkheads
from playlist_api.ops.bulkheads import OVER_SHARE, Bulkhead, ThreadBulkhead, Turn

BUSY = "Too many people are here. Please try again in a moment."


@pytest.fixture
def gauge() -> Gauge:
    return Gauge("places", "Requests that work or wait.", registry=None)


def here(gauge: Gauge) -> float:
    (metric,) = gauge.collect()
    return metric.samples[0].value


Make = Callable[..., Bulkhead]


@pytest.fixture
def make(gauge: Gauge) -> Make:
    """Makes a bulkhead: for one request at work, with a queue of three, unless it is said."""

    def make(concurrency: int = 1, queue: int = 3, timeout: float = 20, **options: Any) -> Bulkhead:
        how = {"queue": queue, "timeout": timeout, "busy": BUSY, "gauge": gauge, **options}
        return Bulkhead("places", concurrency, **how)

    return make


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as threads:
        yield threads


def served(bulkhead: Bulkhead, turns: dict[str, Turn]) -> list[str]:
    """Let each work in turn, and name them in the order in which they did."""
    order = []
    while ready := [name for name, turn in turns.items() if turn.done()]:
        for name in ready:
            order.append(name)
            bulkhead.release(turns.pop(name))
    assert turns == {}
    return order


@pytest.mark.parametrize(
    ("concurrency", "queue", "came", "worked"),
    [
        # One client may use everything while nobody else comes.
        (2, 3, "a0 a1 a2 a3 a4", "a0 a1 a2 a3 a4"),
        # Clients take turns.
        (1, 9, "a0 a1 a2 a3 a4 b1 b2 c1", "a0 a1 b1 c1 a2 b2 a3 a4"),
        # A newcomer takes the place of the newest request of the client that has the most: b2.
        (1, 4, "a0 b0 b1 b2 a1 c0", "a0 b0 a1 c0 b1"),
    ],
)
def test_clients_are_served_in_rounds(
    make: Make, concurrency: int, queue: int, came: str, worked: str
) -> None:
    bulkhead = make(concurrency, queue)
    turns = {name: bulkhead.enqueue(name[0]) for name in came.split()}
    for name in came.split():
        if name not in worked.split():
            assert not turns.pop(name).result(0)
    assert served(bulkhead, turns) == worked.split()


@pytest.mark.parametrize(
    ("queue", "there", "newcomer", "refusal"),
    [
        (3, "aaaa", "a", TooManyRequests),
        # Nobody is displaced for a client that would then have as many.
        (2, "aab", "b", TooManyRequests),
        # Where each request is another client's, there is no one to displace.
        (3, "abcd", "e", ServiceUnavailable),
        (0, "a", "b", ServiceUnavailable),
    ],
)
def test_a_newcomer_who_finds_no_place_is_refused(
    make: Make, queue: int, there: str, newcomer: str, refusal: type[Exception]
) -> None:
    bulkhead = make(queue=queue)
    for key in there:
        bulkhead.enqueue(key)
    with pytest.raises(refusal):
        bulkhead.enqueue(newcomer)


def test_who_is_displaced_is_told_when_to_come_back(
    make: Make, gauge: Gauge, threads: ThreadPoolExecutor
) -> None:
    bulkhead = make(queue=1)
    bulkhead.enqueue("a")
    displaced = threads.submit(bulkhead.acquire, "a")
    eventually(lambda: here(gauge) == 2, "the second request waits")
    bulkhead.enqueue("b")
    with pytest.raises(TooManyRequests) as refused:
        displaced.result()
    assert refused.value.message == OVER_SHARE
    assert refused.value.headers == {"Retry-After": "5"}


def test_however_many_newcomers_there_are_everybody_is_served(make: Make) -> None:
    bulkhead = make()
    working, waiting = bulkhead.enqueue("a"), [bulkhead.enqueue("a"), bulkhead.enqueue("a")]
    for number in range(4):
        newcomer = bulkhead.enqueue(f"newcomer {number}")
        bulkhead.release(working)
        (working,) = (turn for turn in (*waiting, newcomer) if turn.done())
        waiting = [turn for turn in (*waiting, newcomer) if turn is not working]
    assert "a" not in {key for turn in waiting for key in turn.keys}


def test_who_has_fewer_at_work_goes_first(make: Make) -> None:
    bulkhead = make(2)
    first, _, third, other = (bulkhead.enqueue(key) for key in "aaab")
    bulkhead.release(first)
    assert other.result(0)
    assert not third.done()


def test_of_those_with_as_many_at_work_the_first_goes_first(make: Make) -> None:
    bulkhead = make(3)
    working = [bulkhead.enqueue(key) for key in "abc"]
    first, second = bulkhead.enqueue("a"), bulkhead.enqueue("b")
    bulkhead.release(working[2])
    assert (first.done(), second.done()) == (True, False)


def test_of_one_client_only_so_many_work_at_a_time(make: Make) -> None:
    bulkhead = make(3, concurrency_per_key=1)
    first, second, other = (bulkhead.enqueue(key) for key in "aab")
    assert [turn.done() for turn in (first, second, other)] == [True, False, True]
    bulkhead.release(first)
    assert second.result(0)


def test_a_request_counts_for_its_address_and_for_its_user(make: Make) -> None:
    by_address, by_user = make(), make()
    for number in range(4):
        by_address.enqueue("address", f"user {number}")
        by_user.enqueue(f"address {number}", "user")
    for bulkhead in (by_address, by_user):
        with pytest.raises(TooManyRequests):
            bulkhead.enqueue("address", "user")
        assert not bulkhead.enqueue("another address", "another user").done()


def test_a_request_that_frees_two_keys_lets_two_others_work(make: Make) -> None:
    bulkhead = make(3, concurrency_per_key=1)
    turn = bulkhead.enqueue("address", "user")
    others = [bulkhead.enqueue("address", "another"), bulkhead.enqueue("elsewhere", "user")]
    bulkhead.release(turn)
    assert [other.done() for other in others] == [True, True]


@pytest.mark.parametrize(("key", "refusal"), [("b", ServiceUnavailable), ("a", TooManyRequests)])
def test_a_request_that_waits_in_vain_is_told_for_whom(
    make: Make, gauge: Gauge, key: str, refusal: type[Exception]
) -> None:
    bulkhead = make(timeout=0.01)
    bulkhead.enqueue("a")
    with pytest.raises(refusal):
        bulkhead.acquire(key)
    assert here(gauge) == 1


@pytest.mark.parametrize("stall_timeout", [None, 20])
def test_a_turn_that_comes_at_the_last_moment_counts(
    make: Make, monkeypatch: pytest.MonkeyPatch, stall_timeout: float | None
) -> None:
    bulkhead = make(queue=3 if stall_timeout is None else 0, stall_timeout=stall_timeout)
    bulkhead.release(bulkhead.enqueue("a"))
    first = bulkhead.enqueue("a")

    class Late(Turn):
        def result(self, timeout: float | None = None) -> bool:
            if not self.done():
                bulkhead.release(first)
                raise TimeoutError
            return super().result(timeout)

    monkeypatch.setattr(bulkheads, "Turn", Late)
    bulkhead.release(bulkhead.acquire("b"))
    assert bulkhead.enqueue("c").result(0)


def test_any_number_may_wait_while_slots_are_released(make: Make) -> None:
    bulkhead = make(queue=1, stall_timeout=20)
    bulkhead.release(bulkhead.enqueue("a"))
    turns = {name: bulkhead.enqueue(name) for name in "abcdef"}
    assert served(bulkhead, turns) == ["a", "b", "c", "d", "e", "f"]


def test_the_crowd_is_refused_when_no_slot_is_released(
    make: Make, gauge: Gauge, threads: ThreadPoolExecutor
) -> None:
    bulkhead = make(queue=1, stall_timeout=0.05)
    bulkhead.release(bulkhead.enqueue("a"))
    working, waiting = bulkhead.enqueue("a"), bulkhead.enqueue("b")
    crowd = [threads.submit(bulkhead.acquire, key) for key in "cdef"]
    for refused in crowd:
        with pytest.raises(ServiceUnavailable):
            refused.result()
    assert here(gauge) == 2
    bulkhead.release(working)
    assert waiting.result(0)


def test_any_number_may_wait_while_slots_of_their_own_are_released(make: Make) -> None:
    bulkhead = make(3, queue=1, concurrency_per_key=1, stall_timeout=20)
    turns = {str(number): bulkhead.enqueue("a") for number in range(5)}
    assert served(bulkhead, turns) == ["0", "1", "2", "3", "4"]


def test_slots_that_others_release_let_no_crowd_wait(
    make: Make, threads: ThreadPoolExecutor
) -> None:
    bulkhead = make(3, queue=1, concurrency_per_key=1, stall_timeout=0.05)
    for _ in range(2):
        bulkhead.enqueue("a")
    crowd = [threads.submit(bulkhead.acquire, "a") for _ in range(4)]
    while not all(refused.done() for refused in crowd):
        bulkhead.release(bulkhead.acquire("b"))
    for refused in crowd:
        with pytest.raises(TooManyRequests):
            refused.result()


def test_who_waits_goes_on_when_a_slot_is_released(
    make: Make, gauge: Gauge, threads: ThreadPoolExecutor
) -> None:
    bulkhead = make()
    turn = bulkhead.acquire("a")
    waiting = threads.submit(bulkhead.acquire, "b")
    eventually(lambda: here(gauge) == 2, "somebody waits")
    assert not waiting.done()
    bulkhead.release(turn)
    bulkhead.release(waiting.result())
    assert here(gauge) == 0


def test_a_slot_is_released_whatever_happens(make: Make, gauge: Gauge) -> None:
    bulkhead = make()
    for _ in range(2):
        with suppress(ZeroDivisionError), bulkhead.slot("a"):
            1 / 0  # noqa: B018
    assert here(gauge) == 0


def test_work_is_done_in_a_thread_of_the_bulkhead(gauge: Gauge) -> None:
    how: dict[str, Any] = {"queue": 8, "timeout": 20, "busy": BUSY, "gauge": gauge}
    bulkhead = ThreadBulkhead("work", 1, **how)
    with ThreadPoolExecutor(8) as threads:
        workers = set(threads.map(lambda _: bulkhead.run(("a",), get_ident), range(8)))
        assert len(workers) == 1
    with pytest.raises(ZeroDivisionError):
        bulkhead.run(("a",), lambda: 1 / 0)
    assert here(gauge) == 0


def test_work_that_is_displaced_is_never_done() -> None:
    bulkhead, go_on = ThreadBulkhead("work", 1, queue=1, timeout=20), Event()
    done: list[str] = []
    _, first = bulkhead.submit(("a",), go_on.wait, 20)
    displaced, _ = bulkhead.submit(("a",), done.append, "a")
    turn, result = bulkhead.submit(("b",), done.append, "b")
    assert not displaced.result()
    go_on.set()
    assert first.result()
    assert turn.result()
    assert result.result() is None
    assert done == ["b"]


def test_what_was_worked_on_is_not_kept() -> None:
    class Content(str):
        """Something large."""

    content = Content("x")
    kept = weakref.ref(content)
    gc.disable()
    try:
        assert ThreadBulkhead("work", 1, queue=0, timeout=1).run((), len, content) == 1
        del content
        eventually(lambda: kept() is None, "it is let go")
    finally:
        gc.enable()
