"""What one request of each call may cost at the most: the table of docs/security.md."""

from typing import NamedTuple

KIB, MIB = 1024, 1024 * 1024

LINE = 8190
"""Bytes of an address with its query, and of each header: `limit_request_line` of gunicorn.conf.py
and gunicorn's own `limit_request_field_size`."""


class Budget(NamedTuple):
    """The most that the largest and nastiest input of a call may take."""

    bytes: int
    """Of the body, or of the address where the call has no body."""
    cpu: float
    """Seconds of processor time, of the service and PostgreSQL together."""
    memory: int
    """MiB that a worker's peak is above what it took before."""


READ = Budget(LINE, 0.25, 32)
JSON = Budget(64 * KIB, 0.25, 32)
MOVIE = Budget(4 * MIB, 0.25, 32)
"""A title with one letter that takes four bytes in memory, so that each of the picture's does while
all of it is decoded, is what takes most."""
PICTURE = Budget(4 * MIB, 2, 160)
"""Decoded, 12.5 megapixels take 48 MiB, and there are three of them at the most: as they were sent,
in the colours of screens, and as they are made smaller."""
LIST = Budget(LINE, 1, 32)
"""A search that matches all of the longest list that there may be."""
EXPORT = Budget(LINE, 6, 48)
"""A file of up to 0.9 GB, which is streamed. 100,000 movies with the longest titles and URLs took
4.7 s and 28 MiB as CSV, with four bytes a character; 2.8 s with one. With 100,000 idempotency keys
and as many pictures, an account took 1.9 s."""
FILE = Budget(10 * MIB, 30, 192)

PICTURES = "a movie with a picture"
OTHER = "any other address"

BUDGETS = {
    "DELETE /me": JSON,
    "POST /auth/refresh": READ,
    "POST /auth/logout": READ,
    "POST /movies": MOVIE,
    "PUT /movies/{id}": MOVIE,
    "PATCH /movies/{id}": MOVIE,
    PICTURES: PICTURE,
    "GET /movies": LIST,
    "GET /movies/export": EXPORT,
    "GET /me/export": EXPORT,
    "POST /movies/import": FILE,
}
"""The calls that have another budget than their method's, as the OpenAPI document spells them."""


def budget_of(call: str) -> Budget:
    """Return the budget of a call, such as `GET /movies/{id}`: of a list, or of its method."""
    changes = call.startswith(("POST ", "PUT ", "PATCH "))
    return BUDGETS.get(call, JSON if changes else READ)


def table() -> str:
    """Write the budgets as Markdown, a row for those that have the same."""
    rows = ["| calls | bytes | CPU, s | memory, MiB more |", "| --- | --- | --- | --- |"]
    named = [("any other `GET` or `DELETE`", READ), ("any other `POST`, `PUT` or `PATCH`", JSON)]
    named += [(f"`{call}`" if "/" in call else call, BUDGETS[call]) for call in BUDGETS]
    for budget in dict.fromkeys(budget for _, budget in named):
        calls = ", ".join(call for call, its in named if its == budget)
        rows.append(f"| {calls} | {budget.bytes:,} | {budget.cpu:g} | {budget.memory} |")
    return "\n".join(rows)
