"""Calls that the OpenAPI document allows and forbids; `make fuzz` makes up more of them."""

from pathlib import Path

from tests.fuzz.run import complaints, fuzz
from tests.support.service import Gunicorn


def test_every_answer_at_the_bounds_of_the_document_is_as_it_says(
    served: Gunicorn, tmp_path: Path
) -> None:
    assert fuzz(served, tmp_path, "--phases", "examples,coverage", "--seed", "1") == 0
    assert complaints(served) == ""
