"""Nasty inputs for every field that the service knows, made from its OpenAPI document.

A place is where a client's bytes end up: a field of a body, a parameter, a header, a cell of a
file. A family is a way to fill a place: a run of something, behind and before something valid.
Nothing here names a field, so that a new one is covered as soon as the document has it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import quote

from benchmarks.cost.budgets import LINE, OTHER, budget_of
from playlist_api.transfer.readers import COLUMNS, FORMATS

MARK = "<value>"
"""Stands where the nasty value goes."""

NUMBER = "NNNNNN"
"""In a unit: a number that is another one each time."""


@dataclass(frozen=True)
class Request:
    """What is sent. The measuring process adds the tokens, and the id of a movie that exists."""

    call: str
    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    security: tuple[str, ...] = ()


class Family(NamedTuple):
    """A run of a unit, what is around it, and what closes it as often as it was opened."""

    name: str
    unit: str | bytes
    before: str | bytes = ""
    after: str | bytes = ""
    close: str | bytes = ""
    raw: bool = False
    """Whether it is JSON itself, and no text to be quoted."""


UNITS = (
    *"a70 \u00a0\t\0.-_/\\\"'[{<%&=;,:@",
    *("\r\n", "%41", "a.", "a,", '"a", ', "a=1; ", "a ", f"a{NUMBER} ", "=?utf-8?q?a?="),
    *("\u0301\u0323", "a\u0323\u0301"),  # combining marks, alone and on letters
    *"\ufdfa\u0390",  # eighteen characters in NFKC, three in lower case without their marks
    *("\ud800", "\u200d", "\u202e\u05d0"),  # a surrogate, a joiner of zero width, right-to-left
    *("\U0001f469\u200d\U0001f467", "\U00020000"),  # an emoji sequence, a letter of four bytes
)

SHAPES = {
    "alone": ("", ""),
    "between letters": ("a", "b"),
    "in a host": ("http://", ""),
    "in a path": ("http://a.de/", "\\"),
    "before an @": ("", "@x.de"),
    "behind an @": ("a@", "b"),
    "in a picture": ("data:image/png;base64,", ""),
    "in a number": ("1", ".0"),
    "as a formula": ("=", ")"),
    "behind what is valid": (MARK, ""),
    "before what is valid": ("", MARK),
}

TEXTS = {
    unit: [Family(f"{unit!a} {shape}", unit, *around) for shape, around in SHAPES.items()]
    for unit in UNITS
}

JSON_VALUES = [
    Family("a number of digits", "7", raw=True),
    Family("a fraction of digits", "7", "0.", raw=True),
    Family("an exponent of digits", "7", "1e", raw=True),
    Family("nested arrays", "[", close="]", raw=True),
    Family("nested objects", '{"a":', "", "0", close="}", raw=True),
    Family("arrays that never end", "[", raw=True),
    Family("many items", "0,", "[", "0]", raw=True),
    Family("many texts", '"aNNNNNN",', "[", "0]", raw=True),
    Family("many arrays", "[],", "[", "[]]", raw=True),
    Family("many objects", "{},", "[", "{}]", raw=True),
    Family("many keys", '"aNNNNNN":0,', "{", '"a":0}', raw=True),
    Family("one key", '"title":0,', "{", '"title":0}', raw=True),
    Family("a long key", "a", '{"', '":0}', raw=True),
    Family("escapes", "\\u0301", '"', '"', raw=True),
    Family("escapes of pairs", "\\ud83d\\ude00", '"', '"', raw=True),
    Family("backslashes that never end", "\\\\", '"', raw=True),
    Family("spaces", " ", "0", raw=True),
    Family("letters behind one of four bytes", "a", '"\U00020000', '"', raw=True),
    Family("a picture and wider letters", "a", '["data:', '","\u00e9\u4e00\U00020000"]', raw=True),
    Family("a picture with a wide letter", "a", '"data:\U00020000', '"', raw=True),
    Family("a picture with an escape", "a", '"data:\\ud83d\\ude00', '"', raw=True),
    Family("a picture behind a quote", "a", '"\U00020000\\"data:', '"', raw=True),
    Family("many pictures", '"data:",', '["\U00020000",', '"data:"]', raw=True),
]

QUERIES = [
    Family(f"raw {unit}", unit)
    for unit in ("&", "a&", "a=1&", "=", "aNNNNNN=1&", "page=1&", "%", "%2", "%ff=&", "+", ";", "?")
]

PATHS = [Family(f"raw {unit}", unit, raw=True) for unit in ("/", "/a", "../", "%2f", "%ff", "%")]

FILES = [
    *(Family(f"a header of {unit!a}", unit, "title,") for unit in UNITS),
    Family("columns", "aNNNNNN,", "title,", "\nHeat,1995\n"),
    Family("columns of one name", "title,", "", "\nHeat,1995\n"),
    Family("cells", "a,", "title,year\n", "\n"),
    Family("empty cells", ",", "title,year\n", "\n"),
    Family("rows", "aNNNNNN,1995\n", "title,year\n"),
    Family("rows of one movie", "Heat,1995\n", "title,year\n"),
    Family("rows with quotes", '"a""NNNNNN",1995\n', "title,year\n"),
    Family("rows that are refused", ",x\n", "title,year\n"),
    Family("rows of one letter", "a\n", "title\n"),
    Family("rows of spaces", " ,\n", "title,year\n"),
    Family("empty rows", "\n", "title,year\n"),
    Family("empty rows of Windows", "\r\n", "title,year\r\n"),
    Family("rows without a header", "aNNNNNN,b;c\td\n"),
    Family("a quote that never ends", "a\n", 'title,year\n"'),
    Family("quotes", '"', "title,year\n"),
    Family("Western text", b"\xe9", b"title\n"),
    Family("Western rows", "\u00e9a\n".encode("latin-1"), b"title\n"),
    Family("bytes of no encoding", b"\x81\x8d\xff\n", b"title\n"),
    Family("a late byte of no encoding", b"a\n", b"title\n", b"\x81\xff"),
    Family("UTF-16", "a\n".encode("utf-16-le"), b"\xff\xfe" + "title\n".encode("utf-16-le")),
    Family("UTF-32", "a\n".encode("utf-32-le"), b"\xff\xfe\0\0" + "title\n".encode("utf-32-le")),
    Family("NULs", b"\0", b"title\n"),
    Family("entries", '{"title":"aNNNNNN"},', "[", "{}]"),
    Family("entries of one movie", '{"title":"a"},', "[", "{}]"),
    Family("entries that are none", "0,", "[", "0]"),
    Family("lists", '"movies":[],', "{", '"a":0}'),
    Family("spaces before an entry", " ", "[", "{}]"),
    *(family._replace(name=f"JSON: {family.name}") for family in JSON_VALUES),
]

KEYS = (
    Family("keys", '"aNNNNNN":0,', after='"a":0'),
    Family("spaces", " ", after='"a":0'),
)

HEADERS = {
    "Accept": "application/json",
    "Access-Control-Request-Headers": "authorization",
    "Access-Control-Request-Method": "POST",
    "Authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3ZjljMjRlOCJ9.c2lnbmF0dXJl",
    "Content-Type": "application/json; charset=utf-8",
    "Cookie": "refreshToken=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3ZjljMjRlOCJ9.c2lnbmF0dXJl",
    "Host": "localhost:3001",
    "If-Modified-Since": "Sat, 28 Nov 2026 10:00:00 GMT",
    "Origin": "http://localhost:3000",
    "Range": "bytes=0-1",
    "Traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "User-Agent": "curl/8.0",
    "X-Forwarded-For": "192.0.2.1, 198.51.100.1",
    "X-Request-ID": "3f2a9c1e-5b7d-4e8f-a6c0-d1e2f3a4b5c6",
}
"""What HTTP knows and any call may get, whatever the document says, with something valid."""

READ_ALIKE = HEADERS.keys() - {"Authorization", "Content-Type", "Cookie", "Origin"}
"""Those of them that mean the same whatever is called, tokens and bodies needed or not."""

NO_LINE = dict.fromkeys(map(ord, "\r\n\0"), " ")

PARTS = [
    Family("parts", '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'),
    Family("lines of a part's head", "a: b\r\n", "--b\r\n"),
    Family("a part's long head", "a", "--b\r\nContent-Disposition: "),
    Family("parameters", ";a=b", "--b\r\nContent-Disposition: form-data"),
    Family("quotes in a name", '\\"', '--b\r\nContent-Disposition: form-data; name="', '"\r\n\r\n'),
    Family("beginnings of boundaries", "\r\n--", "--b\r\n\r\n"),
    Family(
        "line feeds",
        "\n",
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n',
    ),
    Family(
        "carriage returns",
        "\r",
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n',
    ),
    Family("hyphens before any part", "-", ""),
]


def limit_of(request: Request) -> int:
    """Return how many bytes the body of a request may have."""
    return budget_of(request.call).bytes


@dataclass(frozen=True)
class Place:
    """Where a value goes: a request with a mark in it."""

    field: str
    request: Request
    limit: int
    write: Callable[[str], bytes]
    """Spells a text as it is sent here; the spelling of two texts is that of one after another."""
    example: str = ""
    longest: int | None = None
    """Characters that are accepted, if the document says so."""
    families: tuple[Family, ...] = ()
    """What this place is filled with besides texts."""
    texts: bool = True
    quote: bytes = b""
    takes_pictures: bool = False

    def fill(self, family: Family, times: int) -> Request:
        """Make the request whose value repeats the family's unit so often."""
        unit, before, after, close = self._spelt(family)
        run = unit * times
        if NUMBER.encode() in unit:
            numbers = (b"%06x" % number for number in range(times))
            run = b"".join(unit.replace(NUMBER.encode(), number) for number in numbers)
        around = b"" if family.raw else self.quote
        return self._send(around + before + run + after + close * times + around)

    def times(self, family: Family, size: int) -> int:
        """Return how often the unit is repeated in a request of about so many bytes."""
        unit, before, after, close = self._spelt(family)
        other = len(before) + len(after) + len(self.request.body)
        return max(1, (size - other) // len(unit + close))

    def accepted(self, family: Family) -> int:
        """Return how often the unit is repeated in the longest text that this place may have."""
        if self.longest is None or family.raw:
            return 0
        return (self.longest - len(family.before) - len(family.after)) // len(family.unit)

    def _spelt(self, family: Family) -> Iterator[bytes]:
        write = raw_text if family.raw else self.write
        for part in family[1:5]:
            yield part if isinstance(part, bytes) else write(part.replace(MARK, self.example))

    def _send(self, value: bytes) -> Request:
        """Put a value, as it is spelt, where the mark is."""
        text, made = value.decode("latin-1"), self.request
        return replace(
            made,
            path=made.path.replace(MARK, text),
            query=made.query.replace(MARK, text),
            headers=tuple((name, old.replace(MARK, text)) for name, old in made.headers),
            body=made.body.replace(MARK.encode(), value),
        )


def places(document: Any) -> Iterator[Place]:
    """Find every place of the calls in an OpenAPI document, and of the files that are imported."""
    kinds = set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            security = tuple(name for scheme in operation.get("security", ()) for name in scheme)
            request = Request(f"{method.upper()} {path}", method.upper(), path, security=security)
            contents = operation.get("requestBody", {}).get("content", {})
            for place in _places(document, request, operation, contents):
                # What reads a header is shared by all reads, and by all changes.
                kind = place.field, method == "get"
                if not place.field.startswith("header") or kind not in kinds:
                    kinds.add(kind)
                    yield place
            kind = str(security), "multipart/form-data" in contents
            if kind not in kinds:
                kinds.add(kind)
                if {} in operation.get("security", ()):  # or the first would end the session
                    request = replace(request, security=())
                yield from (_header(request, name, example) for name, example in HEADERS.items())
    other = Request(OTHER, "GET", f"/{MARK}")
    yield Place("path", other, LINE, address_text, "media/" + "a" * 64, families=tuple(PATHS))
    yield _query(replace(other, path="/"))


def _places(document: Any, request: Request, operation: Any, contents: Any) -> Iterator[Place]:
    if "multipart/form-data" in contents:
        added = document["paths"]["/movies"]["post"]["requestBody"]["content"]
        yield from _file_places(
            replace(request, query="dryRun=true"), added["application/json"]["example"]
        )
    elif "application/json" in contents:
        request = _json(request, contents["application/json"]["example"])
        yield from _json_places(document, request, contents["application/json"]["schema"])
    parameters = [_resolved(document, each) for each in operation["parameters"]]
    for parameter in parameters:
        name, schema, where = parameter["name"], parameter["schema"], parameter["in"]
        example = str([*schema.get("examples", ()), parameter.get("example", "")][0])
        if where == "path":
            sent = replace(request, path=request.path.replace(f"{{{name}}}", MARK))
        else:
            sent = replace(request, query=f"{name}={MARK}")
        if where != "header":
            longest = schema.get("maxLength")
            yield Place(f"{where}.{name}", sent, LINE, address_text, example, longest)
        elif name not in HEADERS:
            yield _header(request, name, example)
    if any(parameter["in"] == "query" for parameter in parameters):
        yield _query(request)


def _query(request: Request) -> Place:
    sent = replace(request, query=MARK)
    return Place("query", sent, LINE, raw_text, families=tuple(QUERIES), texts=False)


def _header(request: Request, name: str, example: str) -> Place:
    others = (header for header in request.headers if header[0] != name)
    sent = replace(request, headers=(*others, (name, MARK)))
    return Place(f"header.{name}", sent, LINE, header_text, example)


def _resolved(document: Any, described: Any) -> Any:
    while "$ref" in described:
        _, _, kind, name = described["$ref"].split("/")
        described = document["components"][kind][name]
    return described


def _json(request: Request, body: Any) -> Request:
    content = json.dumps(body).replace(f'"{MARK}"', MARK).encode()
    return replace(request, headers=(("Content-Type", "application/json"),), body=content)


def json_text(text: str) -> bytes:
    """Write a text as JSON does between its quotes; surrogates can only be escaped."""
    lone = any("\ud800" <= character <= "\udfff" for character in text)
    return json.dumps(text, ensure_ascii=lone)[1:-1].encode()


def _json_places(document: Any, request: Request, schema: Any) -> Iterator[Place]:
    limit, values, example = limit_of(request), tuple(JSON_VALUES), json.loads(request.body)
    for path, leaf in _leaves(document, schema):
        yield Place(
            "body." + ".".join(path),
            _json(request, _marked(example, path)),
            limit,
            json_text,
            str(_at(example, path)),
            leaf.get("maxLength"),
            values,
            quote=b'"',
            takes_pictures="data:" in json.dumps(leaf),
        )
    whole = replace(request, body=MARK.encode())
    yield Place("body", whole, limit, raw_text, families=values, texts=False)
    more = replace(request, body=request.body[:-1] + f",{MARK}}}".encode())
    yield Place("body.*", more, limit, raw_text, families=KEYS, texts=False)


def _leaves(document: Any, schema: Any) -> Iterator[tuple[list[str], Any]]:
    for name, described in _resolved(document, schema).get("properties", {}).items():
        inner = list(_leaves(document, described))
        yield from (([name, *path], leaf) for path, leaf in inner)
        if not inner:
            yield [name], _resolved(document, described)


def _marked(example: Any, path: list[str]) -> Any:
    name, *rest = path
    return {**example, name: _marked(example.get(name, {}), rest) if rest else MARK}


def _at(example: Any, path: list[str]) -> Any:
    for name in path:
        example = example.get(name, "")
    return example


def raw_text(text: str) -> bytes:
    """Write a text as it is, surrogates included, which are no UTF-8."""
    return text.encode(errors="surrogatepass")


def csv_text(text: str) -> bytes:
    """Write a text as CSV does between its quotes."""
    return raw_text(text.replace('"', '""'))


def _file_places(request: Request, movie: dict[str, Any]) -> Iterator[Place]:
    limit = limit_of(request)
    for known in FORMATS:
        columns = sorted({*known.header, *{**COLUMNS, **known.columns}.values()})
        for column in columns:
            cells = [f'"{MARK}"' if each == column else "1995" for each in columns]
            content = f"{','.join(columns)}\n{','.join(cells)}\n".encode()
            field, cell = f"{known.name}.{column}", replace(request, body=content)
            yield Place(field, cell, limit, csv_text, "1995")
    for name, value in movie.items():
        body = _json(request, {"movies": [{**movie, name: MARK}]})
        yield Place(
            f"json.{name}", body, limit, json_text, str(value), None, tuple(JSON_VALUES), quote=b'"'
        )
    file = replace(request, body=MARK.encode())
    yield Place("file", file, limit, raw_text, families=tuple(FILES), texts=False)
    form = replace(file, headers=(("Content-Type", "multipart/form-data; boundary=b"),))
    yield Place("form", form, limit, raw_text, families=tuple(PARTS), texts=False)


def address_text(text: str) -> bytes:
    """Write a text as an address has it."""
    return quote(text, safe="", errors="surrogatepass").encode()


def header_text(text: str) -> bytes:
    """Write a text as a header has it, in which gunicorn lets nothing end the line."""
    return raw_text(text.translate(NO_LINE))
