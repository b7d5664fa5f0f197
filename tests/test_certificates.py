"""deploy/certificates.sh: certificates that clients believe, and that are made once."""

import shutil
import socket
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
import trustme

from tests.service import ROOT

OPENSSL = shutil.which("openssl") or ""
NAMES = "DNS:postgres,DNS:localhost,IP:127.0.0.1"


def has_openssl() -> bool:
    if not OPENSSL:
        return False
    told = subprocess.run([OPENSSL, "version"], capture_output=True, text=True, check=True)
    return told.stdout.startswith("OpenSSL 3")


pytestmark = pytest.mark.skipif(not has_openssl(), reason="there is no OpenSSL 3")


class Certificates:
    """What the script keeps in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = folder / "trust/ca.crt"
        self.certificate, self.key = (
            folder / "postgres" / f"tls.{kind}" for kind in ("crt", "key")
        )

    def make(self, names: str = NAMES, server: str = "postgres") -> "Certificates":
        script = ROOT / "deploy/certificates.sh"
        subprocess.run([script, self.folder, server, names], check=True, capture_output=True)
        return self

    def sign(self, days: int) -> None:
        """Have the authority sign another certificate, for so many days."""
        command: list[str | Path] = [OPENSSL, "req", "-x509", "-key", self.key, "-days", str(days)]
        command += ["-CA", self.authority, "-CAkey", self.folder / "authority/ca.key"]
        command += ["-subj", "/CN=postgres", "-addext", f"subjectAltName={NAMES}"]
        subprocess.run([*command, "-out", self.certificate], check=True)


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "tls").make()


def shake_hands(made: Certificates, name: str) -> None:
    """Connect to a server with the certificate, as a client that wants this name."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(made.certificate, made.key)
    asking = ssl.create_default_context(cafile=str(made.authority))
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs, suppress(ssl.SSLError), serving.wrap_socket(theirs, server_side=True):
            pass

    thread = Thread(target=serve)
    thread.start()
    try:
        with ours, asking.wrap_socket(ours, server_hostname=name):
            pass
    finally:
        thread.join()


@pytest.mark.parametrize("name", ["postgres", "localhost", "127.0.0.1"])
def test_clients_believe_a_certificate_for_its_names(made: Certificates, name: str) -> None:
    shake_hands(made, name)


def test_clients_believe_it_for_no_other_name(made: Certificates) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for 'mail'"):
        shake_hands(made, "mail")


def test_keys_are_for_their_owners_eyes_alone(made: Certificates) -> None:
    """PostgreSQL starts with no other."""
    private = [made.key, made.folder / "authority/ca.key"]
    assert [path.stat().st_mode & 0o777 for path in private] == [0o600, 0o600]
    assert (made.folder / "authority").stat().st_mode & 0o777 == 0o700
    assert made.authority.stat().st_mode & 0o777 == 0o644
    assert {path.name for path in made.folder.rglob("*.*")} == {
        "ca.crt",
        "ca.key",
        "tls.crt",
        "tls.key",
    }


def test_what_is_good_is_kept_and_several_servers_share_an_authority(made: Certificates) -> None:
    before = {path: path.read_bytes() for path in made.folder.rglob("*.*")}
    made.make().make("DNS:localhost", "nginx")
    assert {path: path.read_bytes() for path in before} == before
    assert (made.folder / "nginx/tls.crt").exists()


@pytest.mark.parametrize(("days", "kept"), [(29, False), (32, True)])
def test_a_certificate_is_renewed_before_it_expires(
    made: Certificates, days: int, kept: bool
) -> None:
    made.sign(days)
    before = made.certificate.read_bytes()
    made.make()
    assert (made.certificate.read_bytes() == before) == kept


def test_a_certificate_is_made_anew_for_other_names(made: Certificates) -> None:
    made.make("DNS:db.example.com")
    shake_hands(made, "db.example.com")


def test_what_another_authority_has_signed_is_left_alone(made: Certificates) -> None:
    another = trustme.CA().issue_cert("api.example.com")
    another.cert_chain_pems[0].write_to_path(str(made.certificate))
    another.private_key_pem.write_to_path(str(made.key))
    before = made.certificate.read_bytes(), made.key.read_bytes()
    made.make()
    assert (made.certificate.read_bytes(), made.key.read_bytes()) == before


def test_who_is_interrupted_begins_anew(made: Certificates) -> None:
    made.certificate.unlink()
    shake_hands(made.make(), "postgres")


def test_without_names_it_says_what_it_wants(tmp_path: Path) -> None:
    told = subprocess.run(
        [ROOT / "deploy/certificates.sh", tmp_path], capture_output=True, text=True
    )
    assert (told.returncode, told.stderr.split("\n")[0][:5]) == (2, "usage")
    assert not list(tmp_path.iterdir())
