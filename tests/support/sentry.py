"""A server that takes what Sentry's SDK sends, on loopback."""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import brotli  # type: ignore[import-untyped]

DECOMPRESSORS: dict[str | None, Callable[[bytes], bytes]] = {
    None: bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,  # which the SDK prefers where it finds the library
}


@dataclass
class Sentry:
    """What was sent there: all of it, and the events in it."""

    dsn: str
    received: list[bytes] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        """An envelope is lines of JSON, of which the third is the event."""
        return [json.loads(envelope.splitlines()[2]) for envelope in self.received]


@contextmanager
def sentry() -> Iterator[Sentry]:
    """Listen until the context ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            decompress = DECOMPRESSORS[self.headers["Content-Encoding"]]
            listener.received.append(decompress(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        listener = Sentry(f"http://key@127.0.0.1:{server.server_address[1]}/1")
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield listener
        finally:
            server.shutdown()
            thread.join()
