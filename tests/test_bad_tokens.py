"""Tokens of every wrong kind, at every place that takes one."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest

from tests.support.service import SECRET_KEY, Actor, call, sign_up
from tests.test_isolation import MATRIX

PROTECTED = [
    tuple(route.replace("{id}", str(UUID(int=1)) if "sessions" in route else "1").split())
    for route, answers in MATRIX.items()
    if answers[-2] == 401 and route != "POST /auth/refresh"
]


def encode(part: Any) -> bytes:
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def signed(header: Any, claims: Any, key: str = SECRET_KEY, digest: str = "sha256") -> str:
    """Sign whatever it is, as somebody would who has the key and no library."""
    signing_input = encode(header) + b"." + encode(claims)
    signature = hmac.new(key.encode(), signing_input, digest).digest()
    return (signing_input + b"." + encode(signature)).decode()


def unsigned(header: Any, claims: Any = b"{}", signature: bytes = b"x") -> str:
    """Join what a token is made of, with a signature that nobody calculated."""
    return b".".join((encode(header), encode(claims), encode(signature))).decode()


HS256 = {"alg": "HS256", "typ": "JWT"}
CLAIMS = {"sub": "x", "sid": "x", "type": "access", "jti": "x", "iat": 0, "exp": 2**40}
SIMPLE = {
    "a word": "x",
    "two parts": "x.y",
    "three empty parts": "..",
    "four parts": "a.b.c.d",
    "five parts": "a.b.c.d.e",
    "no base64": "ä.ö.ü".encode().decode("latin1"),
    "NUL": "%00",
    "null": "null",
    "undefined": "undefined",
    "a UUID": str(uuid4()),
    "braces": "{}",
    "8 KB": "x" * 8000,
    "a header nested deep": unsigned(b"[" * 5000),
    "a header with a field nested deep": unsigned(b'{"alg":' + b"[" * 5000),
    "claims nested deep": unsigned(HS256, b"[" * 5000),
    "a header that is a list": unsigned([]),
    "a header that is no JSON": unsigned(b"x"),
    "a header that is not UTF-8": unsigned(b"\xff"),
    "an empty header": unsigned({}),
    "a type that is a list": unsigned(HS256, {**CLAIMS, "type": []}),
    "a type that is an object": unsigned(HS256, {**CLAIMS, "type": {}}),
}


def forgeries(genuine: str, kind: str) -> dict[str, str]:
    """Make tokens that are each almost the genuine one."""
    claims = jwt.decode(genuine, SECRET_KEY, ["HS256"])
    head, body, signature = genuine.split(".")
    now = int(time.time())
    other_kind = "refresh" if kind == "access" else "access"

    digest = hashlib.sha256(b"x").digest()

    def without(name: str) -> dict[str, Any]:
        return {key: value for key, value in claims.items() if key != name}

    headers: dict[str, Any] = {
        **{f"alg {alg}": {"alg": alg} for alg in ("none", "None", "NONE", "nOnE", "", "HS1", "HS256 ", "hs256", "RS256", "ES256", "PS256", "EdDSA")},
        "alg null": {"alg": None},
        "alg a number": {"alg": 256},
        "alg a list": {"alg": ["HS256"]},
        "no alg": {"typ": "JWT"},
        "alg none with a key": {"alg": "none", "kid": "x"},
        "unencoded": {"alg": "HS256", "b64": False, "crit": ["b64"]},
        "crit": {"alg": "HS256", "crit": ["exp"]},
        "kid a number": {"alg": "HS256", "kid": 1},
    }  # fmt: skip
    wrong: dict[str, list[Any]] = {
        "exp": [now - 1, 0, "x", None, [], float("inf"), float("nan"), -1],
        "nbf": [now + 3600],
        "iat": [now + 3600, "x"],
        "sub": ["1", 1, None, [claims["sub"]], "\0", str(UUID(int=1))],
        "sid": ["1", 1, None, {}, str(UUID(int=1))],
        "type": [other_kind, "id", None, [], {}, kind.upper()],
    }
    payloads: dict[str, Any] = {
        "a list": [], "a string": "x", "null": None, "empty": {}, "no JSON": b"x", "not UTF-8": b"\xff",
        **{f"no {name}": without(name) for name in ("sub", "sid", "type", "jti", "iat", "exp")},
        **{f"{name} wrong {n}": {**claims, name: value} for name in wrong for n, value in enumerate(wrong[name])},
    }  # fmt: skip
    return {
        **{name: signed(header, claims) for name, header in headers.items()},
        **{f"payload {name}": signed(HS256, payload) for name, payload in payloads.items()},
        "HS384": signed({"alg": "HS384"}, claims, digest="sha384"),
        "HS512": signed({"alg": "HS512"}, claims, digest="sha512"),
        "unsigned": unsigned({"alg": "none"}, claims, b""),
        "unsigned with the signature": f"{unsigned({'alg': 'none'}).split('.')[0]}.{body}.{signature}",
        "another key": signed(HS256, claims, "another key that is just as long as"),
        "an empty key": signed(HS256, claims, ""),
        "the key in another digest": signed(HS256, claims, digest="sha512"),
        "kid a path": signed({**HS256, "kid": "../../dev/null"}, claims, ""),
        "kid an injection": signed({**HS256, "kid": "' UNION SELECT ''--"}, claims, ""),
        "jku": signed({**HS256, "jku": "http://127.0.0.1:9/keys"}, claims, "x"),
        "jwk": signed({**HS256, "jwk": {"kty": "oct", "k": "eA"}}, claims, "x"),
        "x5u": signed({**HS256, "x5u": "http://127.0.0.1:9/x"}, claims, "x"),
        "no signature": f"{head}.{body}.",
        "the signature stripped": f"{head}.{body}",
        "half a signature": f"{head}.{body}.{signature[:20]}",
        "a signature with more": f"{head}.{body}.{signature}AAAA",
        "a signature of another": f"{head}.{body}.{encode(digest).decode()}",
        "other claims": f"{head}.{encode({**claims, 'sid': str(uuid4())}).decode()}.{signature}",
        "one more part": f"{genuine}.x",
        "a dot in front": f".{genuine}",
        "cut off": genuine[:-1],
        "twice": f"{genuine}{genuine}",
    }  # fmt: skip


def some_forgeries(kind: str) -> list[str]:
    return list(forgeries(jwt.encode({**CLAIMS, "type": kind}, SECRET_KEY, "HS256"), kind))


@pytest.mark.parametrize("name", some_forgeries("access"))
def test_a_forged_access_token_opens_nothing(witness: Actor, name: str) -> None:
    token = forgeries(witness.token, "access")[name]
    for method, path in PROTECTED:
        answer = witness.call(method, path, token=token)
        assert (answer.status, answer.error["code"]) == (401, "UNAUTHORIZED")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("name", some_forgeries("refresh"))
def test_a_forged_refresh_token_refreshes_nothing(witness: Actor, name: str) -> None:
    answer = witness.refresh(forgeries(witness.cookie, "refresh")[name])
    assert (answer.status, answer.error["code"]) == (401, "UNAUTHORIZED")
    assert "Set-Cookie" not in answer.headers
    assert witness.get("/me").status == 200


# Without these, whose payload is signed: that is proof enough for ending the session it names.
@pytest.mark.parametrize(
    "name", [name for name in some_forgeries("access") if not name.startswith("payload")]
)
def test_a_forged_token_ends_no_session(witness: Actor, name: str) -> None:
    access = forgeries(witness.token, "access")[name]
    refresh = forgeries(witness.cookie, "refresh")[name]
    assert witness.post("/auth/logout", token=access, cookie=refresh).status == 204
    assert witness.get("/me").status == 200


@pytest.mark.parametrize("name", SIMPLE)
def test_what_is_no_token_at_all_opens_nothing(witness: Actor, name: str) -> None:
    for method, path in PROTECTED:
        answer = witness.call(method, path, token=SIMPLE[name])
        assert (answer.status, answer.error["code"]) == (401, "UNAUTHORIZED")
    assert witness.refresh(SIMPLE[name]).status == 401
    assert witness.post("/auth/logout", token=SIMPLE[name], cookie=SIMPLE[name]).status == 204


@pytest.mark.parametrize(
    "header",
    ["", " ", "Bearer", "Bearer ", "bearer", "Basic YWRhOng=", "Digest x", "Token {}", "{}", "Bearer{}", "Bearer {} x", "Bearer {}, Bearer {}", "Bearer: {}", "JWT {}", ",", ", ,", "Bearer ,", "Bearer\t", "\xff"],
)  # fmt: skip
def test_an_authorization_header_of_another_form_opens_nothing(witness: Actor, header: str) -> None:
    value = header.replace("{}", witness.token)
    for method, path in PROTECTED:
        answer = call(witness.service, method, path, Authorization=value)
        assert (answer.status, answer.error["code"]) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_has_no_case(witness: Actor, scheme: str) -> None:
    header = f"{scheme} {witness.token}"
    assert call(witness.service, "GET", "/me", Authorization=header).status == 200


def test_another_scheme_ends_no_session(witness: Actor) -> None:
    header = f"Token {witness.token}"
    assert call(witness.service, "POST", "/auth/logout", Authorization=header).status == 204
    assert witness.get("/me").status == 200


def test_a_token_is_taken_from_its_header_only(witness: Actor) -> None:
    for path in (f"/me?jwt={witness.token}", f"/me?access_token={witness.token}"):
        assert call(witness.service, "GET", path).status == 401
    cookies = f"access_token_cookie={witness.token}; accessToken={witness.token}"
    assert call(witness.service, "GET", "/me", Cookie=cookies).status == 401


def test_a_refresh_token_is_no_access_token_nor_the_reverse(witness: Actor) -> None:
    assert witness.get("/me", token=witness.cookie).status == 401
    assert witness.refresh(witness.token).status == 401


def test_a_token_of_somebody_elses_session_opens_nothing(ada: Actor) -> None:
    eve = sign_up(ada.service)
    claims = jwt.decode(ada.token, SECRET_KEY, ["HS256"])
    mixed = jwt.encode({**claims, "sub": eve.user["id"]}, SECRET_KEY, "HS256")
    assert ada.get("/me", token=mixed).status == 401


def test_a_token_of_1_mb_is_answered_in_the_envelope(witness: Actor) -> None:
    answer = witness.get("/me", token="x" * 1_000_000)
    assert answer.status in {401, 431}
    assert answer.error


@pytest.mark.parametrize("cookies", ["", ";", "=", "refreshToken", "refreshToken=", 'refreshToken="', "refreshToken=\xff", "refreshToken=x; refreshToken=y", "x" * 8000, "refreshtoken={}", " =refreshToken={}"])  # fmt: skip
def test_a_cookie_header_of_another_form_refreshes_nothing(witness: Actor, cookies: str) -> None:
    value = cookies.replace("{}", witness.cookie)
    answer = call(witness.service, "POST", "/auth/refresh", Cookie=value)
    assert (answer.status, answer.error["code"]) == (401, "UNAUTHORIZED")
