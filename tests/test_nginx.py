"""What deploy/nginx.conf promises: nginx itself reads it, in front of gunicorn."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from playlist_api.app import MAX_BODY, create_app
from playlist_api.movies.routes import MAX_MOVIE_BODY
from playlist_api.transfer.uploads import MAX_FILE, MAX_FORM_OVERHEAD
from tests.nginx import SHIPPED, Nginx, certify, command, install, nginx
from tests.pictures import POSTER, data_url, movie_of, padded
from tests.service import (
    MEDIA,
    PASSWORD,
    ROOT,
    Gunicorn,
    InProcess,
    call,
    environment,
    gunicorn,
    line_of,
    new_email,
    sign_up,
)
from tests.upstream import upstream

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
        yield front


def test_nginx_takes_the_files_without_a_warning(tmp_path: Path) -> None:
    install(tmp_path)
    certify(tmp_path)
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


def test_everything_else_is_moved_to_tls_with_its_method(front: Nginx) -> None:
    for method, target in [("GET", "/movies?page=2"), ("POST", "/auth/login"), ("PUT", "/metrics")]:
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


def test_the_services_answers_pass_as_they_are(front: Nginx, behind: Gunicorn) -> None:
    for method, path in [("GET", "/health"), ("GET", "/me"), ("DELETE", "/movies"), ("GET", "/x")]:
        direct, passed = (
            call(way, method, path, Origin="http://localhost:3000", X_Request_ID="same")
            for way in (behind, front)
        )
        assert (passed.status, passed.body) == (direct.status, direct.body)
        own = ("Server", "Date", "Connection")
        assert sorted(pair for pair in passed.headers if pair[0] not in own) == sorted(
            pair for pair in direct.headers if pair[0] not in own
        )


def test_no_answer_tells_the_version_or_says_a_header_twice(front: Nginx) -> None:
    for path in ("/health", "/metrics"):
        headers = front.send("GET", path, None, {}).headers
        assert headers["Server"] == "nginx"
        assert len(headers.getlist(HSTS)) == 1
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


def test_what_a_client_says_of_itself_counts_for_nothing() -> None:
    forged = {
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "http",
        "X_Request_ID": "underscored",
        "Connection": "close, X-Request-ID",
    }
    with upstream() as stub, nginx(stub.server_port) as front:
        assert front.send("GET", "/a%2Fb//c/../d?e=%41", None, forged).status == 200
    (heard,) = stub.heard
    assert heard.target == "/a%2Fb//c/../d?e=%41"
    assert heard.headers.getlist("X-Forwarded-For") == ["127.0.0.1"]
    assert heard.headers.getlist("X-Forwarded-Proto") == ["https"]
    assert heard.headers.getlist("Host") == ["localhost"]
    assert len(heard.headers.getlist("X-Request-ID")) == 1
    assert "Connection" not in heard.headers


def test_the_service_sees_the_clients_address(front: Nginx, behind: Gunicorn) -> None:
    call(front, "GET", "/health", X_Forwarded_For="192.0.2.1", X_Request_ID="forged")
    assert line_of(behind.lines, "forged")["remoteAddress"] == "127.0.0.1"


def test_a_body_may_be_as_long_as_the_service_takes(front: Nginx, behind: Gunicorn) -> None:
    body = b'{"email": "%s", "password": "%s"}' % (new_email().encode(), PASSWORD.encode())
    longest = body.ljust(MAX_BODY)
    assert call(front, "POST", "/auth/login", longest).status == 401
    assert call(front, "POST", "/auth/login", longest + b" ", X_Request_ID="long").status == 413
    assert line_of(front.lines, "long")["upstream"] == ""
    assert not [line for line in behind.lines() if line.get("reqId") == "long"]


def test_a_file_may_be_longer_than_other_bodies(front: Nginx, behind: Gunicorn) -> None:
    longest = b" " * (MAX_FILE + MAX_FORM_OVERHEAD)
    assert call(front, "POST", "/movies/import", longest, X_Request_ID="file").status == 401
    assert line_of(behind.lines, "file")["statusCode"] == 401
    assert call(front, "POST", "/movies/import", longest + b" ").status == 413
    assert not [line for line in behind.lines() if line.get("statusCode") == 413]


def test_a_movie_may_come_with_a_picture_which_nginx_serves(front: Nginx) -> None:
    ada = sign_up(front)
    movie = ada.add_movie(imageUrl=data_url(padded(2 * 1024 * 1024)))
    path = urlsplit(movie["imageUrl"]).path
    for method, target in (("PUT", f"/movies/{movie['id']}"), ("POST", "/movies")):
        longest = movie_of(MAX_MOVIE_BODY)
        assert ada.call(method, target, longest).status in {200, 201}
        assert ada.call(method, target, longest + b" ").status == 413
    media = front.folder / "media"
    media.symlink_to(MEDIA)
    for name, content_type in ((path, "image/jpeg"), (path[:-4] + "-400.webp", "image/webp")):
        kept = (MEDIA / name.rpartition("/")[2]).read_bytes()
        answer = ada.get(name, token=None)
        assert (answer.status, answer.body) == (200, kept)
        assert answer.headers["Content-Type"] == content_type
        assert ada.get(name, If_None_Match=answer.headers["ETag"]).status == 304


def test_nginx_serves_pictures_with_the_headers_of_the_service(
    front: Nginx, database_url: str
) -> None:
    ada = sign_up(InProcess(create_app(environment(database_url))))
    path = urlsplit(ada.add_movie(imageUrl=POSTER)["imageUrl"]).path
    with suppress(FileExistsError):
        (front.folder / "media").symlink_to(MEDIA)
    for origin in ({}, {"Origin": "http://localhost:3000"}):
        ours, theirs = (way.send("GET", path, None, origin) for way in (ada.service, front))
        own = {
            "server",
            "date",
            "connection",
            "etag",
            "last-modified",
            "accept-ranges",
            HSTS.lower(),
        }
        headers = [
            {name.lower(): value for name, value in answer.headers if name.lower() not in own}
            for answer in (ours, theirs)
        ]
        for each in headers:
            del each["x-request-id"]
        assert headers[0] == headers[1]
    assert theirs.headers[HSTS]


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


@pytest.mark.parametrize("door", DOORS)
def test_metrics_are_behind_no_door(front: Nginx, door: str) -> None:
    for method in ("GET", "HEAD", "POST"):
        assert front.send(method, door, None, {}).status == 404
    assert front.send("GET", door, None, {}).error["code"] == "NOT_FOUND"


def test_no_address_reaches_the_service_that_it_could_take_for_that_of_the_metrics() -> None:
    with upstream() as stub, nginx(stub.server_port) as front:
        for door in DOORS:
            front.send("GET", door, None, {})
    heard = {unquote(heard.target.partition("?")[0]) for heard in stub.heard}
    assert heard
    assert "/metrics" not in heard
