"""deploy/certificates.sh: certificates that clients believe, and that are made once."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
import trustme

from tests.support.service import ROOT

SCRIPT = ROOT / "deploy/certificates.sh"
NAMES = "DNS:postgres,DNS:localhost,IP:127.0.0.1"


def has_openssl() -> bool:
    if not shutil.which("openssl"):
        return False
    told = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True)
    return told.stdout.startswith("OpenSSL 3")


pytestmark = pytest.mark.skipif(not has_openssl(), reason="there is no OpenSSL 3")


class Certificates:
    """What the script keeps in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = folder / "trust/ca.crt"
        self.certificate, self.key = folder / "postgres/tls.crt", folder / "postgres/tls.key"

    def make(self, names: str = NAMES, server: str = "postgres") -> "Certificates":
        subprocess.run([SCRIPT, self.folder, server, names], check=True, capture_output=True)
        return self

    def content(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.folder.rglob("*.*")}

    def verify(self, name: str) -> str:
        """Return what a client that wants this name says; the key must be the certificate's."""
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key)
        checks = ["-x509_strict", "-purpose", "sslserver", "-CAfile", str(self.authority)]
        checks += ["-verify_ip" if name[0].isdigit() else "-verify_hostname", name]
        command = ["openssl", "verify", *checks, str(self.certificate)]
        told = subprocess.run(command, capture_output=True, text=True)
        return told.stdout if told.returncode == 0 else told.stderr


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "tls").make()


def test_clients_believe_a_certificate_for_its_names_alone(made: Certificates) -> None:
    for name in ("postgres", "localhost", "127.0.0.1"):
        assert made.verify(name).endswith("tls.crt: OK\n")
    assert "hostname mismatch" in made.verify("mail")


def test_keys_are_for_their_owners_eyes_alone(made: Certificates) -> None:
    """PostgreSQL starts with no other."""
    private = [made.key, made.folder / "authority/ca.key"]
    assert [path.stat().st_mode & 0o777 for path in private] == [0o600, 0o600]
    assert (made.folder / "authority").stat().st_mode & 0o777 == 0o700
    assert made.authority.stat().st_mode & 0o777 == 0o644
    public = {path.name for path in made.content()} - {path.name for path in private}
    assert public == {"ca.crt", "tls.crt"}


def test_what_is_good_is_kept_and_several_servers_share_an_authority(made: Certificates) -> None:
    before = made.content()
    made.make().make("DNS:localhost", "nginx")
    assert {path: path.read_bytes() for path in before} == before
    assert (made.folder / "nginx/tls.crt").exists()


@pytest.mark.parametrize(("days", "kept"), [(29, False), (32, True)])
def test_a_certificate_is_renewed_before_it_expires(
    made: Certificates, days: int, kept: bool
) -> None:
    signed: list[str | Path] = ["openssl", "req", "-x509", "-key", made.key, "-days", str(days)]
    signed += ["-CA", made.authority, "-CAkey", made.folder / "authority/ca.key"]
    signed += ["-subj", "/CN=postgres", "-addext", f"subjectAltName={NAMES}"]
    subprocess.run([*signed, "-out", made.certificate], check=True)
    before = made.content()
    made.make()
    assert (made.content() == before) == kept


def test_a_certificate_is_made_anew_for_other_names_or_if_one_is_missing(
    made: Certificates,
) -> None:
    assert made.make("DNS:db.example.com").verify("db.example.com").endswith("OK\n")
    made.certificate.unlink()
    assert made.make().verify("postgres").endswith("OK\n")


def test_what_another_authority_has_signed_is_left_alone(made: Certificates) -> None:
    another = trustme.CA().issue_cert("api.example.com")
    another.cert_chain_pems[0].write_to_path(str(made.certificate))
    another.private_key_pem.write_to_path(str(made.key))
    before = made.content()
    assert made.make().content() == before


def test_without_names_it_says_what_it_wants(tmp_path: Path) -> None:
    told = subprocess.run([SCRIPT, tmp_path], capture_output=True, text=True)
    assert (told.returncode, told.stderr[:5]) == (2, "usage")
    assert not list(tmp_path.iterdir())
