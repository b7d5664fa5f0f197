"""Cells that a spreadsheet would take for formulas, made harmless and back again."""

import re

FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""What begins a formula, in full width too (https://owasp.org/www-community/attacks/CSV_Injection),
be it behind apostrophes or not: one more can then always be taken away again."""


def guarded(cell: str) -> str:
    """Put an apostrophe in front of what a spreadsheet would calculate."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """Return what was guarded; a cell that was not stays as it is, such as `'71`."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell
