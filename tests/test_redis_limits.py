"""Redis keeps the limits; and whatever becomes of it, nobody is locked out and no door opens."""

import logging
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from shutil import rmtree

import pytest
import trustme
from flask import Flask
from sqlalchemy import delete, func, select

from playlist_api.app import create_app
from playlist_api.config.fields import Limit
from playlist_api.config.settings import SettingsError, load_settings
from playlist_api.database import db
from playlist_api.models import RateLimit
from playlist_api.security import redis_limits
from playlist_api.security.redis_limits import POOL_SIZE, RedisLimits
from playlist_api.security.throttling import guess
from tests.redis_server import RedisServer, pretender, redis_server, with_tls
from tests.service import ROOT, SECRET_KEY, Actor, InProcess, call, environment, sign_up
from tests.test_races import at_once
from tests.test_throttling import log_in
from tests.waiting import eventually

ADDRESS = "203.0.113.1"

Make = Callable[[str], Actor]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no loss of Redis."""
    monkeypatch.setattr(redis_limits, "TIMEOUT", 20)


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for silence, and not for long."""
    monkeypatch.setattr(redis_limits, "TIMEOUT", 0.1)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


def forget_limits(app: Flask) -> None:
    with app.app_context():
        db.session.execute(delete(RateLimit))
        db.session.commit()


@pytest.fixture
def make(app: Flask) -> Iterator[Make]:
    """Make somebody who has signed up, of a service with limits, that has the Redis at a URL."""
    apps = []
    forget_limits(app)

    def make(url: str) -> Actor:
        ada = sign_up(InProcess(app))
        database_url = app.config["DATABASE_URL"]
        limits = {"RATELIMIT_ENABLED": "true", "RATELIMIT_LOGIN": "3/hour", "TRUSTED_PROXIES": "1"}
        apps.append(create_app(environment(database_url, **limits, REDIS_URL=url)))
        ada.service = InProcess(apps[-1])
        return ada

    yield make
    forget_limits(app)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, str]]]:
    """The level and the first words of each line that tells of Redis."""
    caplog.set_level(logging.INFO)
    return lambda: [
        (record.levelname, " ".join(record.getMessage().split()[:3]))
        for record in caplog.records
        if record.name == redis_limits.__name__
    ]


LOST, BACK = ("WARNING", "Redis is away,"), ("INFO", "Redis is back,")

Told = Callable[[], list[tuple[str, str]]]


def guesses(ada: Actor, times: int = 5) -> list[int]:
    return [log_in(ada, ADDRESS, "wrong").status for _ in range(times)]


def elsewhere(ada: Actor, places: int) -> set[int]:
    """Log in at so many places at once."""
    addresses = [f"198.51.100.{place}" for place in range(places)]
    answers = at_once(*[partial(log_in, ada, address) for address in addresses])
    return {answer.status for answer in answers}


def rows(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(RateLimit)) or 0


def app_of(ada: Actor) -> Flask:
    assert isinstance(ada.service, InProcess)
    return ada.service.app


def wait_no_longer(ada: Actor) -> None:
    """Have the next request ask whether Redis is back."""
    app_of(ada).extensions["redis_limits"]._breaker._next_probe = 0


def test_postgresql_writes_nothing_while_redis_keeps_the_limits(
    app: Flask, redis: RedisServer, make: Make, told: Told
) -> None:
    assert guesses(make(redis.url)) == [401, 401, 401, 429, 429]
    assert rows(app) == 0
    assert told() == []


def test_keys_expire_once_nothing_is_used_up(redis: RedisServer, make: Make) -> None:
    ada = make(redis.url)
    log_in(ada, ADDRESS, "wrong")
    with redis.client() as client:
        expiries = sorted(client.pttl(key) for key in client.scan_iter("playlist_api:limit:*"))
        assert len(expiries) == client.dbsize() == 2
    by_address, by_account = expiries
    assert 0 < by_address <= 600
    assert 1_190_000 < by_account <= 1_200_000


def test_a_right_password_leaves_nothing_behind(redis: RedisServer, make: Make) -> None:
    assert log_in(make(redis.url), ADDRESS).status == 200
    with redis.client() as client:
        assert client.dbsize() == 0


def test_postgresql_takes_over_at_once(redis: RedisServer, make: Make, told: Told) -> None:
    ada = make(redis.url)
    assert guesses(ada, 2) == [401, 401]
    redis.kill()
    assert log_in(ada, ADDRESS).status == 200
    assert guesses(ada) == [401, 401, 401, 429, 429]
    assert told() == [LOST]


def test_redis_takes_over_again_when_it_is_back(redis: RedisServer, make: Make, told: Told) -> None:
    ada = make(redis.url)
    redis.kill()
    assert guesses(ada) == [401, 401, 401, 429, 429]
    redis.start()
    assert log_in(ada, ADDRESS).status == 429
    wait_no_longer(ada)
    assert guesses(ada) == [401, 401, 401, 429, 429]
    assert told() == [LOST, BACK]


@pytest.mark.usefixtures("impatience")
def test_a_frozen_redis_refuses_nobody_and_counts_on_when_it_thaws(
    redis: RedisServer, make: Make, told: Told
) -> None:
    ada = make(redis.url)
    assert guesses(ada, 1) == [401]
    redis.freeze()
    for _ in range(3):
        wait_no_longer(ada)
        assert log_in(ada, ADDRESS).status == 200
    redis.thaw()
    wait_no_longer(ada)
    # The first login was under way when Redis froze, and could not be given back.
    assert guesses(ada, 2) == [401, 429]
    assert told() == [LOST, BACK]


@pytest.mark.usefixtures("impatience")
def test_who_does_not_answer_is_asked_once(make: Make, told: Told) -> None:
    with pretender() as silent:
        ada = make(silent.url)
        assert guesses(ada) == [401, 401, 401, 429, 429]
        assert silent.connections == 1
        wait_no_longer(ada)
        assert elsewhere(ada, 8) == {200}
        assert silent.connections == 2
    assert told() == [LOST]


@pytest.mark.usefixtures("impatience")
def test_many_who_lose_redis_at_once_tell_it_once(make: Make, told: Told) -> None:
    with pretender() as silent:
        assert elsewhere(make(silent.url), 8) == {200}
    assert told() == [LOST]


@pytest.mark.parametrize(
    "answer",
    [
        b"-LOADING Redis is loading the dataset in memory\r\n",
        b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
        b"-BUSY Redis is busy running a script.\r\n",
        b"-NOPERM this user has no permissions to run the 'evalsha' command\r\n",
        b"-ERR max number of clients reached\r\n",
        b"-NOSCRIPT No matching script. Please use EVAL.\r\n",
        b"-MOVED 1234 127.0.0.1:7000\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b":many\r\n",
        b"+OK\r\n",
        b"$-1\r\n",
        b"*0\r\n",
        b"\xff\xfe\r\n",
    ],
)
def test_whatever_redis_answers_postgresql_counts(make: Make, told: Told, answer: bytes) -> None:
    with pretender(answer) as strange:
        ada = make(strange.url)
        assert guesses(ada) == [401, 401, 401, 429, 429]
        assert log_in(ada, "203.0.113.2").status == 200
    assert told() == [LOST]


def test_a_replica_that_takes_no_writes_is_no_loss(
    redis: RedisServer, make: Make, told: Told
) -> None:
    with redis.client() as client:
        client.replicaof("127.0.0.1", redis.port + 1)
    assert guesses(make(redis.url)) == [401, 401, 401, 429, 429]
    assert told() == [LOST]


def test_a_full_redis_is_no_loss(redis: RedisServer, make: Make, told: Told) -> None:
    with redis.client() as client:
        client.config_set("maxmemory", 1)
    assert guesses(make(redis.url)) == [401, 401, 401, 429, 429]
    assert told() == [LOST]


