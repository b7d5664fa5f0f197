"""Real files' shapes: what is read from an export of each kind, and from damaged ones."""

import json
from typing import Any

import pytest
from flask import Flask

from playlist_api.transfer import service as lists
from tests.support.service import Actor, Answer, InProcess, sign_up

Movie = tuple[str, str | None]
Told = tuple[int, str, str]
"""A row's line, outcome and reason."""

HEAT, ALIEN, RONIN = ("Heat", "1995"), ("Alien", "1979"), ("Ronin", "1998")


@pytest.fixture(scope="module")
def ada(app: Flask) -> Actor:
    """Somebody whose list stays empty, for files are only looked at."""
    return sign_up(InProcess(app))


def look_at(ada: Actor, content: str | bytes, encoding: str = "utf-8") -> Answer:
    file = content if isinstance(content, bytes) else content.encode(encoding)
    answer: Answer = ada.post(
        "/movies/import?dryRun=true", file, Content_Type="application/octet-stream"
    )
    return answer


def movies_of(report: Any) -> list[Movie]:
    return [(row["title"], row["year"]) for row in report["rows"] if row["outcome"] == "created"]


def others_of(report: Any) -> list[Told]:
    return [
        (row["line"], row["outcome"], row["reason"])
        for row in report["rows"]
        if row["outcome"] != "created"
    ]


LETTERBOXD = """\
Date,Name,Year,Letterboxd URI
2021-03-04,Heat,1995,https://boxd.it/2bg8
2021-03-05,"Good, the Bad and the Ugly, The",1966,https://boxd.it/1YBk
2021-03-06,Tenki no Ko,,https://boxd.it/k5Jm
"""

DIARY = """\
Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date
2022-01-02,Alien,1979,https://boxd.it/2awW,4.5,Yes,"space, horror",2022-01-01
2022-01-09,Alien,1979,https://boxd.it/2awX,5,,,2022-01-08
"""

LETTERBOXD_LIST = """\
Letterboxd list export v7
Date,Name,Tags,URL,Description
2023-05-06,Ten best,,https://boxd.it/abc,For Ada

Position,Name,Year,URL,Description
1,Heat,1995,https://boxd.it/2bg8,
2,Alien,1979,https://boxd.it/2awW,"In space
no one can hear you"
3,Ronin,1998,https://boxd.it/29aQ,
"""

LETTERBOXD_LIST_OF_MANY_WORDS = LETTERBOXD_LIST.replace("For Ada", '"For Ada,\n\nwho asked"')

IMDB = """\
Position,Const,Created,Modified,Description,Title,Original Title,URL,Title Type,IMDb Rating,\
Runtime (mins),Year,Genres,Num Votes,Release Date,Directors,Your Rating,Date Rated
1,tt0113277,2020-01-01,2020-01-01,,Heat,Heat,https://www.imdb.com/title/tt0113277/,Movie,8.3,170,\
1995,"Action, Crime",700000,1995-12-15,Michael Mann,9,2020-02-02
2,tt0098936,2020-01-01,2020-01-01,,Twin Peaks,Twin Peaks,u,TV Series,8.7,47,1990,Crime,1,,,,
3,tt0000003,2020-01-01,2020-01-01,,Chernobyl,Chernobyl,u,TV Mini Series,9.3,330,2019,Drama,1,,,,
4,tt0000004,2020-01-01,2020-01-01,,Ozymandias,Ozymandias,u,TV Episode,10,47,2013,Drama,1,,,,
5,tt0000005,2020-01-01,2020-01-01,,Duel,Duel,u,TV Movie,7.6,90,1971,Thriller,1,,,,
6,tt0000006,2020-01-01,2020-01-01,,Inside,Inside,u,TV Special,8.6,87,2021,Comedy,1,,,,
7,tt0000007,2020-01-01,2020-01-01,,The Last of Us,The Last of Us,u,Video Game,9.6,,2013,Horror,1,,,,
8,tt0000008,2020-01-01,2020-01-01,,Das Boot,Das Boot,u,Spielfilm,8.4,149,1981,War,1,,,,
9,tt0000009,2020-01-01,2020-01-01,,Untitled,Untitled,u,Movie,,,,,,,,,
"""

