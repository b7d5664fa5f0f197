"""Every known way to make such a service stumble, each with the exact answer that it gets."""

import gc
import io
import json
import weakref
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from marshmallow import ValidationError

from playlist_api.api.fields import load
from playlist_api.app import MAX_BODY
from playlist_api.movies.cursors import SORTS, Cursor, encode_cursor
from playlist_api.movies.routes import MAX_MOVIE_BODY
from playlist_api.movies.schemas import new_movie_schema
from tests.support.service import JSON, PASSWORD, Actor, Answer, call, log_in

GOOD_SIGN_UP = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
GOOD_LOG_IN = {"email": "ada@example.com", "password": PASSWORD}
GOOD_MOVIE = {"title": "Heat"}


@dataclass(frozen=True)
class Route:
    """A route that takes a JSON object, and one that it would accept."""

    method: str
    path: str
    good: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


SIGN_UP = Route("POST", "/auth/signup", GOOD_SIGN_UP)
LOG_IN = Route("POST", "/auth/login", GOOD_LOG_IN)
FORGOT = Route("POST", "/auth/password/forgot", {"email": "ada@example.com"})
CHANGE = Route("PATCH", "/me", {"email": "ada@example.com", "currentPassword": PASSWORD})
RENAME = Route("PATCH", "/me", {"name": "Ada"})
NEW_PASSWORD = {"currentPassword": PASSWORD, "newPassword": "another horse battery"}
CHANGE_PASSWORD = Route("PUT", "/auth/password", NEW_PASSWORD)
LEAVE = Route("DELETE", "/me", {"currentPassword": PASSWORD})
# Nobody has this movie: what is wrong with the body is told before that.
MOVIE_ROUTES = [
    Route("POST", "/movies", GOOD_MOVIE),
    Route("PUT", "/movies/99999999999999999999", GOOD_MOVIE),
    Route("PATCH", "/movies/99999999999999999999", GOOD_MOVIE),
]
BODY_ROUTES = [SIGN_UP, LOG_IN, *MOVIE_ROUTES]

NO_JSON_OBJECT: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n\t",
    "an array": b"[]",
    "an array of objects": b'[{"title": "Heat"}]',
    "null": b"null",
    "true": b"true",
    "a number": b"1",
    "a string": b'"x"',
    "a word": b"x",
    "cut off": b'{"title": "Heat"',
    "cut off in a string": b'{"title": "He',
    "with a comma at the end": b'{"title": "Heat",}',
    "with single quotes": b"{'title': 'Heat'}",
    "with a comment": b'{"title": "Heat"} // best',
    "twice": b'{"title": "Heat"}{"title": "Heat"}',
    "with a raw newline": b'{"title": "He\nat"}',
    "with a raw NUL": b'{"title": "He\0at"}',
    "NUL": b"\0",
    "NaN": b'{"title": "Heat", "rating": NaN}',
    "Infinity": b'{"title": "Heat", "rating": Infinity}',
    "-Infinity": b'{"title": "Heat", "rating": -Infinity}',
    "a number of 5,000 digits": b'{"title": "Heat", "rating": ' + b"9" * 5000 + b"}",
    "not UTF-8": b'{"title": "H\xe9at"}',
    "UTF-8 cut off": b'{"title": "Heat\xe2\x82"}',
    "an overlong encoding": b'{"title": "\xc0\x80"}',
    "a surrogate in UTF-8": b'{"title": "\xed\xa0\x80"}',
    "UTF-8 with a byte order mark": b'\xef\xbb\xbf{"title": "Heat"}',
    "UTF-16": '{"title": "Heat"}'.encode("utf-16"),
    "UTF-16 without a byte order mark": '{"title": "Heat"}'.encode("utf-16-le"),
    "UTF-32": '{"title": "Heat"}'.encode("utf-32"),
    "arrays nested 10,000 deep": b"[" * 10_000 + b"]" * 10_000,
    "objects nested 10,000 deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a field nested 10,000 deep": b'{"title":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "never closed": b"[" * 60_000,
    "XML": b"<movie><title>Heat</title></movie>",
    "a form": b"title=Heat&year=1995",
    "zipped": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
}