def test_a_redis_that_cannot_save_is_no_loss(make: Make, told: Told, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    with redis_server("--dir", str(folder), "--save", "3600", "1") as redis:
        ada = make(redis.url)
        rmtree(folder)
        with redis.client() as client:
            client.bgsave()
            eventually(lambda: client.info()["rdb_last_bgsave_status"] == "err", "it cannot save")
        assert guesses(ada) == [401, 401, 401, 429, 429]
    assert told() == [LOST]


def test_scripts_that_are_flushed_are_sent_again(
    redis: RedisServer, make: Make, told: Told
) -> None:
    ada = make(redis.url)
    assert guesses(ada, 2) == [401, 401]
    with redis.client() as client:
        client.script_flush()
    assert guesses(ada, 2) == [401, 429]
    assert told() == []


def test_a_restart_between_two_requests_is_not_noticed(
    redis: RedisServer, make: Make, told: Told
) -> None:
    ada = make(redis.url)
    log_in(ada, ADDRESS)
    redis.kill()
    redis.start()
    assert guesses(ada) == [401, 401, 401, 429, 429]
    assert told() == []


def test_a_password_opens_and_is_never_told(
    make: Make, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    with redis_server("--requirepass", "hunter2/é") as redis:
        right = f"redis://:hunter2%2F%C3%A9@127.0.0.1:{redis.port}/1"
        wrong = f"redis://playlist:hunter3@127.0.0.1:{redis.port}"
        assert guesses(make(right)) == [401, 401, 401, 429, 429]
        assert told() == []
        with redis.client("hunter2/é") as client:
            assert client.info()["db1"]["keys"] == 2
        for url in (wrong, redis.url):
            caplog.clear()
            assert log_in(make(url), ADDRESS).status == 200
            assert told() == [LOST]
            assert "hunter" not in caplog.text


def test_tls_is_verified(
    redis: RedisServer, make: Make, told: Told, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with with_tls(redis, context) as port:
        trusted = f"rediss://localhost:{port}?ssl_ca_certs={tmp_path}/ca.pem"
        assert guesses(make(trusted)) == [401, 401, 401, 429, 429]
        assert told() == []
        nobodys = f"rediss://localhost:{port}"
        others = trusted.replace("localhost", "127.0.0.1")
        no_file = trusted.replace("ca.pem", "cb.pem")
        without = f"redis://localhost:{port}"
        for url in (nobodys, others, no_file, without):
            caplog.clear()
            assert log_in(make(url), ADDRESS).status == 200
            assert told() == [LOST], url


def test_who_reads_the_log_learns_why_redis_is_away(
    redis: RedisServer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    redis.kill()
    log_in(make(redis.url), ADDRESS)
    assert "PostgreSQL keeps the limits: ConnectionError: Error 111" in caplog.text
    assert str(redis.port) in caplog.text


@pytest.mark.usefixtures("impatience")
def test_a_redis_without_tls_is_no_loss(redis: RedisServer, make: Make, told: Told) -> None:
    ada = make(redis.url.replace("redis", "rediss"))
    assert guesses(ada) == [401, 401, 401, 429, 429]
    assert told() == [LOST]


@contextmanager
def guessing(ada: Actor) -> Iterator[None]:
    """Be where a guess has been counted, and is not yet known to be right."""
    caller = {"REMOTE_ADDR": ADDRESS}
    with app_of(ada).test_request_context(environ_base=caller), guess(ada.email):
        yield


def test_what_postgresql_counted_is_given_back_to_it(redis: RedisServer, make: Make) -> None:
    ada = make(redis.url)
    redis.kill()
    with guessing(ada):
        redis.start()
        wait_no_longer(ada)
        log_in(ada, "203.0.113.2")
    redis.kill()
    assert guesses(ada) == [401, 401, 401, 429, 429]


def test_what_redis_counted_is_not_given_back_to_postgresql(
    redis: RedisServer, make: Make, told: Told
) -> None:
    ada = make(redis.url)
    redis.kill()
    assert guesses(ada) == [401, 401, 401, 429, 429]
    redis.start()
    wait_no_longer(ada)
    with guessing(ada):
        redis.kill()
    assert guesses(ada, 1) == [429]
    assert told() == [LOST, BACK, LOST]


def test_a_worker_opens_few_connections_whoever_waits(redis: RedisServer) -> None:
    limits, twenty = RedisLimits(redis.url), Limit(20, timedelta(hours=1))
    with ThreadPoolExecutor(40) as threads:
        waits = list(threads.map(lambda _: limits.charge("key", twenty), range(40)))
    assert Counter(wait == 0 for wait in waits) == {True: 20, False: 20}
    with redis.client() as client:
        assert 1 <= len(client.client_list()) - 1 <= POOL_SIZE


def test_health_is_not_redis_matter(make: Make) -> None:
    with pretender() as silent:
        ada = make(silent.url)
        assert call(ada.service, "GET", "/health").status == 200
        assert silent.connections == 0


def test_who_has_no_redis_does_not_load_its_client(database_url: str) -> None:
    script = "import sys, wsgi; sys.exit('redis' in sys.modules)"
    settings = environment(database_url)
    for url, loaded in [("", False), ("redis://localhost", True)]:
        settings["REDIS_URL"] = url
        process = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=settings, timeout=60)
        assert bool(process.returncode) == loaded


SAFE = {"SECRET_KEY": SECRET_KEY, "DATABASE_URL": "postgresql:///playlist"}


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://redis_1:6379/0",
        "redis://:secret@10.0.0.1:6379",
        "redis://playlist:se%2Fcret@[::1]:6379/15",
        "rediss://cache.example.com:6380/0?ssl_ca_certs=/etc/ssl/redis.pem",
    ],
)
def test_a_redis_url_is_kept_as_it_is(tmp_path: Path, url: str) -> None:
    assert load_settings({**SAFE, "REDIS_URL": url}, tmp_path).redis_url == url
    assert RedisLimits(url)


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "http://:hunter2@localhost",
        "unix:///hunter2",
        "redis://",
        "redis://:hunter2@",
        "redis://:hunter2@local host",
        "redis://:hunter2@localhost:port",
        "redis://:hunter2@localhost:0",
        "redis://:hunter2@localhost:65536",
        "redis://:hunter2@[hunter2]",
        "redis://:hunter2@[::::]",
        f"redis://:hunter2@{'x' * 64}",
        "redis://:hunter2@localhost/playlist",
        "redis://localhost?password=hunter2",
        "redis://localhost?ssl_ca_certs=hunter2",
        "redis://localhost?socket_timeout=9&x=hunter2",
        "rediss://:hunter2@localhost?ssl_cert_reqs=none",
        "rediss://:hunter2@localhost?ssl_ca_certs=/ca.pem&ssl_cert_reqs=none",
        "rediss://:hunter2@localhost?ssl_ca_certs=%00",
    ],
)
def test_an_unsafe_redis_url_stops_the_start_without_being_told(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="REDIS_URL must be redis://user") as refusal:
        load_settings({**SAFE, "REDIS_URL": url}, tmp_path)
    assert "hunter2" not in str(refusal.value)
