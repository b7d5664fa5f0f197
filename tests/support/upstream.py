"""A server behind nginx that does as it is told, and keeps what it heard."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple

from werkzeug.datastructures import Headers

from tests.support.nginx import Nginx, nginx


class Heard(NamedTuple):
    """A request as it came from nginx."""

    method: str
    target: str
    headers: Headers
    body: bytes


class Handler(BaseHTTPRequestHandler):
    """Keeps each request, and has `Upstream.reply` answer it."""

    protocol_version = "HTTP/1.1"
    server: "Upstream"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def handle_request(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = Headers(self.headers.items())
        target = self.requestline.split()[1]  # `path` has no two slashes in front
        self.server.heard.append(Heard(self.command, target, headers, body))
        self.server.reply(self)

    # The names are http.server's.
    do_GET = do_HEAD = do_OPTIONS = handle_request  # noqa: N815
    do_POST = do_PUT = do_PATCH = do_DELETE = handle_request  # noqa: N815

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def ok(handler: Handler) -> None:
    """Answer 200."""
    handler.answer(200)


def hang_up(handler: Handler) -> None:
    """Answer nothing, as a worker that dies."""
    handler.close_connection = True


class Upstream(ThreadingHTTPServer):
    """Listens at an address of this machine; `heard` and `connections` tell what it got."""

    daemon_threads = True

    def __init__(self, reply: Callable[[Handler], object]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply = reply
        self.heard: list[Heard] = []
        self.connections = 0


@contextmanager
def upstream(reply: Callable[[Handler], object] = ok) -> Iterator[Upstream]:
    """Serve in a thread: every request is handed to `reply`."""
    with Upstream(reply) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        try:
            yield server
        finally:
            server.shutdown()


@contextmanager
def behind_nginx(reply: Callable[[Handler], object] = ok) -> Iterator[tuple[Upstream, Nginx]]:
    """Serve a stub behind nginx as it is shipped."""
    with upstream(reply) as stub, nginx(stub.server_port) as front:
        yield stub, front
