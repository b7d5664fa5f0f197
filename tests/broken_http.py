"""Broken HTTP, byte by byte, and how it is answered.

A row is what is sent, what gunicorn alone answers, and what comes by way of nginx: the statuses of
all answers, in their order, of which there may be none. Whoever it is that answers, gunicorn, the
service or nginx, errors have the one envelope. An accepted request gets 200 on
`/health/live`, and 401 on `/auth/login`, where nobody has this password.
"""

Answers = int | tuple[int, ...]
Row = tuple[bytes, Answers, Answers]

HEADLESS = 9
"""The answer to HTTP/0.9: a body without status or headers."""

JSON = b"Content-Type: application/json"
CHUNKED = b"Transfer-Encoding: chunked"
BODY = b'{"email": "nobody@example.com", "password": "secret"}    '
CHUNKS_OF_BODY = b"39\r\n" + BODY + b"\r\n0\r\n\r\n"
ACCOUNT = b'{"name": "Eve", "email": "eve@example.com", "password": "correct horse battery"}'


def request(line: bytes, *headers: bytes, host: bytes = b"localhost", body: bytes = b"") -> bytes:
    return b"\r\n".join([line, b"Host: " + host, *headers, b"", body])


def get(*headers: bytes, host: bytes = b"localhost", body: bytes = b"") -> bytes:
    return request(b"GET /health/live HTTP/1.1", *headers, host=host, body=body)


def target(address: bytes) -> bytes:
    return request(b"GET " + address + b" HTTP/1.1")


def method(name: bytes, address: bytes = b"/health/live") -> bytes:
    return request(name + b" " + address + b" HTTP/1.1")


def version(text: bytes) -> bytes:
    return request(b"GET /health/live " + text)


def log_in(*headers: bytes, body: bytes = BODY) -> bytes:
    return request(b"POST /auth/login HTTP/1.1", JSON, *headers, body=body)


def length(value: bytes, body: bytes = BODY) -> bytes:
    return log_in(b"Content-Length: " + value, body=body)


def chunks(body: bytes) -> bytes:
    return log_in(CHUNKED, body=body)


def size(text: bytes) -> bytes:
    return chunks(text + b"\r\n" + BODY + b"\r\n0\r\n\r\n")


def end(text: bytes) -> bytes:
    return chunks(b"39\r\n" + BODY + text)


def trailer(text: bytes) -> bytes:
    return end(b"\r\n0\r\n" + text + b"\r\n\r\n")


CHUNKS: dict[str, Row] = {
    "chunks": (chunks(CHUNKS_OF_BODY), 401, 401),
    "a capital size": (chunks(b"3A\r\n" + BODY + b" \r\n0\r\n\r\n"), 401, 401),
    "a size with zeros in front": (size(b"0039"), 401, 401),
    "a size with 9,000 zeros in front": (size(b"0" * 9000 + b"39"), 401, 401),
    "no size": (size(b""), 400, 400),
    "a size that is no number": (size(b"zz"), 400, 400),
    "a size with 0x": (size(b"0x39"), 400, 400),
    "a negative size": (size(b"-39"), 400, 400),
    "a size with a plus": (size(b"+39"), 400, 400),
    "a size with an underscore": (size(b"3_9"), 400, 400),
    "a size after a space": (size(b" 39"), 400, 400),
    "a size before a space": (size(b"39 "), 400, 401),
    "a size before a tab": (size(b"39\t"), 400, 401),
    "a size in two": (size(b"3 9"), 400, 400),
    "a fractional size": (size(b"39.0"), 400, 400),
    "a quoted size": (size(b'"39"'), 400, 400),
    "a size with NUL": (size(b"39\0"), 400, 400),
    "two sizes": (size(b"39,39"), 400, 400),
    "a size in Arabic digits": (size(b"\xd9\xa3\xd9\xa9"), 400, 400),
    "a size in wide digits": (size(b"\xef\xbc\x93\xef\xbc\x99"), 400, 400),
    "a size that ends with LF": (chunks(CHUNKS_OF_BODY.replace(b"39\r", b"39")), 400, 400),
    "a size that ends with CR": (chunks(CHUNKS_OF_BODY.replace(b"39\r\n", b"39\r")), 400, 400),
    "an extension": (size(b"39;a=b"), 401, 401),
    "an extension in quotes": (size(b'39;a="b;c"'), 401, 401),
    "an extension with spaces": (size(b"39 ; a = b"), 401, 401),
    "an empty extension": (size(b"39;"), 400, 401),
    "an extension without a name": (size(b"39;=b"), 400, 401),
    "an extension with one quote": (size(b'39;a="b'), 400, 401),
    "an extension with NUL": (size(b"39;a\0b"), 400, 401),
    "an extension with CR": (size(b"39;a\rb"), 400, 400),
    "an extension with LF": (size(b"39;a\nb"), 400, 400),
    "an extension of 9,000 bytes": (size(b"39;a=" + b"b" * 9000), 401, 401),
    "more than the size": (size(b"38"), 400, 400),
    "less than the size": (size(b"3b"), 400, 400),
    "a chunk without an end": (end(b"0\r\n\r\n"), 400, 400),
    "a chunk that ends with LF": (end(b"\n0\r\n\r\n"), 400, 400),
    "a chunk that ends with CR": (end(b"\r0\r\n\r\n"), 400, 400),
    "a last size of minus zero": (end(b"\r\n-0\r\n\r\n"), 400, 400),
    "a last size of three zeros": (end(b"\r\n000\r\n\r\n"), 401, 401),
    "two last chunks": (end(b"\r\n0\r\n\r\n0\r\n\r\n"), (401, 400), (401, 400)),
    "no chunk but the last": (chunks(b"0\r\n\r\n"), 400, 400),
    "a trailer": (trailer(b"X: y"), 401, 401),
    "a trailer without a colon": (trailer(b"X"), 400, 401),
    "a trailer with a space in its name": (trailer(b"X : y"), 400, 401),
    "a trailer with NUL": (trailer(b"X: \0"), 400, 401),
    "a trailer with LF": (trailer(b"X: y\nY: z"), 400, 400),
    "a trailer in two lines": (trailer(b"X: y\r\n z"), 400, 401),
    "a length as a trailer": (trailer(b"Content-Length: 5"), 400, 401),
    "a coding as a trailer": (trailer(CHUNKED), 400, 401),
    "a host as a trailer": (trailer(b"Host: example.com"), 400, 401),
    "a token as a trailer": (trailer(b"Authorization: Bearer x"), 400, 401),
    "101 trailers": (trailer(b"\r\n".join([b"X: y"] * 101)), 400, 401),
    "a trailer of 9,000 bytes": (trailer(b"X: " + b"y" * 9000), 400, 401),
    "chunks for a GET": (get(CHUNKED, body=CHUNKS_OF_BODY), 200, 200),
    "broken chunks that nobody reads": (get(CHUNKED, body=b"zz\r\n\r\n"), 200, 400),
}

