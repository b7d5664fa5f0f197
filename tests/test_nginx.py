"""What deploy/nginx.conf promises: nginx itself reads it, in front of gunicorn."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from playlist_api.app import MAX_BODY
from playlist_api.movies.routes import MAX_MOVIE_BODY
from playlist_api.transfer.uploads import MAX_FILE, MAX_FORM_OVERHEAD
from tests.support.nginx import SHIPPED, Nginx, certify, command, install, nginx
from tests.support.pictures import data_url, movie_of, padded
from tests.support.service import (
    MEDIA,
    ROOT,
    Answer,
    Gunicorn,
    call,
    environment,
    gunicorn,
    line_of,
    sign_up,
)
from tests.support.upstream import behind_nginx

TOOLS = Path(sys.executable).parent
HSTS = "Strict-Transport-Security"
CLIENT = """
const client = require("http2").connect(`https://localhost:${process.argv[1]}`)
const stream = client.request({":path": "/health/live"})
stream.on("response", (headers) => console.log(client.alpnProtocol, headers[":status"]))
stream.on("end", () => client.close()).resume()
"""


@pytest.fixture(scope="module")
def behind(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    log = tmp_path_factory.mktemp("behind") / "log"
    settings = {"APP_ENV": "production", "TRUSTED_PROXIES": "1", "PASSWORD_BLOCKLIST": "false"}
    with gunicorn(log, environment(database_url, **settings)) as behind:
        yield behind


@pytest.fixture(scope="module")
def front(behind: Gunicorn) -> Iterator[Nginx]:
    with nginx(behind.port) as front:
        (front.folder / "media").symlink_to(MEDIA)
        yield front


@pytest.mark.parametrize("replicas", ["upstream.conf", "upstream-docker.conf"])
def test_nginx_takes_the_files_without_a_warning(tmp_path: Path, replicas: str) -> None:
    install(tmp_path)
    certify(tmp_path)
    (tmp_path / "nginx" / replicas).replace(tmp_path / "nginx/upstream.conf")
    ran = subprocess.run([*command(tmp_path), "-t"], capture_output=True, text=True, check=False)
    assert (ran.returncode, "[warn]" in ran.stderr) == (0, False), ran.stderr


def test_gixy_finds_nothing() -> None:
    gixy = [str(TOOLS / "gixy"), "--format", "json", str(SHIPPED / "nginx.conf")]
    ran = subprocess.run(gixy, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stdout + ran.stderr


def test_nginx_gives_an_idle_connection_up_before_gunicorn_does() -> None:
    told = (SHIPPED / "nginx.conf").read_text()
    (kept,) = re.findall(r"upstream api \{.*?keepalive_timeout (\d+)s;", told, re.DOTALL)
    asking = (SHIPPED / "nginx" / "proxy.conf").read_text()
    (awaited,) = re.findall(r"proxy_read_timeout (\d+)s;", asking)
    settings = dict(re.findall(r"^(\w+) = (\d+)", (ROOT / "gunicorn.conf.py").read_text(), re.M))
    assert int(kept) + 5 <= int(settings["keepalive"])
    assert int(awaited) <= int(settings["graceful_timeout"])


@pytest.mark.parametrize(
    ("method", "target"), [("GET", "/movies?page=2"), ("POST", "/auth/login"), ("PUT", "/metrics")]
)
def test_everything_else_is_moved_to_tls_with_its_method(
    front: Nginx, method: str, target: str
) -> None:
    answer = front.send_plain(method, target, Host="api.example.com", X_Request_ID="moved")
    assert (answer.status, answer.headers["X-Request-ID"]) == (308, "moved")
    assert answer.headers["Location"] == f"https://api.example.com{target}"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert HSTS not in answer.headers


def test_clients_speak_http_2(front: Nginx) -> None:
    ran = subprocess.run(
        [TOOLS / "node", "-e", CLIENT, str(front.port)],
        env={"NODE_EXTRA_CA_CERTS": str(front.folder / "ca.crt")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout.strip() == "h2 200"


def headers_of(answer: Answer, *but: str) -> list[tuple[str, str]]:
    """Return an answer's headers for comparison, but those that are of a server's own."""
    own = {"server", "date", "connection", *but}
    lower = [(name.lower(), value) for name, value in answer.headers]
    return sorted(pair for pair in lower if pair[0] not in own)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/health"), ("GET", "/me"), ("DELETE", "/movies"), ("GET", "/x")]
)
def test_the_services_answers_pass_as_they_are(
    front: Nginx, behind: Gunicorn, method: str, path: str
) -> None:
    direct, passed = (
        call(way, method, path, Origin="http://localhost:3000", X_Request_ID="same")
        for way in (behind, front)
    )
    assert (passed.status, passed.body) == (direct.status, direct.body)
    assert headers_of(passed) == headers_of(direct)


def test_no_answer_tells_the_version_or_says_a_header_twice(front: Nginx) -> None:
    for path in ("/health", "/metrics"):
        headers = front.send("GET", path, None, {}).headers
        assert headers["Server"] == "nginx"
        assert HSTS in headers
        names = [name.lower() for name, _ in headers]
        assert len(set(names)) == len(names)


def test_etags_stay_strong(front: Nginx) -> None:
    ada = sign_up(front)
    for path in ("/me", f"/movies/{ada.add_movie('Heat' * 50)['id']}"):
        answer = ada.get(path, Accept_Encoding="gzip, br")
        assert re.fullmatch('"[^"]+"', answer.headers["ETag"])
        assert "Content-Encoding" not in answer.headers
        again = ada.get(path, If_None_Match=answer.headers["ETag"], Accept_Encoding="gzip, br")
        assert again.status == 304


@pytest.mark.parametrize("wanted", ["a", "req_1.2-3", "x" * 64])
def test_a_clients_request_id_is_in_both_logs_and_the_answer(
    front: Nginx, behind: Gunicorn, wanted: str
) -> None:
    answer = call(front, "GET", "/me?token=canary", X_Request_ID=wanted)
    assert answer.headers["X-Request-ID"] == wanted
    line, own = line_of(front.lines, wanted), line_of(behind.lines, wanted)
    same = ("level", "msg", "method", "statusCode", "remoteAddress")
    assert [line[name] for name in same] == [own[name] for name in same]
    assert (line["url"], line["upstreamStatus"]) == ("/me", "401")
    assert abs(line["time"] - own["time"]) < 60_000


@pytest.mark.parametrize("wanted", ["x" * 65, "a b", 'a"b', "a,b", "a/b", "é".encode(), "", None])
def test_any_other_request_id_is_replaced_by_one_that_all_share(
    front: Nginx, behind: Gunicorn, wanted: str | bytes | None
) -> None:
    headers = {} if wanted is None else {"X-Request-ID": wanted}
    given = front.send("GET", "/health", None, headers).headers["X-Request-ID"]  # type: ignore[arg-type]
    assert re.fullmatch("[0-9a-f]{32}", given)
    assert line_of(front.lines, given)["statusCode"] == 200
    assert line_of(behind.lines, given)["statusCode"] == 200


def test_the_log_has_the_id_by_which_gunicorn_refuses(front: Nginx) -> None:
    headers = {f"X-{number}": "y" for number in range(120)} | {"X-Request-ID": "theirs"}
    answer = front.send("GET", "/health", None, headers)
    assert answer.status == 431
    assert line_of(front.lines, answer.headers["X-Request-ID"])["upstreamStatus"] == "431"


def test_the_log_has_no_secrets_and_is_json_whatever_is_sent(front: Nginx) -> None:
    headers = {"Authorization": "Bearer canary-1", "Cookie": "refreshToken=canary-2"}
    headers |= {"Referer": "https://x/?canary-3", "User-Agent": 'canary-4"\\'}
    front.send("GET", "/movies?canary-5", None, {**headers, "X-Request-ID": "quiet"})
    for target in (b"/\xff\xfe?canary-6", b'/"\\?canary-7', b"/health?canary-8"):
        with front.open() as connection:
            connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n")
            connection.sendall(b"X-Request-ID: last\r\n\r\n")
            while connection.recv(65536):
                pass
    assert line_of(front.lines, "quiet")["url"] == "/movies"
    assert "canary" not in (front.folder / "access.log").read_text()


def test_bodies_may_be_as_long_as_the_service_takes(front: Nginx, behind: Gunicorn) -> None:
    limits = {"/auth/login": MAX_BODY, "/movies/import": MAX_FILE + MAX_FORM_OVERHEAD}
    for path, most in limits.items():
        body = b'{"email": "nobody@example.com", "password": "secret"}'.ljust(most)
        assert call(front, "POST", path, body).status == 401
        name = path.replace("/", "-")
        assert call(front, "POST", path, body + b" ", X_Request_ID=name).status == 413
        assert line_of(front.lines, name)["upstream"] == ""
    assert not [line for line in behind.lines() if line.get("statusCode") == 413]


def test_a_movie_may_come_with_a_picture_which_nginx_serves_as_the_service_would(
    front: Nginx, served: Gunicorn
) -> None:
    ada = sign_up(front)
    movie = ada.add_movie(imageUrl=data_url(padded(2 * 1024 * 1024)))
    for method, target in (("PUT", f"/movies/{movie['id']}"), ("POST", "/movies")):
        longest = movie_of(MAX_MOVIE_BODY)
        assert ada.call(method, target, longest).status in {200, 201}
        assert ada.call(method, target, longest + b" ").status == 413
    path = urlsplit(movie["imageUrl"]).path
    for name, content_type in ((path, "image/jpeg"), (path[:-4] + "-400.webp", "image/webp")):
        kept = (MEDIA / name.rpartition("/")[2]).read_bytes()
        answer = ada.get(name, token=None)
        assert (answer.status, answer.body) == (200, kept)
        assert answer.headers["Content-Type"] == content_type
        assert ada.get(name, If_None_Match=answer.headers["ETag"]).status == 304
        for origin in ({}, {"Origin": "http://localhost:3000"}):
            ours, theirs = (way.send("GET", name, None, origin) for way in (front, served))
            different = ("etag", "last-modified", "accept-ranges", "x-request-id", HSTS.lower())
            assert ours.headers[HSTS]
            assert headers_of(ours, *different) == headers_of(theirs, *different)


@pytest.mark.parametrize(
    "name", ["0" * 64 + ".png", "x.png", "0" * 64 + ".png.0a1b2c3d.partial", ""]
)
def test_nginx_serves_nothing_else_from_the_folder(front: Nginx, name: str) -> None:
    answer = front.send("GET", f"/media/{name}", None, {})
    assert (answer.status, answer.error["code"]) == (404, "NOT_FOUND")
    assert answer.headers["Cache-Control"] == "no-store"


DOORS = [
    *("/metrics", "//metrics", "///metrics", "/./metrics", "/x/../metrics", "/metrics?x"),
    *("/metrics#x", "/%6detrics", "/%6D%65trics", "/%2Fmetrics", "/metrics%2F", "/metrics/"),
    *("/metrics//", "/metrics;x", "/metrics%3Fx", "/metrics%23x", "/metrics%20", "/metrics."),
    *("/METRICS", "/Metrics", "/metrics%252F", "/%256detrics", "/metrics/x/..", "/metrics/."),
    *("http://x/metrics", "/metrics%0A"),
]


def test_metrics_are_behind_no_door(front: Nginx) -> None:
    assert {front.send(method, "/metrics", None, {}).status for method in ("HEAD", "POST")} == {404}
    answers = {door: front.send("GET", door, None, {}) for door in DOORS}
    assert {door for door in DOORS if answers[door].status != 404} == set()
    assert {answer.error["code"] for answer in answers.values()} == {"NOT_FOUND"}


def test_what_reaches_the_service_is_the_address_as_it_came_and_nothing_forged() -> None:
    forged = {
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "http",
        "X_Request_ID": "underscored",
        "Connection": "close, X-Request-ID",
    }
    with behind_nginx() as (stub, front):
        assert front.send("GET", "/a%2Fb//c/../d?e=%41", None, forged).status == 200
        heard = stub.heard[0]
        assert heard.target == "/a%2Fb//c/../d?e=%41"
        assert heard.headers.getlist("X-Forwarded-For") == ["127.0.0.1"]
        assert heard.headers.getlist("X-Forwarded-Proto") == ["https"]
        assert heard.headers.getlist("Host") == ["localhost"]
        assert len(heard.headers.getlist("X-Request-ID")) == 1
        assert "Connection" not in heard.headers
        for door in DOORS:
            front.send("GET", door, None, {})
        reached = {unquote(each.target.partition("?")[0]) for each in stub.heard}
    assert len(reached) > 1
    assert "/metrics" not in reached
