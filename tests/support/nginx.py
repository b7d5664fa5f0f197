"""nginx in front of gunicorn, as deploy/nginx.conf has it, with what tests send through it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

from werkzeug.datastructures import Headers

from dev import nginx as shipped
from dev.nginx import SHIPPED as SHIPPED
from dev.nginx import certify as certify
from dev.nginx import command as command
from dev.nginx import install as install
from dev.nginx import replace as replace
from tests.support.service import Answer


class Nginx(shipped.Nginx):
    """A running nginx."""

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        return exchange(self.connect(), method, path, body, headers)

    def send_plain(self, method: str, path: str, **headers: str) -> Answer:
        """Send a request without TLS."""
        plain = HTTPConnection("127.0.0.1", self.plain_port, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return exchange(plain, method, path, None, sent)


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
def nginx(*upstreams: int, prepare: Callable[[Path], object] = str) -> Iterator[Nginx]:
    """Run `dev.nginx.nginx`."""
    with shipped.nginx(*upstreams, prepare=prepare) as front:
        yield Nginx(**vars(front))
