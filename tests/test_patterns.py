"""Every regular expression takes time that grows no faster than the text, however nasty that is.

The texts are pumped: a text that the expression describes, in which one part is repeated, and which
then ends in some other way.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import chain
from time import process_time
from types import ModuleType
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from marshmallow import Schema

from playlist_api.app import create_app
from tests.support.document import SETTINGS
from tests.test_architecture import MODULES, name_of

USES = {"fullmatch", "match", "search", "sub", "split", "findall"}
LENGTHS = 20, 200, 2000
"""Characters with which exponential, cubic and quadratic work each shows, and ends soon."""

WORTH_A_LOOK = 0.0005
LOOKS_AROUND = re.compile(r"\(\?<?[=!]")
"""What looks around looks at something that a whole text cannot have."""

GROWTH = 3
"""For twice the length: linear work has 2, quadratic work 4."""

Case = tuple[re.Pattern[Any], str]


def test_of_a_pattern_that_backtracks_this_is_told() -> None:
    assert superlinear(re.compile(r"([0-9]+)\.0+"), "sub")
    assert superlinear(re.compile(r"\s*[\t\r\n]\s*"), "sub")
    assert superlinear(re.compile(r"(a|a)*b"), "match")
    assert not superlinear(re.compile(r"([0-9]+)\.0+"), "fullmatch")
    assert not superlinear(re.compile(r"[a-z]+@"), "match")


@cache
def patterns() -> dict[str, Case]:
    """Find every pattern of the package, by where it is, and how it is used."""
    modules = {path: import_module(name_of(path)) for path in MODULES}
    trees = {path: ast.parse(path.read_text()) for path in MODULES}
    uses = defaultdict[str, set[str]](set)
    for tree in trees.values():
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)):
                    uses[name] |= {attr} & USES
    found = {}
    for path, tree in trees.items():
        for label, pattern, used in (
            *_written(tree, modules[path], uses),
            *_of_schemas(modules[path]),
        ):
            for use in sorted(used or {"match"}):
                found[f"{name_of(path)}:{label}.{use}"] = pattern, use
    for name, converter in create_app(SETTINGS).url_map.converters.items():
        found[f"<{name}>"] = re.compile(converter.regex), "fullmatch"
    return found


def _written(
    tree: ast.Module, module: ModuleType, uses: dict[str, set[str]]
) -> Iterator[tuple[str, re.Pattern[Any], set[str]]]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]):
                if isinstance(pattern := getattr(module, name, None), re.Pattern):
                    yield name, pattern, uses[name]
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=use), args=[first, *_]):
                if use in USES:
                    given = eval(compile(ast.Expression(first), "pattern", "eval"), vars(module))
                    yield f"line {node.lineno}", re.compile(given), {use}


def _of_schemas(module: ModuleType) -> Iterator[tuple[str, re.Pattern[Any], set[str]]]:
    for schema in vars(module).values():
        for name, field in schema.fields.items() if isinstance(schema, Schema) else ():
            for validator in field.validators:
                attributes = {**vars(type(validator)), **getattr(validator, "__dict__", {})}
                for key, value in attributes.items():
                    if isinstance(value, re.Pattern):
                        yield f"{type(schema).__name__}.{name}.{key}", value, {"match"}


@pytest.mark.parametrize("where", sorted(patterns()))
def test_patterns_are_linear(where: str) -> None:
    pattern, use = patterns()[where]
    assert not superlinear(pattern, use), pattern.pattern


def superlinear(pattern: re.Pattern[Any], use: str) -> str:
    """Describe a text for which a pattern takes too long, if there is one."""
    texts = _described(pattern)
    for text in texts:
        for end in range(len(text)):  # One by one, for exponential work must be seen in time.
            if _seconds(pattern, use, text[:end] + "\0") > 10 * WORTH_A_LOOK:
                return f"{text[:end]!r} and no more"
    for before, pump, after in set(chain(*map(_pumped, texts))):
        for length in LENGTHS:
            half, whole = (
                before + pump * ((size - len(before + after)) // len(pump)) + after
                for size in (length // 2, length)
            )
            if _seconds(pattern, use, whole) > WORTH_A_LOOK:
                took = [
                    min(_seconds(pattern, use, each) for _ in range(3)) for each in (half, whole)
                ]
                if took[1] > max(WORTH_A_LOOK, GROWTH * took[0]):
                    return f"{before!r}, {pump!r} many times, and {after!r}: {took} seconds"
    return ""


def _seconds(pattern: re.Pattern[Any], use: str, text: Any) -> float:
    if isinstance(pattern.pattern, bytes):
        text = text.encode("latin-1", "replace")
    arguments = (text[:0], text) if use == "sub" else (text,)
    started = process_time()
    getattr(pattern, use)(*arguments)
    return process_time() - started


def _described(pattern: re.Pattern[Any]) -> set[str]:
    described: set[str] = set()
    source = (
        pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    )

    @settings(
        max_examples=15, derandomize=True, database=None, deadline=None, phases=[Phase.generate]
    )
    @given(st.from_regex(pattern, fullmatch=not LOOKS_AROUND.search(source)))
    def collect(text: Any) -> None:
        described.add(text[:24] if isinstance(text, str) else text[:24].decode("latin-1"))

    collect()
    return described


def _pumped(text: str) -> Iterator[tuple[str, str, str]]:
    for start in range(len(text)):
        # Parts of one and two characters, and of any length from the beginning on.
        for end in {start + 1, start + 2} | set(range(1, 0 if start else len(text))):
            for after in ("", "\0", text[end:] + "\0"):
                yield text[:start], text[start:end], after