OTHER_MEDIA_TYPES = [
    *("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"),
    *("text/json", "application/xml", "application/jsonp", "application/octet-stream"),
    *("nonsense", "application/json+x", ""),
]

NO_STRINGS = [0, 1, -1.5, 1e308, True, False, [], ["x"], {}, {"x": "y"}]

UNCLEAN = [
    *(f"a{character}b" for character in "\0\x01\x07\x08\t\n\x0b\x0c\r\x1b\x1f\x7f\x80\x85\x9f"),
    *("\0", "\0abcdefgh", "abcdefgh\0", "abcdefgh\x1f", "\x85abcdefgh"),
    *("a\ud800b", "\udc00", "abcdefgh\udfff", "\udc00\ud800", "\udbff\udbff abc"),
]

NO_EMAILS = [
    *("", " ", "ada example.com", "ada@exam ple.com", "a da@example.com", "Ada <ada@example.com>", "ada@example.com, bob@example.com"),
    *"x @ ada@ @example.com ada@example ada@@example.com ada@.com ada@example..com .ada@example.com ada..b@example.com".split(),
    *"ada@-example.com ada@example.com,bob@example.com <ada@example.com> ada@example.com. mailto:ada@example.com ada@exam_ple.com".split(),
    *("a" * 250 + "@example.com", "a" * 60_000, "ada\u00a0b@example.com"),
    # Nothing of these can be seen.
    *("ada\u034f@example.com", "\u3164@example.com", "a\u2800@example.com", "a\ufe0f@example.com"),
    *"=?utf-8?q?victim?=@example.com =?utf-8?q?=00?=@example.com a.=?x?b?YQ==?=@x.example ada,bob@example.com ada;bob@example.com".split(),
    *'"ada"@example.com "ada@evil.example"@example.com ada(victim)@example.com (x)ada@example.com ada@example.com(x)'.split(),
    *"ada@(x)example.com ada:bob@example.com; ada@[192.0.2.1] ada@[IPv6:2001:db8::1] ada@192.0.2.1 ada@localhost".split(),
    *"ada\\@example.com ada% <> @a,@b:ada@example.com ada@example.com> \u0301 ada@xn--a.example ada@ab--c.example".split(),
    *("ada\u200d@example.com", "ada\u202e@example.com", "\uff1d\uff1futf-8?q?victim?=@example.com", "a\uff0cb@example.com"),
]  # fmt: skip
"""Addresses that no account can have. Of those that are not too long, some accounts did once."""

TOO_LONG_EMAILS = [
    *("a" * 243 + "@example.com", "a" * 60_000, " " * 60_000, "@" * 60_000),
    # Shorter once it is normalized, which takes quadratic time.
    *("e\u0301" * 125 + "@x.example", "a" + "\u0301\u0323" * 4_000 + "@x.example"),
    # Longer once it is normalized.
    *("\ufdfa" * 100 + "@example.com", "\ufdfa" * 254),
]
NEW_EMAILS = [None, *NO_STRINGS, *UNCLEAN, *NO_EMAILS, *TOO_LONG_EMAILS]
ANY_EMAILS = [None, *NO_STRINGS, *UNCLEAN, *TOO_LONG_EMAILS, "", " "]

NO_YEARS = [
    *("", " ", "1999 ", " 1999", "1999\n", "1999\0", "19 9", "9" * 10_000, "1e3\u0660", "\u0661\u0669\u0669\u0669", "199\u00b9"),
    *"199 19995 99999 abcd -999 +999 1e10 19.9 0x7c １９９９ १९९९ 1_99 MCMX 1999-01-01".split(),
]  # fmt: skip

