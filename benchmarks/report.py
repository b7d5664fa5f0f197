"""Results as tables in Markdown."""

import os
import platform
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]], texts: int = 1) -> Iterator[str]:
    """Return the lines of a table; its first columns are texts, the others numbers."""
    yield line(head)
    yield line(["---"] * texts + ["---:"] * (len(head) - texts))
    yield from map(line, rows)


def line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def counted(counts: Counter[str]) -> str:
    """Return "12 x 503, 1 x no answer", or "0"."""
    return ", ".join(f"{number:,} x {name}" for name, number in counts.most_common()) or "0"


def machine() -> str:
    return f"{os.cpu_count()} CPUs, Python {platform.python_version()}"


def write(*lines: str) -> None:
    sys.stdout.write("".join(f"{each}\n" for each in lines))
    sys.stdout.flush()