LENGTHS: dict[str, Row] = {
    "a length": (length(b"57"), 401, 401),
    "a length with zeros in front": (length(b"00057"), 401, 401),
    "a length between tabs": (length(b"\t57\t"), 401, 400),
    "a length with a plus": (length(b"+57"), 400, 400),
    "a negative length": (length(b"-57"), 400, 400),
    "a length of minus zero": (length(b"-0", b""), 400, 400),
    "a fractional length": (length(b"57.0"), 400, 400),
    "a length with an exponent": (length(b"57e0"), 400, 400),
    "a length in hexadecimal": (length(b"0x39"), 400, 400),
    "a length with an underscore": (length(b"5_7"), 400, 400),
    "a length in two": (length(b"5 7"), 400, 400),
    "a list of one length": (length(b"57, 57"), 400, 400),
    "a list of two lengths": (length(b"57,5"), 400, 400),
    "a quoted length": (length(b'"57"'), 400, 400),
    "an empty length": (length(b""), 400, 400),
    "a length in words": (length(b"all"), 400, 400),
    "a length with NUL": (length(b"57\0"), 400, 400),
    "a length after VT": (length(b"\x0b57"), 400, 400),
    "a superscript length": (length(b"\xb2"), 400, 400),
    "a length in Arabic digits": (length(b"\xd9\xa5\xd9\xa7"), 400, 400),
    "a length of 5,000 digits": (length(b"9" * 5000), 400, 400),
    "one length twice": (log_in(b"Content-Length: 57", b"Content-Length: 57"), 400, 400),
    "two lengths": (log_in(b"Content-Length: 57", b"content-length: 5"), 400, 400),
    "two lengths for a GET": (get(b"Content-Length: 0", b"Content-Length: 0"), 400, 400),
    "a space after the length's name": (log_in(b"Content-Length : 57"), 400, 400),
    "a length on a line of its own": (log_in(b"Content-Length:\r\n 57"), 400, 400),
    "a length with another in disguise": (
        log_in(b"Content-Length: 57", b"Content_Length: 5"),
        401,
        401,
    ),
    "a length in disguise": (
        log_in(b"Content_Length: 61", body=BODY + b"\r\n\r\n"),
        (400, 400),
        (400, 400),
    ),
    "a body without a length": (log_in(body=BODY + b"\r\n\r\n"), (400, 400), (400, 400)),
    "more than the length": (length(b"5", BODY + b"\r\n\r\n"), (400, 400), (400, 400)),
    "neither body nor length": (log_in(body=b""), 400, 400),
    "a body for a GET": (get(b"Content-Length: 5", body=b"hello"), 200, 200),
    "a body over the limit": (length(b"65537", b" " * 65537), 413, 413),
}

SMUGGLED = request(
    b"POST /auth/signup HTTP/1.1",
    JSON,
    b"X-Request-ID: smuggled",
    b"Content-Length: %d" % len(ACCOUNT),
    body=ACCOUNT,
)
ALL = b"Content-Length: %d" % len(SMUGGLED)
AFTER_CHUNKS = b"0\r\n\r\n" + SMUGGLED
IN_CHUNKS = b"%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n"


def beside_length(*headers: bytes) -> bytes:
    """A length that covers the smuggled request, and headers that could let it out."""
    return log_in(b"Content-Length: %d" % len(AFTER_CHUNKS), *headers, body=AFTER_CHUNKS)


def holding(line: bytes, *headers: bytes) -> bytes:
    return request(line, ALL, *headers, body=SMUGGLED)