NO_URLS = [
    *"x /heat.jpg //example.com/heat.jpg example.com/heat.jpg http http: http:/example.com http:// https:///heat.jpg".split(),
    *"http://?x http://#x http://. http://.. http://:80 ftp://example.com/heat.jpg javascript:alert(1)".split(),
    *"data:image/png;base64,AAAA data:image/svg+xml,<svg/> file:///etc/passwd mailto:ada@example.com".split(),
    *"blob:https://example.com/x ws://example.com httpss://example.com http://user@example.com/".split(),
    *"http://user:pass@example.com/ http://:@example.com/ http://@example.com http://example.com:port/".split(),
    *"http://example.com:99999/ http://example.com:0/ http://example.com:-1/ http://example.com:80:80/".split(),
    *"http://example..com/ http://-example.com/ http://[::1/ http://::1/ http://[]/ http://[v1.x]/ http://[zz::1]/".split(),
    *("http://example.com\\heat.jpg", "http:\\\\example.com", "http://ex\u2100mple.com/", "http://example.com\uff0fx"),
    *("", " ", "http://exa mple.com", "http://example.com/a b", " http://example.com", "http://example.com ", "http://example.com\n"),
    *("http://exam\u2028ple.com", "java\0script:x", "https://example.com/" + "x" * 2029, "https://" + "x" * 60_000),
    "data:image/jpeg;base64,/9j/" + "A" * 500_000,
]  # fmt: skip

NO_TEXTS: list[Any] = [None, *NO_STRINGS, *UNCLEAN, ""]
NO_NAMES = [*NO_TEXTS, " ", "\u3000\u00a0", "x" * 101, "x" * 60_000]
NO_PASSWORDS = [*NO_TEXTS, *("x" * n for n in (7, 129, 4097, 60_000)), "é" * 7]
FIELDS: list[tuple[Route, str, list[Any]]] = [
    (SIGN_UP, "name", NO_NAMES),
    (RENAME, "name", NO_NAMES),
    (SIGN_UP, "email", NEW_EMAILS),
    (CHANGE, "email", NEW_EMAILS),
    (SIGN_UP, "password", NO_PASSWORDS),
    (CHANGE_PASSWORD, "newPassword", NO_PASSWORDS),
    *((route, "currentPassword", NO_TEXTS) for route in (CHANGE, CHANGE_PASSWORD, LEAVE)),
    (LOG_IN, "email", ANY_EMAILS),
    (FORGOT, "email", ANY_EMAILS),
    (LOG_IN, "password", NO_TEXTS),
]
for _route in MOVIE_ROUTES:
    FIELDS += [
        (_route, "title", [*NO_TEXTS, " ", "\u2003", "x" * 256, "🎬" * 256, "x" * 60_000]),
        (_route, "year", [*NO_STRINGS, *UNCLEAN, *NO_YEARS, 1999]),
        (_route, "imageUrl", [*NO_STRINGS, *UNCLEAN, *NO_URLS]),
    ]

CURSOR = encode_cursor(Cursor("title", "Heat", 1))


def forged(*contents: bytes) -> list[str]:
    return [urlsafe_b64encode(content).decode().rstrip("=") for content in contents]


NO_NUMBERS = [
    "",
    *"0 -1 +1 1e3 1.0 1.5 x NaN Infinity null true 0x1 1_0 00 %20 1%20 %201 1%00 %00 1%0A %D9%A1 %EF%BC%91 %C2%B9 %FF".split(),
    *"%ED%A0%80 1,2 1;2 -9223372036854775809 ' 1'-- %F0%9F%8E%AC 1&{name}=2 1&{name}=1 &{name}=1".split(),
]  # fmt: skip

NO_CURSORS = [
    *("", "%20", "1", "null", "undefined", "%00", "%FF", "%ED%A0%80", "%F0%9F%8E%AC", "'", "A", "A" * 3000, "A" * 22, "A" * 24),
    *("A" * 23 + "=", "A" * 23 + "%00", "A" * 23 + "%0A", "A" * 22 + "%C3%84", "%2B" + "A" * 22, "%2F" + "A" * 22),
    *("A" * 10 + "." + "A" * 12, "%D9%A1" * 23, "%EF%BC%A1" * 23, "A" * 22 + "B", "2026-11-23T10:20:00Z,42", "title,42"),
    "%5B%22title%22,%22heat%22,42%5D",
    *forged(*(b"-rating 0 1 Heat", b"-createdAt 0 1", b"-createdAt 0 1 noon", b"title 0 1")),  # no such order, no moment
    *forged(*(b"-createdAt 0 1 10000-01-01T00:00:00+00:00", b"-createdAt 0 1 2026-01-01")),  # no year, no zone
    *forged(*(b"title 0 1 a\0b", b"title 0 1 \xff", b"title 0 1 \xed\xa0\x80", b"year 0 1 \0", b"title 2 1 Heat", b"title 0 01 Heat")),
    *forged(*(b"title 0 \xd9\xa1 Heat", b"title 0 x Heat", b"title 0 9223372036854775808 Heat", b"title 0 1 " + b"x" * 1100)),
    *(CURSOR + "&" + more for more in (f"cursor={CURSOR}", "page=1", "page=2")),
    *(CURSOR + f"&sort={sort}" for sort in SORTS if sort != "title"),
]  # fmt: skip

