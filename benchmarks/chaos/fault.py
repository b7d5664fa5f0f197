"""What a fault is."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.chaos.clients import Load
from benchmarks.chaos.system import Scene, System

PLAIN = Scene()


@dataclass(frozen=True)
class Fault:
    """What is done, for how long, and what may come of it."""

    strike: Callable[[System, Load, float], None]
    """Does it, and returns when what failed is back."""
    seconds: float = 0
    """How long it lasts in the full run."""
    scene: Scene = PLAIN
    flawless: bool = False
    """Whether not one request may fail."""
    live: bool = True
    """Whether gunicorn's processes are there all the time."""
    crashes: int = 0
    """Restarts by the supervisor that the fault itself causes."""
    complaints: str = "(?!)"
    """What the service may complain of, as a regular expression."""
