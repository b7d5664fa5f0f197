"""How the service is served. Settings come from the environment: HOST, PORT, WEB_CONCURRENCY.

Each setting is explained at https://docs.gunicorn.org/en/stable/settings.html.
"""

import gc
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

# Of the workers' figures: it must be known before they are imported. Who reloads or upgrades keeps
# it, and who starts anew counts anew.
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
# 16 use a connection, and 16 wait for one; 16 wait for other changes of their user's, 8 to search;
# 1 hashes a password, 1 draws a picture, 2 read a file, and 20, 8 and 6 wait for that; 8 store a
# picture, and 8 wait for that; 8 send an export; 1 writes metrics, and 4 wait for that; 8 wait to
# send a large body, and 32 for slow clients. 29 are left for all other requests.
threads = 192
# With what else a worker has open that is less than the 1,024 files that a process may have on most
# systems. Beyond that, idle connections are closed for new ones.
worker_connections = 800
sendfile = False  # it would wait for a slow client as long as that wants
# Seconds, more than deploy/nginx.conf keeps an idle connection: after gunicorn's own 2 it would
# close one just as a request is sent on it, and a POST is not sent again.
keepalive = 30
graceful_timeout = 30  # nginx waits no longer for an answer

# One import for all workers: they share its memory, and bad settings stop the start at once.
preload_app = True

logconfig_dict = logging_config(os.environ.get("LOG_FORMAT", "json"))
loglevel = os.environ.get("LOG_LEVEL") or "info"
logger_class = ErrorLogger
control_socket_disable = True  # it would be a file in the user's home
# The most that gunicorn can: with the longest search and a cursor at the longest title, in scripts
# of four bytes a letter, a link to the next page has some 4,500 characters.
limit_request_line = 8190
forwarder_headers = ""  # SCRIPT_NAME and PATH_INFO are not a client's to say
# Nor is the scheme: TRUSTED_PROXIES tells whom to believe.
secure_scheme_headers: dict[str, str] = {}


def on_starting(_: object) -> None:
    """Have the workers share what is imported: collecting garbage would have each copy it.

    It takes a while, in which nobody can have connected yet, and so nobody waits.
    """
    gc.collect()
    gc.freeze()


def child_exit(_: object, worker: Any) -> None:
    """Count nothing as in use by a worker that is gone."""
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(arbiter: Any) -> None:
    """Take the figures along, unless a newer server goes on with them."""
    if not arbiter.reexec_pid:
        for file in Path(os.environ[METRICS]).glob("*.db"):
            file.unlink()
        with suppress(OSError):
            Path(os.environ[METRICS]).rmdir()