NO_QUERIES = {
    "page": NO_NUMBERS,
    "limit": [*NO_NUMBERS, "101", "1000", "2147483648", "9223372036854775808", "9" * 30, "9" * 3000],
    "cursor": NO_CURSORS,
    "search": ["x" * 256, "%F0%9F%8E%AC" * 256, "x&search=y", *"a%00b %00 a%0Ab %7F %C2%85 %ED%A0%80 %FF".split()],
    "year": [
        *("", "9" * 3000),
        *"%20 199 19999 1999.. ..1999 1999..199 1999...2000 1999-2000 2000..1999 1999..1999..1999 1999%00".split(),
        *"1999%0A 1999..2000%0A %D9%A1%D9%A9%D9%A9%D9%A9 %EF%BC%91999 -999 null 1999&year=2000".split(),
    ],
    "sort": [
        *("", "x" * 3000),
        *"- %20 x Title TITLE --title %2Btitle title%20 title%00 -title%0A id -id created_at title,year".split(),
        *"title&sort=year imageUrl null %FF title; 1 title%20asc".split(),
    ],
}  # fmt: skip

NO_PATHS = [
    *("/", "/nothing", "/movies/", "/movies//", "//movies", "/movies//1", "/me/", "/auth", "/auth/", "/auth/login/"),
    *("/Movies", "/movies/x", "/movies/00", "/movies/01", "/movies/-1", "/movies/+1", "/movies/1.0", "/movies/1e3"),
    *("/movies/1_0", "/movies/0x1", "/movies/%D9%A1", "/movies/%EF%BC%91", "/movies/%C2%B9", "/movies/NaN", "/movies/1%20"),
    "/movies/" + "9" * 3000,
    *("/movies/%00", "/movies/1%00", "/movies/1%0A", "/movies/1%2F", "/movies%2F1", "/%2Fmovies", "/movies/%2e%2e/me", "/movies/..", "/movies/../me"),
    *("/movies/%FF", "/%ED%A0%80", "/movies/%F0%9F%8E%AC", "/movies/1;x=1", "/movies/1/2", "/movies/null", "/movies/undefined"),
    *("/movies/'", "/movies/1%27--", "/movies/{id}", "/health/", "/health/x", "/favicon.ico", "/robots.txt", "/.env", "/static/x", "/wp-login.php"),
]  # fmt: skip


def send(actor: Actor, route: Route, body: bytes, content_type: str = JSON) -> Answer:
    return actor.call(route.method, route.path, body, Content_Type=content_type)


FIELD_CASES = [
    pytest.param(route, name, value, id=f"{route}, {name}={ascii(value)[:40]}")
    for route, name, values in FIELDS
    for value in values
]


@pytest.mark.parametrize("name", NO_JSON_OBJECT)
@pytest.mark.parametrize("route", BODY_ROUTES, ids=str)
def test_a_body_that_is_no_json_object_is_refused(witness: Actor, route: Route, name: str) -> None:
    assert send(witness, route, NO_JSON_OBJECT[name]).fields == {"body"}


@pytest.mark.parametrize(("route", "name", "value"), FIELD_CASES)
def test_a_field_out_of_bounds_is_refused_by_its_name(
    witness: Actor, route: Route, name: str, value: Any
) -> None:
    body = json.dumps({**route.good, name: value}).encode()
    assert send(witness, route, body).fields == {name}


@pytest.mark.parametrize("route", [*BODY_ROUTES[:3], CHANGE_PASSWORD, LEAVE], ids=str)
def test_an_object_without_its_fields_is_refused_by_all_their_names(
    witness: Actor, route: Route
) -> None:
    assert send(witness, route, b"{}").fields == set(route.good)