IMDB_WITHOUT_ORIGINAL_TITLES = """\
Position,Const,Created,Modified,Description,Title,URL,Title Type,IMDb Rating,Runtime (mins),Year,\
Genres,Num Votes,Release Date,Directors
1,tt0113277,2018-01-01,2018-01-01,,Heat,u,movie,8.2,170,1995,Crime,1,1995-12-15,Michael Mann
2,tt0098936,2018-01-01,2018-01-01,,Twin Peaks,u,tvSeries,8.8,47,1990,Crime,1,1990-04-08,
3,tt0000004,2018-01-01,2018-01-01,,Ozymandias,u,tvEpisode,10,47,2013,Drama,1,,
4,tt0000003,2018-01-01,2018-01-01,,Chernobyl,u,tvMiniSeries,9.3,330,2019,Drama,1,,
"""

IMDB_BEFORE_2017 = """\
"position","const","created","modified","description","Title","Title type","Directors","You rated",\
"IMDb Rating","Runtime (mins)","Year","Genres","Num. Votes","Release Date (month/day/year)","URL"
"1","tt0113277","Sat Jan  4 00:00:00 2014","","","Heat","Feature Film","Michael Mann","9","8.2",\
"170","1995","crime","1","1995-12-06","http://www.imdb.com/title/tt0113277/"
"2","tt0000002","Sat Jan  4 00:00:00 2014","","","Generation Kill","Mini-Series","","","8.6","470",\
"2008","war","1","2008-07-13","u"
"3","tt0211915","Sat Jan  4 00:00:00 2014","","","Amélie","Feature Film","Jean-Pierre Jeunet","",\
"8.4","122","2001","comedy","1","2001-04-25","u"
"""

IMDB_RATINGS = """\
Const,Your Rating,Date Rated,Title,Original Title,URL,Title Type,IMDb Rating,Runtime (mins),Year,\
Genres,Num Votes,Release Date,Directors
tt0113277,9,2020-02-02,Heat,Heat,u,Movie,8.3,170,1995,Crime,1,1995-12-15,Michael Mann
tt0098936,8,2020-02-02,Twin Peaks,Twin Peaks,u,TV Series,8.7,47,1990,Crime,1,1990-04-08,
"""

MOVARY = """\
title,year,tmdbId,imdbId,addedAt
Heat,1995,949,tt0113277,2024-01-01 10:00:00
Alien,1979,348,tt0078748,2024-01-02 10:00:00
"""

YAMTRACK = """\
"media_id","source","media_type","title","image","season_number","episode_number","score"
"949","tmdb","movie","Heat","https://image.tmdb.org/t/p/w500/heat.jpg","","","9.0"
"1920","tmdb","tv","Twin Peaks","https://image.tmdb.org/t/p/w500/peaks.jpg","","",""
"1920","tmdb","season","Twin Peaks","","1","",""
"21","mal","anime","One Piece","","","",""
"348","tmdb","movie","Alien","/static/none.svg","","",""
"8195","tmdb","movie","Ronin","https://example.com/%s","","",""
""" % ("x" * 2048)

OURS = """\
imageUrl,createdAt,Title,rating,YEAR
https://example.com/heat.jpg,2026-01-01T00:00:00Z,Heat,9,1995
,,Alien,,1979.0
"""

NO_YEAR = "Year must be a year of four digits."


def skipped(**lines: str) -> list[Told]:
    """Of what types the rows of lines were, which are no movies: `_3="tvSeries"`."""
    return [
        (int(line[1:]), "skipped", f"Is no movie, but: {kind}.") for line, kind in lines.items()
    ]


def refused(*rows: tuple[int, str]) -> list[Told]:
    return [(line, "refused", reason) for line, reason in rows]


