"""How the service is served. Settings come from the environment: HOST, PORT, WEB_CONCURRENCY.

Each setting is explained at https://docs.gunicorn.org/en/stable/settings.html.
"""

import gc
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

# The workers share their metrics there. It must be set before they are imported; a reload or an
# upgrade of the server keeps it.
METRICS = "PROMETHEUS_MULTIPROC_DIR"
if METRICS not in os.environ:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    os.environ[METRICS] = tempfile.mkdtemp(prefix="playlist-metrics-", dir=memory)

from prometheus_client.multiprocess import mark_process_dead

from playlist_api.ops.logs import logging_config
from playlist_api.server.worker import ErrorLogger, KeepAliveWorker

host = (os.environ.get("HOST") or "127.0.0.1").strip("[]")
port = os.environ.get("PORT") or "3001"
bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = KeepAliveWorker
# At most 163 requests work or wait in bulkheads or for slow clients: 32 with a connection, 16 for
# changes, 8 for searches, 21 for passwords, 9 and 16 for pictures to re-encode and to store, 8 for
# imports, 8 for exports, 5 for metrics, 8 for large bodies and 32 for slow clients. 29 threads stay
# free.
threads = 192
# Most systems allow a process 1,024 open files. Beyond 800, idle connections give way to new ones.
worker_connections = 800
sendfile = False  # it has no time-out for slow clients
# Seconds, more than deploy/nginx.conf keeps an idle connection: otherwise a connection may be
# closed just as a POST is sent on it, which nginx does not repeat.
keepalive = 30
graceful_timeout = 30  # nginx waits no longer for an answer

# One import for all workers: they share its memory, and bad settings stop the start at once.
preload_app = True

logconfig_dict = logging_config(os.environ.get("LOG_FORMAT", "json"))
loglevel = os.environ.get("LOG_LEVEL") or "info"
logger_class = ErrorLogger
control_socket_disable = True  # it would be a file in the user's home
# gunicorn's maximum. A link to the next page can have 4,500 characters: the longest search and the
# longest title, in letters of four bytes.
limit_request_line = 8190
forwarder_headers = ""  # no client may set SCRIPT_NAME or PATH_INFO
# Nor the scheme: TRUSTED_PROXIES decides who may.
secure_scheme_headers: dict[str, str] = {}


def on_starting(_: object) -> None:
    """Let the workers share imported objects, which garbage collection would make each copy."""
    gc.collect()
    gc.freeze()


def child_exit(_: object, worker: Any) -> None:
    """Remove the gauges of a worker that is gone."""
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(arbiter: Any) -> None:
    """Delete the metrics, unless a newer server goes on with them."""
    if not arbiter.reexec_pid:
        for file in Path(os.environ[METRICS]).glob("*.db"):
            file.unlink()
        with suppress(OSError):
            Path(os.environ[METRICS]).rmdir()