def test_a_message_says_what_is_wrong_in_words_for_people(witness: Actor) -> None:
    error = witness.post("/movies", {"title": "  ", "year": 1995}).error
    assert error == {
        "code": "VALIDATION_ERROR",
        "message": "Title must not be blank. Year must be a string.",
        "details": [
            {"field": "title", "code": "blank", "message": "Title must not be blank."},
            {"field": "year", "code": "invalid", "message": "Year must be a string."},
        ],
    }


@pytest.mark.parametrize("content_type", OTHER_MEDIA_TYPES)
@pytest.mark.parametrize("route", BODY_ROUTES, ids=str)
def test_a_body_of_another_media_type_is_not_supported(
    witness: Actor, route: Route, content_type: str
) -> None:
    answer = send(witness, route, json.dumps(route.good).encode(), content_type)
    assert (answer.status, answer.error["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/x+json"]
)
def test_json_may_be_called_by_any_of_its_names(ada: Actor, content_type: str) -> None:
    assert send(ada, MOVIE_ROUTES[0], b'{"title": "Heat"}', content_type).status == 201


@pytest.mark.parametrize("size", ["a byte", 8 * 1024 * 1024])
@pytest.mark.parametrize("route", BODY_ROUTES, ids=str)
def test_a_body_over_the_limit_is_too_large(witness: Actor, route: Route, size: int | str) -> None:
    # A picture may come with a movie.
    limit = MAX_MOVIE_BODY if route in MOVIE_ROUTES else MAX_BODY
    answer = send(witness, route, b" " * (limit + 1 if isinstance(size, str) else size))
    assert (answer.status, answer.error["code"]) == (413, "PAYLOAD_TOO_LARGE")


LONG = b"A" * MAX_BODY
LONG_WITHOUT_PICTURES = {
    "a long title": b'"title": "%s"' % LONG,
    "a long address": b'"imageUrl": "http://%s"' % LONG,
    "small values": b'"ignored": [%s]' % b",".join([b"[]"] * MAX_BODY),
    "small pictures": b'"ignored": [%s]' % b",".join([b'"data:"'] * MAX_BODY),
    "a wide letter in a picture": b'"imageUrl": "data:%s\xf0\x9f\x98\x80"' % LONG,
    "a wide letter as an escape": b'"imageUrl": "data:%s\\ud83d\\ude00"' % LONG,
    "a picture in a text": b'"title": "\\"data:%s"' % LONG,
    "a picture without an end": b'"imageUrl": "data:%s' % LONG,
    "spaces": b'"title": "Heat"' + b" " * MAX_BODY,
}


@pytest.mark.parametrize("fields", LONG_WITHOUT_PICTURES.values(), ids=list(LONG_WITHOUT_PICTURES))
def test_only_a_picture_makes_a_body_longer(ada: Actor, fields: bytes) -> None:
    answer = send(ada, MOVIE_ROUTES[0], b"{%s}" % fields)
    assert (answer.status, answer.error["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("picture", [b"data:,", b"DATA:image\\/png;base64,\\n"])
def test_a_picture_does_not_count_for_the_length_of_its_body(ada: Actor, picture: bytes) -> None:
    start = b'{"title": "Heat", "ignored": '
    body = start + b'"%s%s"' % (picture, LONG)
    assert send(ada, MOVIE_ROUTES[0], body + b"}".rjust(MAX_BODY - len(start))).status == 201
    assert send(ada, MOVIE_ROUTES[0], body + b"}".rjust(MAX_BODY - len(start) + 1)).status == 413


class Broken(io.BytesIO):
    """A body whose sender goes away, or breaks its framing, in the middle."""

    def read(self, _size: int | None = -1) -> bytes:
        raise ConnectionResetError


@pytest.mark.parametrize(
    ("body", "status"),
    [(io.BytesIO(b" " * 64 * 1024), 400), (io.BytesIO(b" " * 64 * 1025), 413), (Broken(), 400)],
    ids=["just the limit", "over the limit", "broken off"],
)
def test_a_body_of_unknown_length_is_read_to_its_end_or_refused(
    app: Flask, body: io.BytesIO, status: int
) -> None:
    answer = app.test_client().post(
        "/auth/login",
        content_type=JSON,
        environ_overrides={"wsgi.input": body, "wsgi.input_terminated": True},
    )
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in NO_QUERIES for value in NO_QUERIES[name]]
)
def test_a_query_out_of_bounds_is_refused_by_its_name(
    witness: Actor, name: str, value: str
) -> None:
    assert witness.get(f"/movies?{name}={value.format(name=name)}").fields == {name}


