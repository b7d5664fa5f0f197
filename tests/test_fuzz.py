"""Calls that nobody thought of, in short; `make fuzz` makes more of them."""

from pathlib import Path

from tests.fuzz.run import complaints, fuzz
from tests.service import Gunicorn


def test_every_answer_to_made_up_calls_is_as_the_document_says(
    served: Gunicorn, tmp_path: Path
) -> None:
    assert fuzz(served, tmp_path, "--seed", "1", "--max-examples", "15") == 0
    assert complaints(served) == ""
