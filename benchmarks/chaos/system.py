"""What is put to the test: nginx, gunicorns under a supervisor, PostgreSQL, and what is beside."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import make_url

from benchmarks.chaos.clock import clock_off
from benchmarks.chaos.database import ON_A_SMALL_DISK, OPTIONS, Database, database
from benchmarks.chaos.pgbouncer import Bouncer, pgbouncer
from benchmarks.chaos.relay import Relay, relay
from benchmarks.chaos.supervisor import Supervised, supervised
from tests.nginx import Nginx, nginx
from tests.service import environment


class LeftOut(Exception):
    """This machine cannot show it; the message says why."""


@dataclass(frozen=True)
class Scene:
    """What a fault needs: a number of gunicorns, and what is between and beside."""

    services: int = 1
    held: bool = True
    network: bool = False
    bouncer: bool = False
    silent_mail: bool = False
    disk: int = 0
    """Megabytes of a file system that is PostgreSQL's own."""
    database_clock: int = 0
    """By how many seconds PostgreSQL's clock is ahead."""
    instance_clock: int = 0
    """By how many seconds the first gunicorn's clock is ahead."""


@dataclass
class System:
    """Everything that runs."""

    folder: Path
    database: Database
    relay: Relay | None = None
    bouncer: Bouncer | None = None
    services: list[Supervised] = field(default_factory=list)
    front: Nginx = field(init=False)

    @property
    def service(self) -> Supervised:
        return self.services[0]


@contextmanager
def system(scene: Scene) -> Iterator[System]:
    """Start everything in a folder of its own.

    :raises LeftOut: when this machine lacks what the scene needs.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="playlist-chaos-")))
        folder.chmod(0o755)  # each PostgreSQL has a folder of its own, and another owner
        home = folder / "postgres"
        if scene.disk:
            stack.enter_context(small_disk(home, scene.disk))
        options = ON_A_SMALL_DISK if scene.disk else OPTIONS
        variables = _clock(scene.database_clock, folder)
        made = System(folder, stack.enter_context(database(home, variables, options)))
        settings = _beside(made, scene, stack)
        for number in range(scene.services):
            own = {} if number else _clock(scene.instance_clock, folder)
            one = supervised(folder / f"gunicorn{number}", {**settings, **own}, held=scene.held)
            made.services.append(stack.enter_context(one))
        made.front = stack.enter_context(nginx(*(each.port for each in made.services)))
        yield made


def _clock(ahead: int, folder: Path) -> Mapping[str, str]:
    if ahead and not shutil.which("cc"):
        raise LeftOut("there is no C compiler")
    return clock_off(ahead, folder) if ahead else {}


def _beside(made: System, scene: Scene, stack: ExitStack) -> Mapping[str, str]:
    url, more = make_url(made.database.url), {}
    if scene.network:
        made.relay = stack.enter_context(relay(made.database.socket))
        url = url.set(host="127.0.0.1", port=made.relay.port, query={})
    if scene.bouncer:
        if not shutil.which("pgbouncer"):
            raise LeftOut("PgBouncer is not installed")
        made.bouncer = stack.enter_context(pgbouncer(made.database))
        url = url.set(port=made.bouncer.port)
    if scene.silent_mail:
        mail = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = str(mail.getsockname()[1])
        more = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": port, "SMTP_TLS": "none"}
    given = environment(url.render_as_string(hide_password=False), TRUSTED_PROXIES="1", **more)
    return {**given, "WEB_CONCURRENCY": "2"}


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Mount a file system of so many megabytes on a folder."""
    if os.geteuid() != 0:
        raise LeftOut("only root may mount a small file system")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        raise LeftOut("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
