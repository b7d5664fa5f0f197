"""A file in the body of a request, as it is or as a part of a form."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from flask import request
from marshmallow import Schema
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from playlist_api.api.arguments import inject, read_body
from playlist_api.api.operations import T, operation_of
from playlist_api.errors import Invalid

MAX_FILE = 10 * 1024 * 1024
"""Bytes."""

MAX_FORM_OVERHEAD = 64 * 1024
"""Bytes of a form besides its file."""

MAX_PART_HEAD = 128 * 1024
"""Bytes of a part's headers: Werkzeug reads 64 KiB at a time until they are complete."""

MAX_PARTS = 10


def upload(schema: Schema) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Pass the bytes of an uploaded file to the view. The schema documents the form.

    A body that is not a form is the file itself, whatever its `Content-Type`.

    :raises RequestEntityTooLarge: when the file has more than `MAX_FILE` bytes.
    :raises ValidationError: when there is no file, it is empty, or the form is malformed.
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
        content = _file_in(content)
    if len(content) > MAX_FILE:
        raise RequestEntityTooLarge
    if not content:
        raise Invalid("blank", "must not be empty.", "file")
    return content


def _file_in(form: bytes) -> bytes:
    parser = FormDataParser(
        _in_memory, max_form_memory_size=MAX_PART_HEAD, max_form_parts=MAX_PARTS, silent=False
    )
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


def _in_memory(*_: Any, **__: Any) -> BytesIO:
    # The body is in memory already, so a temporary file would save nothing.
    return BytesIO()