SMUGGLING: dict[str, Row] = {
    "a length and chunks": (beside_length(CHUNKED), 400, 400),
    "chunks and a length": (
        log_in(CHUNKED, b"Content-Length: 4", body=IN_CHUNKS),
        400,
        400,
    ),
    "a capital coding": (beside_length(b"Transfer-Encoding: CHUNKED"), 400, 400),
    "a coding after a tab": (beside_length(b"Transfer-Encoding:\tchunked"), 400, 501),
    "a coding after VT": (beside_length(b"Transfer-Encoding: \vchunked"), 400, 501),
    "a coding before FF": (beside_length(b"Transfer-Encoding: chunked\f"), 400, 501),
    "a coding before NUL": (beside_length(b"Transfer-Encoding: chunked\0"), 400, 400),
    "a coding after a high byte": (
        beside_length(b"Transfer-Encoding: \xffchunked"),
        501,
        501,
    ),
    "a coding of a similar name": (beside_length(b"Transfer-Encoding: xchunked"), 501, 501),
    "a coding with a parameter": (beside_length(b"Transfer-Encoding: chunked;q=1"), 501, 501),
    "a quoted coding": (beside_length(b'Transfer-Encoding: "chunked"'), 501, 501),
    "a coding and nothing": (beside_length(b"Transfer-Encoding: chunked,"), 501, 501),
    "nothing and a coding": (beside_length(b"Transfer-Encoding: ,chunked"), 501, 501),
    "an empty coding": (beside_length(b"Transfer-Encoding:"), 501, 501),
    "no coding": (beside_length(b"Transfer-Encoding: identity"), 400, 501),
    "chunks twice": (beside_length(b"Transfer-Encoding: chunked, chunked"), 400, 501),
    "chunks in nothing": (beside_length(b"Transfer-Encoding: chunked, identity"), 400, 501),
    "nothing in chunks": (beside_length(b"Transfer-Encoding: identity, chunked"), 400, 501),
    "gzip in chunks": (beside_length(b"Transfer-Encoding: gzip, chunked"), 400, 501),
    "gzip and something else": (beside_length(b"Transfer-Encoding: gzip, x"), 501, 501),
    "chunks in two lines": (beside_length(CHUNKED, CHUNKED), 400, 400),
    "chunks, then something else": (beside_length(CHUNKED, b"Transfer-Encoding: x"), 501, 400),
    "something else, then chunks": (beside_length(b"Transfer-Encoding: x", CHUNKED), 501, 400),
    "a space after the coding's name": (
        beside_length(b"Transfer-Encoding : chunked"),
        400,
        400,
    ),
    "a space before the coding's name": (beside_length(b" " + CHUNKED), 400, 400),
    "a coding's name with NUL": (beside_length(b"Transfer-Encoding\0: chunked"), 400, 400),
    "a coding's name with an underscore": (beside_length(b"Transfer_Encoding: chunked"), 400, 400),
    "a coding's name with an umlaut": (
        beside_length("Tränsfer-Encoding: chunked".encode()),
        400,
        400,
    ),
    "a coding on a line of its own": (
        beside_length(b"Transfer-Encoding:\r\n chunked"),
        400,
        400,
    ),
    "a coding behind LF": (beside_length(b"X: y\n" + CHUNKED), 400, 400),
    "a coding behind CR": (beside_length(b"X: y\r" + CHUNKED), 400, 400),
    "a coding of content": (beside_length(b"Content-Encoding: chunked"), 400, 400),
    "a coding for the answer": (beside_length(b"TE: chunked"), 400, 400),
    "a length for this hop only": (beside_length(b"Connection: Content-Length"), 400, 400),
    "a length to be replaced by a trailer": (beside_length(b"Trailer: Content-Length"), 400, 400),
    "a body that was to be asked for": (
        beside_length(b"Expect: 100-continue"),
        (100, 400),
        (100, 400),
    ),
    "an upgrade to HTTP/2": (
        beside_length(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: "),
        400,
        400,
    ),
    "an upgrade to a WebSocket": (
        beside_length(b"Connection: Upgrade", b"Upgrade: websocket"),
        400,
        400,
    ),
    "a coding of a similar name alone": (
        log_in(b"Transfer-Encoding: xchunked", body=AFTER_CHUNKS),
        501,
        501,
    ),
    "chunks in HTTP/1.0": (
        request(b"POST /auth/login HTTP/1.0", JSON, CHUNKED, body=AFTER_CHUNKS),
        400,
        400,
    ),
    "a length and chunks in HTTP/1.0": (
        request(b"POST /auth/login HTTP/1.0", JSON, b"Content-Length: 5", CHUNKED, body=IN_CHUNKS),
        400,
        400,
    ),
    "a long length and a short one": (
        log_in(ALL, b"Content-Length: 0", body=SMUGGLED),
        400,
        400,
    ),
    "a length that is a plus away": (
        log_in(b"Content-Length: +%d" % len(SMUGGLED), body=SMUGGLED),
        400,
        400,
    ),
    "broken chunks": (chunks(b"zz\r\n\r\n" + SMUGGLED), 400, 400),
    "broken chunks for a GET": (get(CHUNKED, body=b"zz\r\n\r\n" + SMUGGLED), 200, 400),
    "a chunk shorter than it is": (get(CHUNKED, body=b"2\r\nabc\r\n" + AFTER_CHUNKS), 200, 400),
    "an extension behind LF": (
        chunks(b"39;\n" + b"x" * 0x39 + b"\r\n" + AFTER_CHUNKS),
        400,
        400,
    ),
    "the body of a GET": (holding(b"GET /health/live HTTP/1.1"), 200, 200),
    "the chunks of a GET": (get(CHUNKED, body=IN_CHUNKS), 200, 200),
    "the body of a HEAD": (holding(b"HEAD /health/live HTTP/1.1"), 200, 200),
    "the body of an OPTIONS": (holding(b"OPTIONS /health/live HTTP/1.1"), 200, 200),
    "the body of a TRACE": (holding(b"TRACE /health/live HTTP/1.1"), 405, 405),
    "the body of a method that is refused": (holding(b"DELETE /health/live HTTP/1.1"), 405, 405),
    "the body of a path that is not there": (holding(b"POST /nothing HTTP/1.1"), 404, 404),
    "the body of a call without a token": (holding(b"POST /movies HTTP/1.1"), 401, 401),
    "the body of a type that is refused": (
        holding(b"POST /auth/login HTTP/1.1", b"Content-Type: message/http"),
        415,
        415,
    ),
    "a body that is refused before it is asked for": (
        holding(b"POST /nothing HTTP/1.1", b"Expect: 100-continue"),
        (100, 404),
        (100, 404),
    ),
    "the end of a body over the limit": (
        length(b"%d" % (1048577 + len(SMUGGLED)), b" " * 1048577 + SMUGGLED),
        413,
        413,
    ),
    "what comes after CONNECT": (method(b"CONNECT", b"localhost:80") + SMUGGLED, 404, 405),
    "what comes after the last request": (get(b"Connection: close") + SMUGGLED, 200, 200),
    "what comes after HTTP/1.0": (version(b"HTTP/1.0") + SMUGGLED, 200, 200),
    "what comes after an error": (get(b"X : y") + SMUGGLED, 400, 400),
    "a header's value behind CR": (get(b"X: y\r\r" + SMUGGLED), 400, 400),
    "an encoded query": (
        target(b"/health/live?" + b"".join(b"%%%02x" % byte for byte in SMUGGLED)),
        200,
        200,
    ),
    "a raw query": (target(b"/health/live?\r\n\r\n" + SMUGGLED), 400, HEADLESS),
}
"""Requests that hide another one, which is never to be served: it would make an account."""

LIMITS: dict[str, Row] = {
    "an address of 4,000 bytes": (target(b"/health/live?" + b"x" * 4000), 200, 200),
    "an address of 8,000 bytes": (target(b"/" + b"x" * 8000), 404, 404),
    "an address of 9,000 bytes": (target(b"/" + b"x" * 9000), 414, 414),
    "an address without an end": (b"GET /" + b"x" * 70_000, 414, 414),
    "a path of 4,000 slashes": (target(b"/" * 4000), 404, 404),
    "1,500 parameters": (target(b"/movies?" + b"a&" * 1500), 401, 401),
    "a method of 9,000 letters": (method(b"A" * 9000), 414, 414),
    "a header of 8,000 bytes": (get(b"X: " + b"y" * 8000), 200, 200),
    "a header of 9,000 bytes": (get(b"X: " + b"y" * 9000), 431, 431),
    "a header of 300,000 bytes": (get(b"X: " + b"y" * 300_000), 431, 431),
    "a header's name of 9,000 bytes": (get(b"X" * 9000 + b": y"), 431, 431),
    "20 headers of 8,000 bytes": (get(*[b"X: " + b"y" * 8000] * 20), 431, 431),
    "1,500 cookies": (get(b"Cookie: " + b"a=b; " * 1500), 200, 200),
    "96 headers": (get(*[b"X: y"] * 95), 200, 200),
    "99 headers": (get(*[b"X: y"] * 98), 200, 431),  # nginx adds some
    "101 headers": (get(*[b"X: y"] * 100), 431, 431),
    "1,001 headers": (get(*[b"X: y"] * 1000), 431, 431),
}

HEADERS: dict[str, Row] = {
    "a value with NUL": (get(b"X: a\0b"), 400, 400),
    "a value with CR": (get(b"X: a\rb"), 400, 400),
    "a value with LF": (get(b"X: a\nb"), 400, 200),
    "a value with VT": (get(b"X: a\vb"), 400, 400),
    "a value with ESC": (get(b"X: a\x1bb"), 400, 400),
    "a value with DEL": (get(b"X: a\x7fb"), 400, 400),
    "a value with a tab": (get(b"X: a\tb"), 200, 200),
    "a value with a high byte": (get(b"X: a\xffb"), 200, 200),
    "a value in UTF-8": (get("X: é".encode()), 200, 200),
    "a value in two lines": (get(b"X: a\r\n b"), 400, 400),
    "a value in two lines with a tab": (get(b"X: a\r\n\tb"), 400, 400),
    "no value": (get(b"X:"), 200, 200),
    "a name with NUL": (get(b"X\0: y"), 400, 400),
    "a name with CR": (get(b"X\rY: z"), 400, 400),
    "a name with LF": (get(b"X\nY: z"), 400, 200),
    "a name with VT": (get(b"X\v: y"), 400, 400),
    "a name with DEL": (get(b"X\x7f: y"), 400, 400),
    "a name with a space": (get(b"X Y: z"), 400, 400),
    "a name with a tab": (get(b"X\tY: z"), 400, 400),
    "a name with a high byte": (get(b"X\xff: y"), 400, 200),
    "a name with a parenthesis": (get(b"X(: y"), 400, 200),
    "a name with a dot": (get(b"X.Y: z"), 200, 200),
    "a name with an underscore": (get(b"X_Y: z"), 200, 200),
    "no name": (get(b": y"), 400, 400),
    "no colon": (get(b"X"), 400, 200),
    "only a colon": (get(b":"), 400, 400),
    "a space before the colon": (get(b"X : y"), 400, 400),
    "a tab before the colon": (get(b"X\t: y"), 400, 400),
    "a space before the name": (get(b" X: y"), 400, 400),
    "a space before the first name": (
        b"GET /health/live HTTP/1.1\r\n Host: localhost\r\n\r\n",
        400,
        400,
    ),
    "two types": (
        log_in(b"Content-Type: text/plain", b"Content-Length: 57"),
        400,
        400,
    ),
    "a type of raw bytes": (
        request(
            b"POST /auth/login HTTP/1.1", b"Content-Type: \xff;;=", b"Content-Length: 57", body=BODY
        ),
        415,
        415,
    ),
    "a token of raw bytes": (
        request(b"GET /me HTTP/1.1", b"Authorization: Bearer \xff\xfe"),
        401,
        401,
    ),
    "two tokens": (
        request(b"GET /me HTTP/1.1", b"Authorization: Bearer x", b"Authorization: Bearer y"),
        401,
        400,
    ),
    "a cookie of raw bytes": (
        request(b"POST /auth/refresh HTTP/1.1", b"Cookie: refreshToken=\xff; ;;=,"),
        401,
        401,
    ),
    "an id of raw bytes": (get(b"X-Request-ID: \xff"), 200, 200),
    "an origin of raw bytes": (get(b"Origin: \xff"), 200, 200),
    "a path as a header": (get(b"PATH_INFO: /nothing", b"SCRIPT_NAME: /x"), 200, 200),
}

HOSTS: dict[str, Row] = {
    "no host": (b"GET /health/live HTTP/1.1\r\n\r\n", 400, 400),
    "no host in HTTP/1.0": (b"GET /health/live HTTP/1.0\r\n\r\n", 200, 200),
    "an empty host": (get(host=b""), 400, 400),
    "a host twice": (get(b"Host: localhost"), 400, 400),
    "two hosts": (get(b"hOST: example.com"), 400, 400),
    "a host on a line of its own": (get(host=b"\r\n localhost"), 400, 400),
    "a host with a space": (get(host=b"local host"), 400, 400),
    "a host with a tab": (get(host=b"local\thost"), 400, 400),
    "a host with NUL": (get(host=b"local\0host"), 400, 400),
    "a host with a path": (get(host=b"localhost/health"), 400, 400),
    "a host with a user": (get(host=b"ada@localhost"), 400, 400),
    "a host with a scheme": (get(host=b"http://localhost"), 400, 400),
    "a host with a tag": (get(host=b"<script>"), 400, 400),
    "a host with a high byte": (get(host=b"\xff"), 400, 400),
    "a host with a port in words": (get(host=b"localhost:http"), 400, 400),
    "a host with two ports": (get(host=b"localhost:80:80"), 400, 400),
    "a port without a host": (get(host=b":80"), 400, 400),
    "a host with an empty port": (get(host=b"localhost:"), 200, 200),
    "a host that is an address": (get(host=b"[::1]:80"), 200, 200),
    "a host that is half an address": (get(host=b"[::1"), 400, 400),
    "a host of dots": (get(host=b".."), 400, 400),
    "a host of 300 letters": (get(host=b"x" * 300), 400, 400),
    "a host with an underscore": (get(host=b"local_host"), 200, 200),
}

VERSIONS: dict[str, Row] = {
    "HTTP/0.9": (version(b"HTTP/0.9"), 400, 400),
    "no version": (b"GET /health/live\r\n\r\n", 400, HEADLESS),
    "HTTP/1.0": (version(b"HTTP/1.0"), 200, 200),
    "HTTP/1.2": (version(b"HTTP/1.2"), 200, 200),
    "HTTP/2.0": (version(b"HTTP/2.0"), 400, 505),
    "HTTP/2": (version(b"HTTP/2"), 400, 505),
    "HTTP/9.9": (version(b"HTTP/9.9"), 400, 505),
    "HTTP/11.1": (version(b"HTTP/11.1"), 400, 505),
    "HTTP/1": (version(b"HTTP/1"), 400, 400),
    "HTTP/1.": (version(b"HTTP/1."), 400, 400),
    "HTTP/1.10": (version(b"HTTP/1.10"), 400, 200),
    "HTTP/01.1": (version(b"HTTP/01.1"), 400, 400),
    "HTTP/-1.1": (version(b"HTTP/-1.1"), 400, 400),
    "HTTP/1,1": (version(b"HTTP/1,1"), 400, 400),
    "HTTP/1.1a": (version(b"HTTP/1.1a"), 400, 400),
    "HTTP/1.¹": (version(b"HTTP/1.\xb9"), 400, 400),
    "HTTP/1.1 and NUL": (version(b"HTTP/1.1\0"), 400, 400),
    "HTTP /1.1": (version(b"HTTP /1.1"), 400, 400),
    "http/1.1": (version(b"http/1.1"), 400, 400),
    "HTTPS/1.1": (version(b"HTTPS/1.1"), 400, 400),
    "a preface of HTTP/2": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
        400,
        400,
    ),
}

