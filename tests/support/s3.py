"""A real server of S3 on loopback: moto's."""

import http.client
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.processes import eventually
from tests.support.service import free_port

MOTO = Path(sys.executable).with_name("moto_server")
REGION = "us-east-1"


@dataclass(frozen=True)
class S3:
    """A server, and how AWS's variables name it."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
        }

    def make_bucket(self, name: str) -> None:
        assert self.ask("PUT", f"/{name}")[0] == 200

    def check_credentials(self) -> None:
        """Refuse unknown ones from now on."""
        assert self.ask("POST", "/moto-api/reset-auth", b"0")[0] == 200

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Send a request of S3's or moto's own."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            host = {"Host": f"s3.{REGION}.amazonaws.com"}
            connection.request(method, path, body, host if body is None else {})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(timeout=20)


@contextmanager
def s3() -> Iterator[S3]:
    """Serve until the context ends."""
    port = free_port()
    process = subprocess.Popen(
        [MOTO, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = S3(port, process)
    try:
        eventually(lambda: _is_up(server), "moto is up")
        yield server
    finally:
        server.stop()


def _is_up(server: S3) -> bool:
    assert server.process.poll() is None
    try:
        return server.ask("GET", "/moto-api/data.json")[0] == 200
    except OSError:
        return False
