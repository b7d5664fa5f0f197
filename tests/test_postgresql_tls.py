"""TLS between the service and PostgreSQL, as `sslmode=verify-full` promises it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from playlist_api.app import create_app
from playlist_api.db.engine import db
from tests.roles import APP, FOLDER, OWNER, ask, migrate
from tests.secure_postgres import WITH_CERTIFICATE, SecurePostgres, secure_postgres, write
from tests.service import Actor, InProcess, call, environment, gunicorn, sign_up
from tests.waiting import eventually

AUTHORIZED = re.compile(r"connection authorized: user=(playlist_\w+) (.*)")
BOTH_SECRET = """
    SELECT count(DISTINCT query ~ 'EXECUTE|PREPARE') = 2 AND bool_and(ssl)
    FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL
"""


@pytest.fixture(scope="module")
def server() -> Iterator[SecurePostgres]:
    """The server, whose tables were made by TLS."""
    with secure_postgres() as server:
        migrate(server.url(OWNER))
        yield server


@pytest.fixture
def ada(server: SecurePostgres) -> Iterator[Actor]:
    """Somebody who has signed up at a service that is connected as it should be."""
    with application(server.url()) as service:
        yield sign_up(service)


@contextmanager
def application(url: str) -> Iterator[InProcess]:
    app = create_app(environment(url))
    yield InProcess(app)
    with app.app_context():
        db.engine.dispose()


def test_whatever_connects_does_so_by_tls(server: SecurePostgres, tmp_path: Path) -> None:
    with gunicorn(tmp_path / "log", environment(server.url())) as service:
        ada = sign_up(service)
        ada.add_movie()
        assert ada.get("/movies").json["meta"]["total"] == 1
        assert ada.patch("/me", {"name": "Bob"}).status == 200
        assert ask(server.superuser, BOTH_SECRET) is True
    came = AUTHORIZED.findall(server.log())
    assert {role for role, _ in came} == {APP, OWNER}
    assert all("SSL enabled (protocol=TLSv1.3, " in how for _, how in came)


def test_connections_by_tls_are_kept(server: SecurePostgres, ada: Actor) -> None:
    def connected() -> int:
        return len(AUTHORIZED.findall(server.log()))

    ada.get("/movies")
    ada.get("/health")
    before = connected()
    for _ in range(3):
        ada.get("/movies")
        ada.get("/health")
    assert connected() == before


def refusal(url: str, actor: Actor, caplog: pytest.LogCaptureFixture) -> str:
    """Have both kinds of connections refused, and return what the log says to it."""
    caplog.clear()
    with application(url) as service:
        answers = [
            call(service, "GET", "/health"),
            call(service, "GET", "/movies", token=actor.token),
        ]
    assert [answer.status for answer in answers] == [503, 503]
    assert {answer.error["code"] for answer in answers} == {"SERVICE_UNAVAILABLE"}
    said, same = [line for line in caplog.messages if line.startswith("The database is away: ")]
    assert said.partition("\n")[0] == same.partition("\n")[0]
    return said


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sslrootcert": "{folder}/other.crt"}, "certificate verify failed"),
        ({"sslrootcert": "{folder}/none.crt"}, 'none.crt" does not exist'),
        ({"host": "127.0.0.1"}, '"localhost" does not match host name "127.0.0.1"'),
        ({"sslmode": "disable"}, "no pg_hba.conf entry for host .* no encryption"),
    ],
)
def test_what_cannot_be_trusted_is_away_and_the_log_says_why(
    server: SecurePostgres,
    ada: Actor,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, str],
    reason: str,
) -> None:
    write(server.folder / "other.crt", trustme.CA().cert_pem)
    changes = {name: value.format(folder=server.folder) for name, value in changes.items()}
    assert re.search(reason, refusal(server.url(**changes), ada, caplog))


def test_an_expired_certificate_is_refused_until_it_is_renewed_without_a_restart(
    server: SecurePostgres, ada: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    def health() -> int:
        with application(server.url()) as service:
            return call(service, "GET", "/health").status

    assert ada.get("/health").status == 200
    server.present(until=datetime(2026, 1, 1, tzinfo=UTC))
    try:
        eventually(lambda: health() == 503, "the server shows the expired certificate")
        assert "certificate verify failed" in refusal(server.url(), ada, caplog)
        assert ada.get("/health").status == 200  # on the connection that it has
    finally:
        server.present()
    eventually(lambda: health() == 200, "the server shows a good certificate")


def test_migrating_ends_with_a_sentence_when_the_certificate_cannot_be_trusted(
    server: SecurePostgres, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SystemExit, match="1"):
        migrate(server.url(OWNER, "127.0.0.1"))
    (said,) = (line for line in caplog.messages if line.startswith("Error: "))
    assert said.startswith("Error: The database is away: ")
    assert 'does not match host name "127.0.0.1"' in said


def test_the_server_may_ask_for_a_client_s_certificate(
    server: SecurePostgres, ada: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = server.ca.issue_cert("app.example.com", common_name=APP)
    files = {
        "sslcert": str(write(server.folder / "app.crt", *certificate.cert_chain_pems)),
        "sslkey": str(write(server.folder / "app.key", certificate.private_key_pem)),
    }
    server.admit(WITH_CERTIFICATE)
    try:
        said = eventually(lambda: refusal(server.url(), ada, caplog), "it asks for one")
        assert "connection requires a valid client certificate" in said
        with application(server.url(**files)) as service:
            assert call(service, "GET", "/health").status == 200
            assert call(service, "GET", "/movies", token=ada.token).status == 200
    finally:
        server.admit((FOLDER / "pg_hba.conf").read_text())