METHODS: dict[str, Row] = {
    "get": (method(b"get"), 400, 400),
    "Get": (method(b"Get"), 400, 400),
    "no method": (method(b""), 400, 400),
    "a method of one letter": (method(b"G"), 400, 400),
    "a method of 20 letters": (method(b"A" * 20), 405, 405),
    "a method of 21 letters": (method(b"A" * 21), 400, 400),
    "a method of two words": (method(b"GET GET"), 400, 400),
    "a method with NUL": (method(b"G\0T"), 400, 400),
    "a method with a tab": (method(b"GET\t"), 400, 400),
    "a method with a high byte": (method(b"G\xc9T"), 400, 400),
    "a method with a slash": (method(b"G/T"), 400, 400),
    "a method with a mark": (method(b"G!T"), 405, 400),
    "a method with an underscore": (method(b"G_T"), 405, 405),
    "a method of digits": (method(b"123"), 405, 400),
    "a quoted method": (method(b'"GET"'), 400, 400),
    "two methods": (method(b"GET,POST"), 400, 400),
    "BREW": (method(b"BREW"), 405, 405),
    "PRI": (method(b"PRI"), 405, 405),
    "TRACE": (method(b"TRACE"), 405, 405),
    "HEAD": (method(b"HEAD"), 200, 200),
    "OPTIONS": (method(b"OPTIONS"), 200, 200),
    "OPTIONS of everything": (method(b"OPTIONS", b"*"), 404, 400),
    "GET of everything": (method(b"GET", b"*"), 400, 400),
    "CONNECT to a port": (method(b"CONNECT", b"localhost:80"), 404, 405),
    "CONNECT to a path": (method(b"CONNECT"), 405, 400),
}