def untitled(*titles: str) -> list[Movie]:
    """Movies of which no year is known."""
    return [(title, None) for title in titles]


FILES: dict[str, tuple[Any, ...]] = {
    "Letterboxd's watchlist": (
        *(LETTERBOXD, "letterboxd"),
        [HEAT, ("Good, the Bad and the Ugly, The", "1966"), ("Tenki no Ko", None)],
        [],
    ),
    "Letterboxd's diary, with a film seen twice": (
        *(DIARY, "letterboxd", [ALIEN]),
        [(3, "duplicateInFile", "Is the movie of line 2.")],
    ),
    "a list of Letterboxd's": (LETTERBOXD_LIST, "letterboxdList", [HEAT, ALIEN, RONIN], []),
    "a list of Letterboxd's with a long description": (
        *(LETTERBOXD_LIST_OF_MANY_WORDS, "letterboxdList", [HEAT, ALIEN, RONIN], []),
    ),
    "IMDb's watchlist": (
        *(IMDB, "imdb"),
        [HEAT, ("Duel", "1971"), ("Inside", "2021"), ("Das Boot", "1981"), ("Untitled", None)],
        skipped(_3="TV Series", _4="TV Mini Series", _5="TV Episode", _8="Video Game"),
    ),
    "IMDb's before there were original titles": (
        *(IMDB_WITHOUT_ORIGINAL_TITLES, "imdb", [HEAT]),
        skipped(_3="tvSeries", _4="tvEpisode", _5="tvMiniSeries"),
    ),
    "IMDb's before 2017": (
        *(IMDB_BEFORE_2017, "imdb", [HEAT, ("Amélie", "2001")], skipped(_3="Mini-Series")),
    ),
    "IMDb's ratings": (IMDB_RATINGS, "imdb", [HEAT], skipped(_3="TV Series")),
    "Movary's": (MOVARY, "movary", [HEAT, ALIEN], []),
    "Yamtrack's": (
        *(YAMTRACK, "yamtrack", untitled("Heat", "Alien", "Ronin")),
        skipped(_3="tv", _4="season", _5="anime"),
    ),
    "our own": (OURS, "csv", [HEAT, ALIEN], []),
    "with series among the movies": (
        "title,type\nHeat,movie\nPilot,Episode\nTwin Peaks,TV-Show\nDuel,tv movie\nRonin,\n",
        *("csv", untitled("Heat", "Duel", "Ronin"), skipped(_3="Episode", _4="TV-Show")),
    ),
    "with a type of any length": (
        *(f"title,type\nPilot,{'-' * 999}tv\n", "csv", [], skipped(_2="-" * 255)),
    ),
    "JSON with series among the movies": (
        '[{"title": "Heat", "type": "movie"}, {"title": "Pilot", "type": "episode"}]',
        *("json", untitled("Heat"), skipped(_2="episode")),
    ),
    "JSON with a year of 5,000 digits": (
        f'[{{"title": "Heat", "year": {"9" * 5000}}}, {{"title": "Alien", "year": 1979}}]',
        *("json", [ALIEN], refused((1, NO_YEAR))),
    ),
    "our own with semicolons": (OURS.replace(",", ";"), "csv", [HEAT, ALIEN], []),
    "our own with tabs": (OURS.replace(",", "\t"), "csv", [HEAT, ALIEN], []),
    "our own in capitals": ("TITLE,Year\nHeat,1995\n", "csv", [HEAT], []),
    "with what Excel puts first": ("sep=;\ntitle;year\nHeat;1995\n", "csv", [HEAT], []),
    "without a line break at its end": ("title,year\nHeat,1995", "csv", [HEAT], []),
    "with the line breaks of old Macs": ("title,year\rHeat,1995\r", "csv", [HEAT], []),
    "with cells that are missing or too many": (
        *("title,year\nHeat\nAlien,1979,x,y\n", "csv", [("Heat", None), ALIEN], []),
    ),
    "with a title that a spreadsheet has wrapped": (
        'title,year\n"Seven \r\n Samurai",1954\nHeat,1995\n',
        *("csv", [("Seven Samurai", "1954"), HEAT], []),
    ),
    "with nothing in some rows": ("title,year\n\n,,\nHeat,1995\n , \n", "csv", [HEAT], []),
    "with years that are not known": (
        "title,year\nHeat,0\nAlien, 1979 \nRonin,TBA\nDune,20211\n",
        *("csv", [("Heat", None), ALIEN], refused((4, NO_YEAR), (5, NO_YEAR))),
    ),
    "with what no client could have sent": (
        f"title,imageUrl\n,x\nHe\0at,\n{'x' * 256},\nHeat,ftp://x\nAlien,\n",
        *("csv", untitled("Alien")),
        refused(
            (2, "Title must be given. Picture must be an http or https URL."),
            (3, "Title must not contain control characters."),
            (4, "Title must have at most 255 characters."),
            (5, "Picture must be an http or https URL."),
        ),
    ),
    "an export": (json.dumps({"movies": [{"title": "Heat", "year": "1995"}]}), "json", [HEAT], []),
    "an export with a long list of something else": (
        json.dumps({"keys": [{"key": "x" * 64}] * 2000, "movies": [{"title": "Heat"}]}),
        *("json", untitled("Heat"), []),
    ),
    "an entry of many characters": (
        json.dumps([{"title": "Heat", "notes": "x" * 60_000}, {"title": "Alien"}]),
        *("json", untitled("Heat", "Alien"), []),
    ),
    "an entry of very many characters": (
        '[{"title": "' + "x" * 70_000 + '"}, {"title": "Alien", "notes": "' + "x" * 70_000 + '"}]',
        *("json", untitled("Alien"), refused((1, "Title must have at most 255 characters."))),
    ),
    "a page": (
        json.dumps({"meta": {"movies": 1}, "items": [{"title": "Heat", "year": "1995"}], "x": []}),
        *("json", [HEAT], []),
    ),
    "an array": (
        json.dumps([{"title": "Heat", "year": 1995}, {"title": "Alien", "year": 1979.0, "x": {}}]),
        *("json", [HEAT, ALIEN], []),
    ),
    "an empty array": (" [ ] ", "json", [], []),
    "an export of nothing": ('{"movies": []}', "json", [], []),
    "JSON with what is no movie": (
        '[1, null, {}, {"title": 7}, {"title": "He\\ud800at"}, {"title": "x", "year": true}]',
        *("json", []),
        refused(
            *((1, "Must be a JSON object."), (2, "Must be a JSON object.")),
            *((3, "Title must be given."), (4, "Title must be a string.")),
            (5, "Title must not contain control characters."),
            (6, "Year must be a string."),
        ),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_recognised_and_read(ada: Actor, name: str) -> None:
    content, format_, movies, others = FILES[name]
    report = look_at(ada, content).json
    assert report["format"] == format_
    assert movies_of(report) == movies
    assert others_of(report) == others


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-16-be"])
@pytest.mark.parametrize("name", ["Letterboxd's watchlist", "our own with tabs", "a page"])
def test_a_file_may_be_in_any_encoding_of_unicode(ada: Actor, name: str, encoding: str) -> None:
    content, format_, movies, _ = FILES[name]
    report = look_at(ada, content, encoding).json
    assert (report["format"], movies_of(report)) == (format_, movies)


@pytest.mark.parametrize(
    ("titles", "encoding"),
    [
        (["Amélie", "Señorita", "Das weiße Band", "Ocean’s Eleven"], "cp1252"),  # noqa: RUF001
        (["Amélie"], "latin-1"),
        (["Сталкер", "Иваново детство"], "cp1251"),
        (["Το βλέμμα του Οδυσσέα"], "cp1253"),  # noqa: RUF001
        (["七人の侍", "羅生門", "となりのトトロ"], "cp932"),
    ],
)
def test_what_is_not_unicode_is_recognised_by_its_letters(
    ada: Actor, titles: list[str], encoding: str
) -> None:
    rows = "".join(f"{title},2001\n" for title in titles)
    content = "title,year\n" + "Heat,1995\n" * 3000 + rows
    report = look_at(ada, content, encoding).json
    assert [title for title, _ in movies_of(report)] == ["Heat", *titles]


NO_LIST, NO_JSON = "The file is not a list of movies", "The file is not valid JSON"
TOO_LONG = "The file has more than 100,000 characters in the row of line "
TOO_MANY = "The file has more than 10 rows: divide it."

NO_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "The file must not be empty."),
    "blank": (b" \n \n", NO_LIST),
    "without a header": (b"Heat,1995\nAlien,1979\n", NO_LIST),
    "without a title": (b"name,year\nHeat,1995\n", NO_LIST),
    "a page of HTML": (b"<!DOCTYPE html><title>Heat</title>", NO_LIST),
    "NULs": (b"\0" * 1000, "The file is no"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(128, 256)) * 9, "The file is no"),
    "an archive": (b"PK\x03\x04\x14\x00", "The file is an archive"),
    "half of UTF-16": ("title\nHeat\n".encode("utf-16")[:-1], "The file is not text"),
    "a quote that is not closed": (b'title\n"Heat\nAlien\n', "The file is not CSV from line 2 on"),
    "a quote in the middle": (b'title\nAlien\n"Heat"x\n', "The file is not CSV from line 3 on"),
    "one long line": (b"title\nHeat\n" + b"x" * 1_000_000, f"{TOO_LONG}3."),
    "one row of many short lines": (b"title\n" + b'"\n",' * 100_000, f"{TOO_LONG}2."),
    "one long line and no header": (b"x" * 1_000_000, NO_LIST),
    "too many rows": (b"title\n" + b"a\n" * 12, TOO_MANY),
    "too many blank rows": (b"title\n" + b"\n" * 12, TOO_MANY),
    "too many entries": (b"[" + b"{}," * 11 + b"{}]", TOO_MANY),
    "too many brackets": (b"[" + b"[]," * 99 + b"[]]", "The file has too many values: divide it."),
    "JSON cut off": (b'[{"title": "Heat"}', NO_JSON),
    "JSON with a comma at its end": (b'[{"title": "Heat"},]', NO_JSON),
    "an object without a comma, and much behind it": (
        b'[{"title": "Heat" "year": "1995"}' + b" " * 100_000 + b"]",
        f"{NO_JSON}: Expecting ',' delimiter: line 1 column 19 (char 18).",
    ),
    "an entry with a fault far behind its beginning": (
        b'[{"x": "' + b"x" * 2000 + b'", "title": Heat}' + b" " * 100_000 + b"]",
        f"{NO_JSON}: Expecting value: line 1 column 2021 (char 2020).",
    ),
    "JSON twice": (b'[{"title": "Heat"}] []', NO_JSON),
    "NaN": (b'[{"title": "Heat", "rating": NaN}]', NO_JSON),
    "names that are no strings": (b"{7: []}", NO_JSON),
    "objects without colons": (b'{"movies" []}', NO_JSON),
    "an object without a list": (b'{"movies": {"title": "Heat"}}', NO_LIST),
    "an empty object": (b"{}", NO_LIST),
}


@pytest.mark.parametrize("name", NO_FILES)
def test_a_file_that_is_no_list_is_refused_whole(
    ada: Actor, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_ROWS", 10)
    content, reason = NO_FILES[name]
    answer = look_at(ada, content)
    assert answer.fields == {"file"}
    (problem,) = answer.error["details"]
    assert problem["message"].startswith(reason)


def test_json_that_is_nested_too_deep_is_refused(ada: Actor) -> None:
    answer = look_at(ada, b"[" * 100_000)
    assert (
        answer.error["details"][0]["message"]
        == "The file is not valid JSON: it is nested too deeply."
    )
