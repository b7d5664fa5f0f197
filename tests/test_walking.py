"""Whoever walks through a list meets each movie that stays once, whatever comes and goes."""

from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from playlist_api.db.engine import db
from playlist_api.movies.cursors import SORTS
from tests.support.service import Actor, InProcess, sign_up
from tests.test_finding import links

# Few enough that many movies have the same key, and some differ by as little as they can.
TITLES = ["Heat", "HEAT!", "Héat 2", "heat 10", "!!!", "%", "Ronin", "Rönin heat", "千と千尋", "ß"]
MOVIES = st.tuples(
    st.sampled_from(TITLES),
    st.sampled_from([None, "1995", "1996", "2001"]),
    st.integers(0, 3),  # microseconds
)
FILTERS = st.sampled_from(
    ["", "&search=he", "&search=2 heat", "&year=1995..1999", "&search=h&year=1995"]
)

ADD = text("""INSERT INTO "Movie" (title, year, "ownerId", "createdAt", "updatedAt")
    SELECT title, year, :owner, at, at - (micros % 2) * interval '1 second'
    FROM unnest(:titles ::text[], :years ::text[], :micros ::int[]) new (title, year, micros),
    LATERAL (SELECT timestamptz '2026-11-23 12:00Z' + micros * interval '1 microsecond') at (at)
    RETURNING id""")
REMOVE = text('DELETE FROM "Movie" WHERE id = ANY(:ids)')


@pytest.fixture(scope="module")
def ada(app: Flask) -> Actor:
    return sign_up(InProcess(app))


def add(actor: Actor, movies: list[tuple[str, str | None, int]]) -> list[int]:
    """Put movies on somebody's list by hand, and return their ids."""
    titles, years, micros = ([movie[n] for movie in movies] for n in range(3))
    values = {"titles": titles, "years": years, "micros": micros}
    added = db.session.scalars(ADD, {"owner": actor.user["id"], **values}).all()
    db.session.commit()
    return list(added)


def remove(ids: list[int]) -> None:
    db.session.execute(REMOVE, {"ids": ids})
    db.session.commit()


def page_of(actor: Actor, link: str) -> tuple[list[int], dict[str, str]]:
    """Return the ids of a page, and where the pages beside it are."""
    answer = actor.get(link)
    assert answer.status == 200, answer.body
    return [movie["id"] for movie in answer.json["items"]], links(answer)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    data=st.data(),
    sort=st.sampled_from(SORTS),
    filters=FILTERS,
    limit=st.integers(1, 5),
    movies=st.lists(MOVIES, min_size=4, max_size=12),
)
def test_each_movie_that_stays_is_met_once_on_the_way_there_and_once_on_the_way_back(
    app: Flask, ada: Actor, data: Any, sort: str, filters: str, limit: int, movies: list[Any]
) -> None:
    with app.app_context():
        staying, going = add(ada, movies), add(ada, movies)
        wanted = f"/movies?sort={sort}&limit={limit}{filters}".replace(" ", "%20")
        found, _ = page_of(ada, wanted.replace(f"limit={limit}", "limit=100"))
        expected = [movie for movie in found if movie in staying]

        def walk(link: str, way: str) -> tuple[list[list[int]], dict[str, str]]:
            """Follow a link as far as it goes, while others change the list."""
            page, beside = page_of(ada, link)
            pages = [page]
            while way in beside:
                gone = data.draw(st.lists(st.sampled_from(going), max_size=4)) if going else []
                remove(gone)
                come = add(ada, data.draw(st.lists(MOVIES, max_size=2)))
                going[:] = [movie for movie in going if movie not in gone] + come
                page, beside = page_of(ada, beside[way])
                pages.append(page)
            return pages, beside

        pages, beside = walk(wanted, "next")
        there = [movie for page in pages for movie in page]
        back = pages[-1][::-1]
        if "prev" in beside:
            back += [movie for page in walk(beside["prev"], "prev")[0] for movie in page[::-1]]
        remove(staying + going)
    assert len(set(there)) == len(there)
    assert [movie for movie in there if movie in staying] == expected
    assert [movie for movie in back if movie in staying] == expected[::-1]