TARGETS: dict[str, Row] = {
    "a whole URL": (target(b"http://localhost/health/live"), 200, 200),
    "a whole URL of https": (target(b"https://localhost/health/live"), 200, 200),
    "a URL of another host": (target(b"http://example.com/health/live"), 200, 200),
    "a URL without a path": (target(b"http://localhost"), 404, 404),
    "a URL without a path but a query": (target(b"http://localhost?x"), 404, 404),
    "a URL without a host": (target(b"http:///health/live"), 200, 400),
    "a URL with a password": (target(b"http://a:b@localhost/health/live"), 200, 400),
    "a URL with half an address": (target(b"http://[::1/health/live"), 400, 400),
    "a URL of a file": (target(b"file:///etc/passwd"), 404, 400),
    "a URL with one slash": (target(b"http:/health/live"), 400, 400),
    "a host and a port": (target(b"localhost:80"), 400, 400),
    "a relative path": (target(b"health/live"), 400, 400),
    "only a query": (target(b"?x"), 400, 400),
    "only a fragment": (target(b"#x"), 400, 400),
    "no address": (target(b""), 400, 400),
    "a fragment": (target(b"/health/live#x"), 200, 200),
    "a raw space": (target(b"/health live"), 400, 400),
    "a raw space in the query": (target(b"/health/live?a b"), 400, 400),
    "raw NUL": (target(b"/\0"), 400, 400),
    "raw CR": (target(b"/\r"), 400, 400),
    "raw VT": (target(b"/\v"), 400, 400),
    "raw DEL": (target(b"/\x7f"), 400, 400),
    "raw UTF-8": (target("/é".encode()), 400, 400),
    "raw UTF-8, broken": (target(b"/\xff"), 400, 400),
    "raw UTF-8 in the query": (target("/health/live?é".encode()), 400, 400),
    "NUL": (target(b"/health/live%00"), 404, 400),
    "NUL in the query": (target(b"/health/live?%00"), 200, 200),
    "CR and LF": (target(b"/%0d%0aX:%20y"), 404, 404),
    "UTF-8, broken": (target(b"/%ff%fe"), 404, 404),
    "UTF-8, broken, in the query": (target(b"/movies?page=%ff"), 401, 401),
    "UTF-8, too long": (target(b"/%c0%ae%c0%ae/health/live"), 404, 404),
    "half a pair in UTF-8": (target(b"/%ed%a0%80"), 404, 404),
    "beyond Unicode": (target(b"/%f4%90%80%80"), 404, 404),
    "half an escape": (target(b"/%2"), 404, 400),
    "an escape that is none": (target(b"/%zz"), 404, 400),
    "an escape that is none in the query": (target(b"/health/live?%zz"), 200, 200),
    "an escape of JavaScript's": (target(b"/%u0041"), 404, 400),
    "an escaped letter": (target(b"/health/%6cive"), 200, 200),
    "an escaped slash": (target(b"/health%2flive"), 404, 404),
    "an escaped question mark": (target(b"/health/live%3f"), 404, 404),
    "a way up": (target(b"/movies/../health/live"), 404, 404),
    "an escaped way up": (target(b"/movies/%2e%2e/health/live"), 404, 404),
    "a way up and out": (target(b"/../../etc/passwd"), 404, 400),
    "a way to the same": (target(b"/health/./live"), 404, 404),
    "a backslash": (target(b"/health\\live"), 404, 404),
    "only backslashes": (target(b"\\health\\live"), 400, 400),
    "two slashes in front": (target(b"//health/live"), 404, 404),
    "two slashes within": (target(b"/health//live"), 404, 404),
    "a slash at the end": (target(b"/health/live/"), 404, 404),
    "a parameter of the path": (target(b"/health/live;x=y"), 404, 404),
    "signs that are to be escaped": (target(b'/<">{}|^`[]'), 404, 404),
}

