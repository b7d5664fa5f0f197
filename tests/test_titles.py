"""What is the same to a search and in a sorted list, and what is not."""

from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text

from playlist_api.db.engine import db

SORTED = {
    "The Matrix": "the matrix",
    "AMÉLIE": "amelie",
    "Ame\u0301lie": "amelie",
    "Straße": "strasse",
    "STRAẞE": "strasse",
    "Łódź": "lodz",
    "Ødegård": "odegard",
    "Æon Flux": "aeon flux",
    "ISPARTA ısparta İsparta": "isparta isparta isparta",
    "Tiếng Việt, Đường": "tieng viet duong",
    "ΣΊΣΥΦΟΣ Σίσυφος": "σισυφοσ σισυφοσ",
    "ЁЖИК В ТУМАНЕ": "ежик в тумане",
    "Їжак": "іжак",
    "ՀԱՅԱՍՏԱՆ": "հայաստան",
    "ᲒᲐᲛᲐᲠᲯᲝᲑᲐ": "გამარჯობა",
    "スター・ウォーズ": "スター ウォーズ",
    "ガメラ": "ガメラ",
    "올드보이": "올드보이",
    "الرِّسَالَة": "الرسالة",
    "שָׁלוֹם": "שלום",
    "हिन्दी मीडियम": "हिन्दी मीडियम",
    "ＡＢＣ　１２３": "abc 123",
    "Alien³": "alien3",
    "8½": "8 1 2",
    "WALL·E": "wall e",
    "¿Qué… ¡pasa!?": "que pasa",
    "100% Wolf": "100 % wolf",
    "under_score": "under _ score",
    "🎬 Heat": "🎬 heat",
    "Heat\ufe0f\u200d": "heat",
    "!!!": "!!!",
    "…": "...",
    "´": "´",
    "\u00a0": "\u00a0",
    "a\\b'c\"": "a b c",
}
"""Titles, and what they are sorted by."""

FOUND = {
    "The Shawshank Redemption": ["redemption the", "THE SHAW"],
    "Amélie": ["amelie"],
    "Amelie": ["AMÉ"],
    "Ocean's Eleven": ["oceans eleven", "ocean eleven"],
    "Ocean’s Eleven": ["ocean's eleven"],
    "L'Avventura": ["avventura"],
    "Spider-Man": ["spiderman"],
    "Spiderman": ["spider-man"],
    "E.T. the Extra-Terrestrial": ["et extraterrestrial"],
    "WALL·E": ["wall-e", "walle"],
    "M*A*S*H": ["mash"],
    "100% Wolf": ["100%", "%"],
    "under_score": ["_", "under_score"],
    "Heat 🎬": ["🎬"],
    "!!!": ["!!"],
    "'": ["'"],
    "\\": ["\\"],
    "a:*&|!()<->b": ["b & !a:*"],
    "千と千尋の神隠し": ["千と千"],
}
NOT_FOUND = {
    # The last word alone is a beginning.
    "The Shawshank Redemption": ["shaw redemption", "hank"],
    "1000 Ways to Die": ["100%"],
    "Heat": ["%", "_", "!!!", "-", "\u200c"],
    "underXscore": ["under_score"],
    "パパ": ["ハハ"],
}
SEARCHES = [
    (title, search, table is FOUND)
    for table in (FOUND, NOT_FOUND)
    for title, searches in table.items()
    for search in searches
]

SAME = [
    *(("Spider-Man", "spiderman"), ("Spider-Man", "SPIDER MAN"), ("Amélie ", "amelie")),
    *(("100% Wolf", "100 wolf"), ("Se7en!", "SE7EN")),
]
OTHERS = [("Alien", "Aliens"), ("!!!", "???"), ("%", "_"), ("ハハ", "パパ")]

LONGEST = ["ﷺ" * 255, "%" * 255, "ß" * 255, "\U0001d160" * 255, "\U0001f3ac" * 255, "a " * 127]


@pytest.fixture
def ask(app: Flask) -> Any:
    """Ask the database for one value."""
    with app.app_context():
        yield lambda question, **given: db.session.scalar(text(f"SELECT {question}"), given)


@pytest.mark.parametrize(("title", "expected"), SORTED.items())
def test_a_title_is_sorted_by_its_letters_and_digits(ask: Any, title: str, expected: str) -> None:
    assert ask("sort_title(:title)", title=title) == expected


def finds(ask: Any, title: str, search: str) -> bool:
    question = "title_words(:owner, :title) @@ find_title(:owner, :search)"
    found: bool = ask(question, owner=uuid4(), title=title, search=search)
    return found


@pytest.mark.parametrize(("title", "search", "found"), SEARCHES)
def test_a_title_is_found_by_its_words(ask: Any, title: str, search: str, found: bool) -> None:
    assert finds(ask, title, search) is found


def test_a_search_finds_nothing_of_another_owner(ask: Any) -> None:
    question = "title_words(:owner, 'Heat') @@ find_title(:other, 'Heat')"
    assert not ask(question, owner=uuid4(), other=uuid4())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [*((*pair, True) for pair in SAME), *((*pair, False) for pair in OTHERS)],
)
def test_titles_are_the_same_but_for_what_people_leave_out(
    ask: Any, one: str, other: str, same: bool
) -> None:
    assert ask("same_title(:one) = same_title(:other)", one=one, other=other) is same


@pytest.mark.parametrize("title", LONGEST, ids=ascii)
def test_the_longest_titles_fit_into_their_indexes(ask: Any, title: str) -> None:
    adding = """WITH ada AS (INSERT INTO "User" (id, name, email, password)
                VALUES (:id, 'Ada', 'longest@example.com', 'x') RETURNING id)
                INSERT INTO "Movie" (title, "ownerId") SELECT :title, id FROM ada"""
    db.session.execute(text(adding), {"id": uuid4(), "title": title})
    assert finds(ask, title, title)
    db.session.rollback()


@pytest.mark.parametrize("length", [249, 251, 255])
def test_a_long_search_does_not_look_for_every_word(ask: Any, length: int) -> None:
    owner = "0f7d3c2a-0000-0000-0000-000000000000"
    looked_for = ask("find_title(:owner, :search)::text", owner=owner, search="_" * length)
    assert looked_for == "'0f7d3c2a_' & '0f7d3c2a_':*"
