"""Broken HTTP, and how it is answered.

A key is a template, and the statuses that gunicorn alone and nginx in front of it answer with, in
their order; there may be none. Each value is put into the template for a request of its own. An
accepted request gets 200 on `/health/live`, and 401 on `/auth/login`, where nobody has this
password.
"""

Answers = int | tuple[int, ...]
Table = dict[tuple[bytes, Answers, Answers], list[bytes]]

HEADLESS = 9
"""The answer to HTTP/0.9: a body without status or headers."""

BODY = b'{"email": "nobody@example.com", "password": "secret"}    '
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"39\r\n" + BODY + b"\r\n0\r\n\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
LIVE_1_0 = LIVE.replace(b"1.1", b"1.0")
GET = LIVE + b"\r\n"
POST = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

LINE = b"%b\r\nHost: localhost\r\n\r\n"
METHOD, TARGET = LINE % b"%b /health/live HTTP/1.1", LINE % b"GET %b HTTP/1.1"
VERSION = LINE % b"GET /health/live %b"
HOST = b"GET /health/live HTTP/1.1\r\nHost: %b\r\n\r\n"
HEADER, LOG_IN = LIVE + b"%b\r\n\r\n", POST + b"%b\r\n\r\n" + BODY
LENGTH = LOG_IN % b"Content-Length: %b"
IN_CHUNKED = POST + CHUNKED + b"\r\n\r\n%b"
SIZE = IN_CHUNKED % (b"%b\r\n" + BODY + b"\r\n0\r\n\r\n")
END = IN_CHUNKED % (b"39\r\n" + BODY + b"%b")
TRAILER = END % b"\r\n0\r\n%b\r\n\r\n"
AS_IT_IS, BEFORE_GET, AFTER_GET = b"%b", b"%b" + GET, GET + b"%b"

UPGRADE = b"Connection: Upgrade\r\nUpgrade: "
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"
X8, X9 = b"X: " + b"y" * 8000, b"X: " + b"y" * 9000
PROXY = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12)
CLIENT_HELLO = bytes.fromhex("16030100310100002d0303") + bytes(range(32)) + b"\0\0\2\x13\1\1\0\0\2"
RANDOM = bytes.fromhex("9f3c0d0ae41b77c05a0a00d3862ef1490d0a0d0ab86d")


def each(values: bytes) -> list[bytes]:
    return values.split(b"|")


WHOLE: Table = {
    # The framing of a body: chunks, trailers, lengths.
    (SIZE, 401, 401): [*each(b'0039|39;a=b|39;a="b;c"|39 ; a = b'), b"0" * 9000 + b"39"]
    + [b"39;a=" + b"b" * 9000],
    (SIZE, 400, 401): each(b'39 |39\t|39;|39;=b|39;a="b|39;a\0b'),
    (SIZE, 400, 400): each(b'|zz|0x39|-39|+39|3_9| 39|3 9|39.0|"39"|39\0|39,39|38|3b|39;a\rb')
    + each(b"39;a\nb|\xd9\xa3\xd9\xa9|\xef\xbc\x93\xef\xbc\x99"),
    (IN_CHUNKED, 401, 401): [CHUNKS, b"3A\r\n" + BODY + b" \r\n0\r\n\r\n"],
    (IN_CHUNKED, 400, 400): [CHUNKS.replace(b"39\r", b"39"), CHUNKS.replace(b"9\r\n", b"9\r")]
    + [b"0\r\n\r\n", b"zz\r\n\r\n" + GET],
    (IN_CHUNKED, (401, 200), (401, 200)): [CHUNKS + GET],
    (END, 401, 401): [b"\r\n000\r\n\r\n"],
    (END, 400, 400): each(b"0\r\n\r\n|\n0\r\n\r\n|\r0\r\n\r\n|\r\n-0\r\n\r\n"),
    (END, (401, 400), (401, 400)): [b"\r\n0\r\n\r\n0\r\n\r\n"],
    (TRAILER, 401, 401): [b"X: y"],
    (TRAILER, 400, 401): each(b"X|X : y|X: \0|X: y\r\n z|Content-Length: 5|Host: example.com")
    + [CHUNKED, b"Authorization: Bearer x", X9, b"\r\n".join([b"X: y"] * 101)],
    (TRAILER, 400, 400): [b"X: y\nY: z"],
    (LENGTH, 401, 401): each(b"57|00057|57\r\nContent_Length: 5"),
    (LENGTH, 401, 400): [b"\t57\t"],
    (LENGTH, 400, 400): each(b'+57|-57|57.0|57e0|0x39|5_7|5 7|57, 57|57,5|"57"||all|57\0|\v57|\xb2')
    + each(b"\xd9\xa5\xd9\xa7|57\r\nContent-Length: 57|57\r\ncontent-length: 5")
    + [b"9" * 5000],
    (AS_IT_IS, 413, 413): [POST + b"Content-Length: 65537\r\n\r\n" + b" " * 65537],
    (LOG_IN, 400, 400): each(b"Content-Length : 57|Content-Length:\r\n 57")
    + [b"Content-Type: text/plain\r\nContent-Length: 57"],
    (LOG_IN, (100, 401), (100, 401)): [b"Expect: 100-Continue\r\nContent-Length: 57"],
    (LOG_IN, 401, 401): [b"Content-Encoding: gzip\r\nContent-Length: 57"],
    (AS_IT_IS, 401, 501): [
        POST + b"Transfer-Encoding: %b, chunked\r\n\r\n" % coding + CHUNKS
        for coding in each(b"gzip|identity")
    ],
    (AS_IT_IS, (400, 400), (400, 400)): [
        POST + headers + b"\r\n" + BODY + b"\r\n\r\n"
        for headers in each(b"|Content-Length: 5\r\n|Content_Length: 61\r\n")
    ],
    # Headers and hosts.
    (HEADER, 200, 200): each(b"X: a\tb|X: a\xffb|X: \xc3\xa9|X:|X.Y: z|X_Y: z|X-Request-ID: \xff")
    + each(b"Origin: \xff|PATH_INFO: /nothing\r\nSCRIPT_NAME: /x|Range: bytes=-1--2")
    + each(b"Connection: close, keep-alive|Connection: keep-alive\r\nConnection: close")
    + each(b"Connection: \xff,,,|Connection: Host|Keep-Alive: timeout=-1, max=0")
    + each(b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off|X-Forwarded-For: \xff,,1.2.3.4.5")
    + each(b"X-HTTP-Method-Override: DELETE|X-Original-URL: /me\r\nX-Rewrite-URL: /me")
    + [X8, b"Cookie: " + b"a=b; " * 1500, b"\r\n".join([b"X: y"] * 95), H2C, UPGRADE + b"TLS/1.0"]
    + [CHUNKED + b"\r\n\r\n" + CHUNKS[:-4], b"Content-Length: 4\r\n\r\n"],
    (HEADER, 200, 400): [CHUNKED + b"\r\n\r\nzz"],
    (HEADER, 200, 431): [b"\r\n".join([b"X: y"] * 98)],  # nginx adds some
    (HEADER, 400, 200): each(b"X: a\nb|X\nY: z|X\xff: y|X(: y|X|" + UPGRADE + b"websocket"),
    (HEADER, 400, 400): each(b"X: a\0b|X: a\rb|X: a\vb|X: a\x1bb|X: a\x7fb|X: a\r\n b|X: a\r\n\tb")
    + each(b"X\0: y|X\rY: z|X\v: y|X\x7f: y|X Y: z|X\tY: z|: y|:|X : y|X\t: y| X: y")
    + each(b"Host: localhost|hOST: example.com|Content-Length: 0\r\nContent-Length: 0"),
    (HEADER, 417, 200): each(b"Expect: nonsense|Expect:|Expect: 100-continue, x"),
    (HEADER, (100, 200), (100, 200)): [b"Expect: 100-continue"],
    (HEADER, 431, 431): [X9, X9 * 30, b"X" * 9000 + b": y", b"\r\n".join([X8] * 20)]
    + [b"\r\n".join([b"X: y"] * 100), b"\r\n".join([b"X: y"] * 1000)],
    (HOST, 200, 200): each(b"localhost:|[::1]:80|local_host"),
    (HOST, 400, 400): each(b"|\r\n localhost|local host|local\thost|local\0host|localhost/health")
    + each(b"ada@localhost|http://localhost|<script>|\xff|localhost:http|localhost:80:80|:80|[::1")
    + [b"..", b"x" * 300],
    (AS_IT_IS, 200, 200): [b"GET /health/live HTTP/1.0\r\n\r\n"]
    + [LIVE_1_0 + b"Expect: 100-continue\r\n\r\n"],
    (LINE, 415, 415): [b"POST /auth/login HTTP/1.1\r\nContent-Length: 0\r\nContent-Type: \xff;;="],
    (LINE, 401, 401): [b"GET /me HTTP/1.1\r\nAuthorization: Bearer \xff\xfe"]
    + [b"POST /auth/refresh HTTP/1.1\r\nCookie: refreshToken=\xff; ;;=,"],
    (LINE, 401, 400): [b"GET /me HTTP/1.1\r\nAuthorization: Bearer x\r\nAuthorization: Bearer y"],
    # The first line.
    (VERSION, 200, 200): each(b"HTTP/1.0|HTTP/1.2"),
    (VERSION, 400, 200): each(b"HTTP/1.10|HTTP/1.1 "),
    (VERSION, 400, 400): each(b"HTTP/0.9|HTTP/1|HTTP/1.|HTTP/01.1|HTTP/-1.1|HTTP/1,1|HTTP/1.1a")
    + each(b"HTTP/1.\xb9|HTTP/1.1\0|HTTP /1.1|http/1.1|HTTPS/1.1|HTTP/1.1 HTTP/1.1"),
    (VERSION, 400, 505): each(b"HTTP/2.0|HTTP/2|HTTP/9.9|HTTP/11.1"),
    (METHOD, 200, 200): each(b"HEAD|OPTIONS"),
    (METHOD, 400, 200): [b"GET "],
    (METHOD, 400, 400): each(b'get|Get||G|GET GET|G\0T|GET\t|G\xc9T|G/T|"GET"|GET,POST| GET')
    + [b"A" * 21],
    (METHOD, 405, 405): [*each(b"G_T|BREW|PRI|TRACE"), b"A" * 20],
    (METHOD, 405, 400): each(b"G!T|123|CONNECT"),
    (METHOD, 414, 414): [b"A" * 9000],
    (LINE, 404, 400): [b"OPTIONS * HTTP/1.1"],
    (LINE, 404, 405): [b"CONNECT localhost:80 HTTP/1.1"],
    (LINE, 400, 400): each(b"GET\t/health/live\tHTTP/1.1|GET\v/health/live\vHTTP/1.1|GET|  "),
    (TARGET, 200, 200): each(b"http://localhost/health/live|https://localhost/health/live")
    + each(b"http://example.com/health/live|/health/live#x|/health/live?%00|/health/live?%zz")
    + [b"/health/%6cive", b"/health/live?" + b"x" * 4000],
    (TARGET, 200, 400): each(b"http:///health/live|http://a:b@localhost/health/live"),
    (TARGET, 400, 200): [b"/health/live "],
    (TARGET, 400, 400): each(
        b"*|http://[::1/health/live|http:/health/live|localhost:80|health/live"
    )
    + each(b"?x|#x||/health live|/health/live?a b|/\0|/\r|/\v|/\x7f|/\xc3\xa9|/\xff")
    + each(b"/health/live?\xc3\xa9|\\health\\live"),
    (TARGET, 401, 401): [b"/movies?" + b"a&" * 1500, b"/movies?page=%ff"],
    (TARGET, 404, 400): each(b"file:///etc/passwd|/health/live%00|/%2|/%zz|/%u0041")
    + [b"/../../etc/passwd"],
    (TARGET, 404, 404): each(
        b"http://localhost|http://localhost?x|/%0d%0aX:%20y|/%ff%fe|/%ed%a0%80"
    )
    + each(b'/%c0%ae%c0%ae/health/live|/%f4%90%80%80|/health%2flive|/health/live%3f|/<">{}^`[]')
    + each(b"/movies/../health/live|/movies/%2e%2e/health/live|/health/./live|/health\\live")
    + each(b"//health/live|/health//live|/health/live/|/health/live;x=y")
    + [b"/" + b"x" * 8000, b"/" * 4000],
    (TARGET, 414, 414): [b"/" + b"x" * 9000],
    (AS_IT_IS, 414, 414): [b"GET /" + b"x" * 70_000],
    (AS_IT_IS, 400, HEADLESS): [b"GET /health/live\r\n\r\n"],
    # The ends of lines, and what is no HTTP at all.
    (BEFORE_GET, 400, 200): each(b"\r\n\r\n|\n|\r"),
    (BEFORE_GET, 400, 400): each(
        b"\0|\xef\xbb\xbf|PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n|nonsense\r\n\r\n"
    )
    + [PROXY],
    (AS_IT_IS, 400, 200): [GET.replace(b"\r", b""), GET.replace(b"\r", b"", 1), GET[:-2] + b"\n"]
    + [LIVE + b"X: y\n\r\n"],
    (AS_IT_IS, 400, (200, 200)): [LIVE + b"X: y\n\n" + GET + b"\r\n\r\n"],
    (AS_IT_IS, 400, 400): each(b"EHLO localhost\r\n|*1\r\n$4\r\nPING\r\n|SSH-2.0-OpenSSH_9.9\r\n")
    + each(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n|{"jsonrpc": "2.0"}\r\n\r\n')
    + [b"OPTIONS rtsp://localhost/x RTSP/1.0\r\nCSeq: 1\r\n\r\n", CLIENT_HELLO + b"\r\n", RANDOM]
    + [
        b"OPTIONS sip:ada@localhost SIP/2.0\r\n\r\n",
        bytes(range(256)),
        GET.decode().encode("utf-16le"),
    ]
    + [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", b"GET /health/live HTTP/1.1\r\n\r\n"]
    + [b"GET /health/live HTTP/1.1\r\n Host: localhost\r\n\r\n", GET.replace(b"\r\n", b"\n\r")]
    + [GET.replace(b"\r", b"\r\r"), POST + b"Content-Length: -0\r\n\r\n", POST + b"\r\n"],
    # Requests behind each other.
    (AFTER_GET, (200, 200), (200, 200)): [GET, b"\r\n" + GET],
    (AFTER_GET, (200, 400), (200, 200)): [b"\r\n\r\n" + GET, GET.replace(b"\r", b"")],
    (AFTER_GET, (200, 400), (200, 400)): [b"nonsense\r\n\r\n", b"\x16\x03\x01\n"],
    (BEFORE_GET, (401, 200), (401, 200)): [LENGTH % b"57"],
    (BEFORE_GET, (400, 200), (400, 200)): [POST + b"\r\n"],
    (BEFORE_GET, (404, 200), (404, 200)): [TARGET % b"/nothing"],
    (BEFORE_GET, (405, 200), 405): [METHOD % b"TRACE"],
    (BEFORE_GET, (100, 200, 200), (100, 200, 200)): [HEADER % b"Expect: 100-continue"],
    (BEFORE_GET, 200, 200): [b"\r\n", HEADER % b"Connection: close", VERSION % b"HTTP/1.0"],
    (BEFORE_GET, (200, 200), (200, 200)): [
        METHOD % b"OPTIONS",
        LIVE + b"Content-Length: 5\r\n\r\nhello",
    ]
    + [LIVE_1_0 + b"Connection: keep-alive\r\n\r\n"],
    (AS_IT_IS, (200,) * 50, (200,) * 50): [GET * 50],
}
"""What ends by itself, whether it is a request or not."""


HALVES: Table = {
    (AS_IT_IS, (), ()): each(b"|\r\n|GE|GET /health/live HT|GET /health/live HTTP/1.1\r")
    + [GET[:20], GET[:40], GET[:-2], GET[:-1]],
    (AS_IT_IS, (), 400): [GET.replace(b"\n", b""), b"\x05\x01\0", b"\0\0\0\x08\4\xd2\x16/"]
    + [b"\x16\3\1", bytes(1000)],
    (AS_IT_IS, 400, ()): [b"\n" * 1000, LENGTH % b"1000"]
    + [POST + b"Content-Length: 57\r\n\r\n" + body for body in (b"", BODY[:20])],
    (AS_IT_IS, 404, ()): [b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 57\r\n\r\nhe"],
    (AS_IT_IS, (100, 400), 100): [POST + b"Expect: 100-continue\r\nContent-Length: 57\r\n\r\n"],
    (HEADER, 200, ()): [b"Content-Length: 9\r\n\r\nhe", CHUNKED + b"\r\n\r\n5"],
    (LENGTH, 413, 400): [b"9223372036854775808", b"18446744073709551673", b"1" + b"0" * 4000],
    (IN_CHUNKED, 400, ()): [b"", b"3", b"39\r", b"39\r\n" + BODY[:20]],
    (END, 400, ()): each(b"|\r\n|\r\n0\r\n|\r\n0\r\nX: y\r\n"),
    (END, 400, 400): [b"\r\n0\n\n"],
    (SIZE, 400, 413): [b"100000000"],
    (SIZE, 400, 400): [b"8000000000000000", b"10000000000000039"],
}
"""What is no whole request, so that the server waits until its client says that it was all."""

ACCOUNT = b'{"name": "Eve", "email": "eve@example.com", "password": "correct horse battery"}'
SMUGGLED = (
    POST.replace(b"login", b"signup") + b"X-Request-ID: smuggled\r\nContent-Length: %d\r\n\r\n"
)
SMUGGLED = SMUGGLED % len(ACCOUNT) + ACCOUNT
ALL = b"Content-Length: %d" % len(SMUGGLED)
AFTER_CHUNKS = b"0\r\n\r\n" + SMUGGLED
IN_CHUNKS = b"%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n"


BESIDE_LENGTH = POST + b"Content-Length: %d\r\n%%b\r\n\r\n" % len(AFTER_CHUNKS) + AFTER_CHUNKS
CODING = BESIDE_LENGTH % b"Transfer-Encoding:%b"
HOLDING = b"%b\r\nHost: localhost\r\n" + ALL + b"\r\n\r\n" + SMUGGLED
BEFORE_IT = b"%b" + SMUGGLED

SMUGGLING: Table = {
    (CODING, 400, 400): each(b" chunked| CHUNKED| chunked\0|\r\n chunked")
    + [b" chunked\r\n" + CHUNKED],
    (CODING, 400, 501): each(b"\tchunked| \vchunked| chunked\f| identity| chunked, chunked")
    + each(b" chunked, identity| identity, chunked| gzip, chunked"),
    (CODING, 501, 501): each(b" \xffchunked| xchunked| chunked;q=1| chunked,| ,chunked|| gzip, x")
    + [b' "chunked"'],
    (CODING, 501, 400): [b" chunked\r\nTransfer-Encoding: x", b" x\r\n" + CHUNKED],
    (BESIDE_LENGTH, 400, 400): each(b"Transfer-Encoding : chunked| Transfer-Encoding: chunked")
    + each(b"Transfer-Encoding\0: chunked|Transfer_Encoding: chunked|Content-Encoding: chunked")
    + each(b"Tr\xc3\xa4nsfer-Encoding: chunked|TE: chunked|Trailer: Content-Length")
    + [b"X: y\n" + CHUNKED, b"X: y\r" + CHUNKED, b"Connection: Content-Length"]
    + [H2C, UPGRADE + b"websocket"],
    (BESIDE_LENGTH, (100, 400), (100, 400)): [b"Expect: 100-continue"],
    (AS_IT_IS, 400, 400): [
        POST + CHUNKED + b"\r\nContent-Length: 4\r\n\r\n" + IN_CHUNKS,
        POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n\r\n" + AFTER_CHUNKS,
        POST.replace(b"1.1", b"1.0") + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n\r\n" + IN_CHUNKS,
        POST + ALL + b"\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
        POST + ALL.replace(b" ", b" +") + b"\r\n\r\n" + SMUGGLED,
        IN_CHUNKED % (b"39;\n" + b"x" * 0x39 + b"\r\n" + AFTER_CHUNKS),
        HEADER % (b"X: y\r\r" + SMUGGLED),
    ],
    (AS_IT_IS, 501, 501): [POST + b"Transfer-Encoding: xchunked\r\n\r\n" + AFTER_CHUNKS],
    (AS_IT_IS, 200, 400): [LIVE + CHUNKED + b"\r\n\r\n2\r\nabc\r\n" + AFTER_CHUNKS],
    (HOLDING, 200, 200): each(
        b"GET /health HTTP/1.1|HEAD /health HTTP/1.1|OPTIONS /health HTTP/1.1"
    ),
    (HOLDING, 405, 405): [b"TRACE /health/live HTTP/1.1", b"DELETE /health/live HTTP/1.1"],
    (HOLDING, 404, 404): [b"POST /nothing HTTP/1.1"],
    (HOLDING, (100, 404), (100, 404)): [b"POST /nothing HTTP/1.1\r\nExpect: 100-continue"],
    (HOLDING, 401, 401): [b"POST /movies HTTP/1.1"],
    (HOLDING, 415, 415): [b"POST /auth/login HTTP/1.1\r\nContent-Type: message/http"],
    (BEFORE_IT, 413, 413): [
        POST + b"Content-Length: %d\r\n\r\n" % (1048577 + len(SMUGGLED)) + b" " * 1048577
    ],
    (BEFORE_IT, 404, 405): [LINE % b"CONNECT localhost:80 HTTP/1.1"],
    (BEFORE_IT, 200, 400): [LIVE + CHUNKED + b"\r\n\r\nzz\r\n\r\n"],
    (BEFORE_IT, 400, 400): [HEADER % b"X : y", IN_CHUNKED % b"zz\r\n\r\n"],
    (BEFORE_IT, 200, 200): [HEADER % b"Connection: close", VERSION % b"HTTP/1.0"],
    (TARGET, 200, 200): [b"/health/live?" + b"".join(b"%%%02x" % byte for byte in SMUGGLED)],
    (TARGET, 400, HEADLESS): [b"/health/live?\r\n\r\n" + SMUGGLED],
    (HEADER, 200, 200): [CHUNKED + b"\r\n\r\n" + IN_CHUNKS[:-4]],
}
"""Requests that hide another one, which is never to be served: it would make an account."""