LINES: dict[str, Row] = {
    "tabs between the words": (request(b"GET\t/health/live\tHTTP/1.1"), 400, 400),
    "VT between the words": (request(b"GET\v/health/live\vHTTP/1.1"), 400, 400),
    "two spaces after the method": (request(b"GET  /health/live HTTP/1.1"), 400, 200),
    "two spaces before the version": (request(b"GET /health/live  HTTP/1.1"), 400, 200),
    "a space at the line's end": (request(b"GET /health/live HTTP/1.1 "), 400, 200),
    "a space at the line's start": (request(b" GET /health/live HTTP/1.1"), 400, 400),
    "a version too many": (request(b"GET /health/live HTTP/1.1 HTTP/1.1"), 400, 400),
    "one word": (request(b"GET"), 400, 400),
    "no word": (request(b"  "), 400, 400),
    "an empty line first": (b"\r\n" + get(), 200, 200),
    "two empty lines first": (b"\r\n\r\n" + get(), 400, 200),
    "LF first": (b"\n" + get(), 400, 200),
    "CR first": (b"\r" + get(), 400, 200),
    "NUL first": (b"\0" + get(), 400, 400),
    "a byte order mark first": (b"\xef\xbb\xbf" + get(), 400, 400),
    "LF everywhere": (get().replace(b"\r", b""), 400, 200),
    "LF after the line": (get().replace(b"\r", b"", 1), 400, 200),
    "LF after a header": (get(b"X: y").replace(b"y\r", b"y"), 400, 200),
    "LF at the end": (get()[:-2] + b"\n", 400, 200),
    "LF at the end, then a request": (get(b"X: y\n\n" + get()), 400, (200, 200)),
    "CR twice everywhere": (get().replace(b"\r", b"\r\r"), 400, 400),
    "LF and CR": (get().replace(b"\r\n", b"\n\r"), 400, 400),
    "UTF-16": (get().decode().encode("utf-16-le"), 400, 400),
}