def test_a_forged_cursor_of_each_order_is_but_a_place(witness: Actor) -> None:
    """Whatever title, year or id somebody makes up."""
    for sort in SORTS:
        for key in ("", "\\", "'; --", "%", "𝅘𝅥𝅮" * 255, "\x01\n"):
            if not sort.endswith("At"):
                for number in (1 - 2**63, 0, 2**63 - 1):
                    for before in (False, True):
                        place = encode_cursor(Cursor(sort, key[:255], number, before))
                        for more in ("", "&search=heat", "&year=1999"):
                            answer = witness.get(f"/movies?cursor={place}{more}")
                            assert (answer.status, answer.json["items"]) == (200, [])


def test_all_that_is_wrong_with_a_query_is_told_at_once(witness: Actor) -> None:
    wrong = {"page": "0", "limit": "0", "cursor": "", "search": "%00", "year": "x", "sort": "x"}
    query = "&".join(f"{name}={value}" for name, value in wrong.items())
    assert witness.get(f"/movies?{query}").fields == set(wrong)


@pytest.mark.parametrize("path", NO_PATHS)
def test_there_is_nothing_at_other_paths(witness: Actor, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        answer = witness.call(method, path)
        assert (answer.status, answer.error["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("number", [0, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30, 10**99])
def test_an_id_of_any_size_is_looked_for_like_any_other(witness: Actor, number: int) -> None:
    path = f"/movies/{number}"
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        body = {"title": "Heat"} if method in {"PUT", "PATCH"} else None
        answer = witness.call(method, path, body)
        assert (answer.status, answer.error["message"]) == (404, "There is no such movie.")
        assert call(witness.service, method, path, body).status == 401
    assert witness.put(path, {"title": ""}).fields == {"title"}
    assert witness.post(path).status == 405


@pytest.mark.parametrize(
    "refused",
    [
        *("GET /auth/signup: POST", "PUT /auth/login: POST", "GET /auth/refresh: POST"),
        *("DELETE /auth/logout: POST", "GET /movies/import: POST", "POST /health: GET, HEAD"),
        *("POST /me: GET, HEAD, PATCH, DELETE", "DELETE /movies: GET, HEAD, POST"),
        *("POST /movies/export: GET, HEAD", "POST /movies/1: GET, HEAD, PUT, PATCH, DELETE"),
        *("TRACE /movies: GET, HEAD, POST", "BREW /movies: GET, HEAD, POST"),
    ],
)
def test_a_method_that_a_path_lacks_is_told_those_that_it_has(witness: Actor, refused: str) -> None:
    request, _, allowed = refused.partition(": ")
    answer = witness.call(*request.split())
    assert (answer.status, answer.error["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(answer.headers["Allow"].split(", ")) == {*allowed.split(", "), "OPTIONS"}


@pytest.mark.parametrize("route", MOVIE_ROUTES, ids=str)
def test_who_is_asking_comes_before_what_they_ask(ada: Actor, route: Route) -> None:
    ended = log_in(ada)
    ended.post("/auth/logout")
    for body in (b"", b"[]", b" " * 2_000_000, b"{".ljust(MAX_BODY + 1)):
        for token in (None, ended.token):
            answer = ada.call(route.method, route.path, body, token=token)
            assert (answer.status, answer.error["code"]) == (401, "UNAUTHORIZED")


def test_what_is_asked_comes_before_whose_it_is(ada: Actor, bob: Actor) -> None:
    path = f"/movies/{ada.add_movie()['id']}"
    assert bob.put(path, {"title": ""}).fields == {"title"}
    assert bob.put("/movies/99999999999999999999", {"title": ""}).fields == {"title"}


def test_what_was_refused_is_not_kept_until_garbage_is_collected() -> None:
    class Content(str):
        """Something large."""

    content = Content("x" * 300)
    kept = weakref.ref(content)
    gc.disable()
    try:
        with suppress(ValidationError):
            load(new_movie_schema, {"title": content})
        del content
        assert kept() is None
    finally:
        gc.enable()
