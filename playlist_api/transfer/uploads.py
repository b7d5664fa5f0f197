"""From a file that the client sent, in a form or as it is, to its content."""

from collections.abc import Callable
from io import BytesIO
from typing import Any, TypeVar

from flask import request
from marshmallow import Schema
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from playlist_api.api.arguments import inject, read_body
from playlist_api.api.operations import operation_of
from playlist_api.errors import Invalid

MAX_FILE = 10 * 1024 * 1024
"""Bytes: more than the lists of a lifetime, and what a worker reads in a few seconds."""

MAX_FORM_OVERHEAD = 64 * 1024
"""Bytes of a form around its file, and of its other parts."""

MAX_PART_HEAD = 16 * 1024
"""Bytes of a part's headers."""

MAX_PARTS = 10

T = TypeVar("T")


def upload(schema: Schema) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Hand the view the bytes of a file, which the schema describes as the part of a form.

    Other bodies than forms are the file themselves, whatever their `Content-Type` says.

    :raises RequestEntityTooLarge: when the file has more than `MAX_FILE` bytes.
    :raises ValidationError: when there is none, it is empty, or the form is broken.
    """

    def decorate(view: Callable[..., T]) -> Callable[..., T]:
        operation = operation_of(view)
        operation.upload = schema
        operation.failures |= {400, 413, 429, 503}
        return inject(_load_file, view)

    return decorate


def _load_file() -> bytes:
    request.max_content_length = MAX_FILE + MAX_FORM_OVERHEAD
    content = read_body()
    if content and request.mimetype == "multipart/form-data":
        content = _part(content)
    if len(content) > MAX_FILE:
        raise RequestEntityTooLarge
    if not content:
        raise Invalid("blank", "must not be empty.", "file")
    return content


def _part(form: bytes) -> bytes:
    _check_heads(form)
    # In memory, where the form is already, rather than in files on the disk.
    parser = FormDataParser(_in_memory, max_form_parts=MAX_PARTS, silent=False)
    try:
        _, _, files = parser.parse(
            BytesIO(form), request.mimetype, len(form), request.mimetype_params
        )
    except (ValueError, RequestEntityTooLarge) as error:
        raise Invalid("malformed", "must be a well-formed form with few parts.") from error
    if "file" not in files:
        raise Invalid("required", "must be a part of the form, with a file name.", "file")
    content: bytes = files["file"].read()
    return content


def _check_heads(form: bytes) -> None:
    """Bound the headers of the parts, of which the parser takes any number."""
    boundary = b"--" + request.mimetype_params.get("boundary", "").encode("latin-1", "replace")
    start, parts = form.find(boundary), 0
    # Wherever it stands: the parser takes it for one after some characters that are no line break.
    while start >= 0 and parts <= MAX_PARTS + 1:
        start, parts = start + len(boundary), parts + 1
        is_last = form[start : start + 2] == b"--"
        if not is_last and form.find(b"\r\n\r\n", start, start + MAX_PART_HEAD) < 0:
            raise Invalid("malformed", "must be a well-formed form with short headers.")
        start = form.find(boundary, start)
    if parts > MAX_PARTS + 1:
        raise Invalid("malformed", "must be a well-formed form with few parts.")


def _in_memory(*_: Any, **__: Any) -> BytesIO:
    return BytesIO()