PROTOCOLS: dict[str, Row] = {
    "TLS": (
        bytes.fromhex("1603010031 0100002d 0303") + bytes(range(32)) + b"\0\0\2\x13\1\1\0\0\2\r\n",
        400,
        400,
    ),
    "SSH": (b"SSH-2.0-OpenSSH_9.9\r\n", 400, 400),
    "SMTP": (b"EHLO localhost\r\n", 400, 400),
    "Redis": (b"*1\r\n$4\r\nPING\r\n", 400, 400),
    "RTSP": (b"OPTIONS rtsp://localhost/x RTSP/1.0\r\nCSeq: 1\r\n\r\n", 400, 400),
    "SIP": (b"OPTIONS sip:ada@localhost SIP/2.0\r\n\r\n", 400, 400),
    "a proxy's first line": (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + get(), 400, 400),
    "a proxy's first bytes": (
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12) + get(),
        400,
        400,
    ),
    "an answer": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 400, 400),
    "JSON": (b'{"jsonrpc": "2.0", "method": "x"}\r\n\r\n', 400, 400),
    "every byte": (bytes(range(256)), 400, 400),
    "random bytes": (
        bytes.fromhex("9f3c0d0ae41b77c05a0a00d3862ef1490d0a0d0ab86d"),
        400,
        400,
    ),
}

OPTIONS: dict[str, Row] = {
    "an expectation that is nonsense": (get(b"Expect: nonsense"), 417, 200),
    "an empty expectation": (get(b"Expect:"), 417, 200),
    "two expectations": (get(b"Expect: 100-continue, x"), 417, 200),
    "an expectation in HTTP/1.0": (
        request(b"GET /health/live HTTP/1.0", b"Expect: 100-continue"),
        200,
        200,
    ),
    "a body that is asked for": (
        log_in(b"Expect: 100-Continue", b"Content-Length: 57"),
        (100, 401),
        (100, 401),
    ),
    "a body that there is not": (get(b"Expect: 100-continue"), (100, 200), (100, 200)),
    "a WebSocket": (
        get(
            b"Connection: Upgrade",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            b"Sec-WebSocket-Version: 13",
        ),
        400,
        200,
    ),
    "HTTP/2 in the clear": (
        get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
        200,
        200,
    ),
    "TLS in the clear": (get(b"Connection: Upgrade", b"Upgrade: TLS/1.0"), 200, 200),
    "close and keep": (get(b"Connection: close, keep-alive"), 200, 200),
    "keep, then close": (get(b"Connection: keep-alive", b"Connection: close"), 200, 200),
    "a connection of nonsense": (get(b"Connection: \xff,,,"), 200, 200),
    "a host for this hop only": (get(b"Connection: Host"), 200, 200),
    "kept for less than no time": (get(b"Keep-Alive: timeout=-1, max=0"), 200, 200),
    "two schemes of a proxy": (
        get(b"X-Forwarded-Proto: https", b"X-Forwarded-Ssl: off"),
        200,
        200,
    ),
    "an address that is none": (get(b"X-Forwarded-For: \xff,,1.2.3.4.5"), 200, 200),
    "a range that is none": (get(b"Range: bytes=-1--2"), 200, 200),
    "gzip that is none": (log_in(b"Content-Encoding: gzip", b"Content-Length: 57"), 401, 401),
    "gzip within chunks": (
        log_in(b"Transfer-Encoding: gzip, chunked", body=CHUNKS_OF_BODY),
        401,
        501,
    ),
    "nothing within chunks": (
        log_in(b"Transfer-Encoding: identity, chunked", body=CHUNKS_OF_BODY),
        401,
        501,
    ),
    "another method as a header": (get(b"X-HTTP-Method-Override: DELETE"), 200, 200),
    "another path as a header": (get(b"X-Original-URL: /me", b"X-Rewrite-URL: /me"), 200, 200),
}

PIPELINES: dict[str, Row] = {
    "two requests": (get() * 2, (200, 200), (200, 200)),
    "50 requests": (get() * 50, (200,) * 50, (200,) * 50),
    "a body, then a request": (length(b"57") + get(), (401, 200), (401, 200)),
    "chunks, then a request": (chunks(CHUNKS_OF_BODY) + get(), (401, 200), (401, 200)),
    "no body, then a request": (log_in(body=b"") + get(), (400, 200), (400, 200)),
    "an unread body, then a request": (
        get(b"Content-Length: 5", body=b"hello") + get(),
        (200, 200),
        (200, 200),
    ),
    "a 404, then a request": (target(b"/nothing") + get(), (404, 200), (404, 200)),
    "OPTIONS, then a request": (method(b"OPTIONS") + get(), (200, 200), (200, 200)),
    "TRACE, then a request": (method(b"TRACE") + get(), (405, 200), 405),
    "an expectation, then a request": (
        get(b"Expect: 100-continue") + get(),
        (100, 200, 200),
        (100, 200, 200),
    ),
    "an empty line between": (get() + b"\r\n" + get(), (200, 200), (200, 200)),
    "two empty lines between": (get() + b"\r\n\r\n" + get(), (200, 400), (200, 200)),
    "a request, then nonsense": (get() + b"nonsense\r\n\r\n", (200, 400), (200, 400)),
    "a request, then TLS": (get() + b"\x16\x03\x01\n", (200, 400), (200, 400)),
    "a request, then one with LF": (
        get() + get().replace(b"\r", b""),
        (200, 400),
        (200, 200),
    ),
    "nonsense, then a request": (b"nonsense\r\n\r\n" + get(), 400, 400),
    "broken chunks, then a request": (chunks(b"zz\r\n\r\n") + get(), 400, 400),
    "a request after the last": (get(b"Connection: close") + get(), 200, 200),
    "a request after HTTP/1.0": (version(b"HTTP/1.0") + get(), 200, 200),
    "a request after HTTP/1.0 that is kept": (
        request(b"GET /health/live HTTP/1.0", b"Connection: keep-alive") + get(),
        (200, 200),
        (200, 200),
    ),
}

HALVES: dict[str, Row] = {
    "nothing": (b"", (), ()),
    "an empty line": (b"\r\n", (), ()),
    "half a method": (b"GE", (), ()),
    "half a line": (b"GET /health/live HT", (), ()),
    "half a line's end": (b"GET /health/live HTTP/1.1\r", (), ()),
    "a line": (b"GET /health/live HTTP/1.1\r\n", (), ()),
    "half a header": (b"GET /health/live HTTP/1.1\r\nHost: loc", (), ()),
    "a header": (b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n", (), ()),
    "half an empty line": (get()[:-1], (), ()),
    "CR everywhere": (get().replace(b"\n", b""), (), 400),
    "no body": (length(b"57", b""), 400, ()),
    "half a body": (length(b"57", BODY[:20]), 400, ()),
    "a body that is cut, but JSON": (length(b"1000"), 400, ()),
    "a body that is refused": (
        request(b"POST /nothing HTTP/1.1", b"Content-Length: 57", body=b"he"),
        404,
        (),
    ),
    "a body that nobody reads": (get(b"Content-Length: 5", body=b"he"), 200, ()),
    "a body that is never sent": (
        log_in(b"Expect: 100-continue", b"Content-Length: 57", body=b""),
        (100, 400),
        100,
    ),
    "a length of 2 to the 63rd": (length(b"9223372036854775808"), 413, 400),
    "a length of 2 to the 64th and 57": (length(b"18446744073709551673"), 413, 400),
    "a length of 10 to the 4000th": (length(b"1" + b"0" * 4000), 413, 400),
    "no chunk": (chunks(b""), 400, ()),
    "half a size": (chunks(b"3"), 400, ()),
    "half a size's end": (chunks(b"39\r"), 400, ()),
    "half a chunk": (chunks(b"39\r\n" + BODY[:20]), 400, ()),
    "a chunk without its end": (chunks(b"39\r\n" + BODY), 400, ()),
    "no last chunk": (chunks(b"39\r\n" + BODY + b"\r\n"), 400, ()),
    "half the last chunk": (end(b"\r\n0\r\n"), 400, ()),
    "the last chunk with LF": (end(b"\r\n0\n\n"), 400, 400),
    "half a trailer": (end(b"\r\n0\r\nX: y\r\n"), 400, ()),
    "a chunk of 4 GiB": (size(b"100000000"), 400, 413),
    "a chunk of 2 to the 63rd": (size(b"8000000000000000"), 400, 400),
    "a chunk of 2 to the 64th and 57": (size(b"10000000000000039"), 400, 400),
    "chunks that nobody reads": (get(CHUNKED, body=b"5\r\nhe"), 200, ()),
    "a greeting of SOCKS": (b"\x05\x01\x00", (), 400),
    "a request of PostgreSQL": (bytes.fromhex("0000000804d2162f"), (), 400),
    "half of TLS": (b"\x16\x03\x01", (), 400),
    "1,000 times NUL": (bytes(1000), (), 400),
    "1,000 times LF": (b"\n" * 1000, 400, ()),
}
"""What is no whole request, so that the server waits until its client says that it was all."""

WHOLE = (
    CHUNKS,
    LENGTHS,
    LIMITS,
    HEADERS,
    HOSTS,
    VERSIONS,
    METHODS,
    TARGETS,
    LINES,
    PROTOCOLS,
    OPTIONS,
    PIPELINES,
)
"""What ends by itself, whether it is a request or not."""
