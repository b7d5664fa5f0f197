"""Find movies by words of their titles, and sort lists by title, year and change."""

from unicodedata import decomposition

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Unicode's characters are named by their numbers, and classes and cases of PostgreSQL's own are
# used of ASCII alone: what they are for others depends on the server's version and locale, and a
# backup of one server could not be put into another.

FRACTIONS = r"\u00bc-\u00be\u2150-\u215e"
"""Each follows a number: 8½ would otherwise become 81/2."""

MARKS = (
    r"\u00ad\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
    r"\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    r"\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
    r"\u200c-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
)
"""What is left out, as a title is the same without: accents, the vowels of Hebrew and Arabic, and
what cannot be seen. The marks of Indic scripts and of kana make other letters, and stay."""

BETWEEN_WORDS = (
    r"\u0001-\u0024\u0026-\u002f\u003a-\u0040\u005b-\u005e\u0060\u007b-\u00bf\u00d7\u00f7"
    r"\u02b9-\u02bf\u02c2-\u02c5\u02d2-\u02df\u02e5-\u02ff"
    r"\u055a-\u055f\u0589\u058a\u058f\u05be\u05c0\u05c3\u05f3\u05f4"
    r"\u0606-\u060d\u061b\u061d-\u061f\u066a-\u066d\u06d4\u0964\u0965\u0970\u0e3f\u0e4f\u0e5a\u0e5b"
    r"\u0f04-\u0f12\u0f14\u104a-\u104f\u10fb\u1360-\u1368\u17d4-\u17d6\u17d8-\u17db\u1800-\u180a"
    r"\u2000-\u206f\u20a0-\u20cf\u2200-\u22ff\u2308-\u230b\u2329\u232a\u2768-\u2775\u27c0-\u27ef"
    r"\u2980-\u2aff\u2e00-\u2e7f\u3001-\u3003\u3008-\u3011\u3014-\u301f\u3030\u303d\u30a0\u30fb"
    r"\ufd3e\ufd3f"
)
"""Spaces, punctuation, currencies and mathematical signs, but for % and _: the scripts' in use. All
other characters are letters, even those that Unicode has yet to get, and emoji are too."""

JOINERS = "'’‘ʼʻ`´-‐‑.·・*/"
"""What people leave out inside of words: of Ocean's, Spider-Man, E.T., WALL·E and M*A*S*H."""

ALPHABETS = [
    *((0xC0, 0x17F), (0x180, 0x24F), (0x1E9E, 0x1E9E)),  # Latin
    *((0x370, 0x3FF), (0x400, 0x45F), (0x460, 0x52F)),  # Greek, Cyrillic
    *((0x531, 0x556), (0x1C90, 0x1CBF)),  # Armenian, Georgian
]
"""Where capitals are. One after the other, and only those that a title is written in, for each of
its letters is compared with each of theirs."""

SPELLED_LIKE = dict(zip("øłđðħŧŋıς", "olddhtniσ", strict=True))
SPELLED_OUT = {"æ": "ae", "œ": "oe", "ß": "ss", "þ": "th"}
"""Letters that people type by others, and that Unicode does not take apart."""


def with_small_letters(first: int, last: int) -> str:
    """Say how to replace the capitals of an alphabet, whose cases Unicode never changes."""
    whole = [chr(number) for number in range(first, last + 1)]
    small = {letter: letter.lower() for letter in whole if not decomposition(letter)}
    typed = {letter: SPELLED_LIKE.get(small[letter], small[letter]) for letter in small}
    changed = {letter: other for letter, other in typed.items() if letter != other}
    return f"""
            IF spelled ~ '[{whole[0]}-{whole[-1]}]' THEN
                spelled := translate(spelled, '{"".join(changed)}', '{"".join(changed.values())}');
            END IF;"""


def spelled_out(letter: str) -> str:
    return f"""
            spelled := replace(spelled, '{letter}', '{SPELLED_OUT[letter]}');"""


# Cut to the longest that a lexeme and an entry of a B-tree hold, at 4 bytes a character; titles
# have 255, of which few become two.
SORT_TITLE = f"""
    CREATE OR REPLACE FUNCTION sort_title(title text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
    DECLARE
        spelled text COLLATE "C" := title;
        words text COLLATE "C";
    BEGIN
        IF spelled ~ '^[A-Za-z0-9]+( [A-Za-z0-9]+)*$' THEN
            RETURN lower(spelled);  -- as most are, and at a third of the cost
        END IF;
        IF spelled !~ '^[ -~]*$' THEN
            spelled := regexp_replace(spelled, '[{FRACTIONS}]', ' \\&', 'g');
            spelled := normalize(spelled, NFKD);
            spelled := regexp_replace(spelled, '[{MARKS}]+', '', 'g');
            {"".join(with_small_letters(*alphabet) for alphabet in ALPHABETS).strip()}
            {"".join(map(spelled_out, SPELLED_OUT)).strip()}
            spelled := normalize(spelled, NFC);
        END IF;
        spelled := lower(spelled);
        words := regexp_replace(spelled, '[\\u0025_]', ' \\& ', 'g');
        words := btrim(regexp_replace(words, '[{BETWEEN_WORDS}]+', ' ', 'g'));
        RETURN left(coalesce(nullif(words, ''), nullif(btrim(spelled), ''), title), 500);
    END $$
"""
SAME_TITLE = """
    CREATE OR REPLACE FUNCTION same_title(title text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(nullif(translate(sort_title(title), U&' \\0025_', ''), ''), sort_title(title))
"""

JOINED = "sort_title(nullif(translate({0}, '" + JOINERS.replace("'", "''") + "', ''), {0}))"
OWNER = """left("ownerId"::text, 8)"""
ALL_WORDS = """(
        '''' || {owner} || replace(
            replace(replace(nullif({words}, ''), '\\', '\\\\'), '''', ''''''),
            ' ', ''' & ''' || {owner}
        ) || ''':*'
    )::tsquery"""

# Each of an owner's words begins with a part of their id, so that those that begin like one are
# next to each other, and none between them is another's, but for the few with the same part.
TITLE_WORDS = f"""
    CREATE OR REPLACE FUNCTION title_words("ownerId" uuid, title text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_to_tsvector(string_to_array(ltrim(replace(
        ' ' || sort_title(title) || coalesce(' ' || {JOINED.format("title")}, ''),
        ' ', ' ' || {OWNER}
    )), ' '))
"""
FIND_TITLE = f"""
    CREATE OR REPLACE FUNCTION find_title("ownerId" uuid, search text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(
        {ALL_WORDS.format(owner=OWNER, words="sort_title(search)")}
        || {ALL_WORDS.format(owner=OWNER, words=JOINED.format("search"))},
        {ALL_WORDS.format(owner=OWNER, words="sort_title(search)")}
    )
"""

FUNCTIONS = {
    "sort_title(text)": SORT_TITLE,
    "same_title(text)": SAME_TITLE,
    "title_words(uuid, text)": TITLE_WORDS,
    "find_title(uuid, text)": FIND_TITLE,
}
OWN = '"ownerId"'
SORTED = 'sort_title(title) COLLATE "C"'
YEAR = "coalesce(year, '')"
INDEXES: dict[str, tuple[list[str], list[str]]] = {
    "Movie_ownerId_updatedAt_id_idx": ([OWN, '"updatedAt"', "id"], []),
    "Movie_ownerId_sort_title_id_idx": ([OWN, SORTED, "id"], ["title", "year"]),
    "Movie_ownerId_year_id_idx": ([OWN, YEAR, "id"], ["year"]),
    "Movie_ownerId_same_title_year_idx": ([OWN, 'same_title(title) COLLATE "C"', YEAR], []),
}
"""What each has besides its order is what that is made of: without, PostgreSQL would look up each
movie in front of a page deep in a long list, and fold its title anew."""

WORDS = "Movie_title_words_idx"


def upgrade() -> None:
    for function in FUNCTIONS.values():
        op.execute(sa.text(function.replace(":", r"\:")))
    with op.get_context().autocommit_block():
        # What an upgrade that was interrupted left is there, but not whole.
        for name in (*INDEXES, WORDS):
            op.drop_index(name, if_exists=True, postgresql_concurrently=True)
        for name, (columns, included) in INDEXES.items():
            op.create_index(
                name,
                "Movie",
                [sa.text(column) for column in columns],
                postgresql_include=included,
                postgresql_concurrently=True,
            )
        op.create_index(
            WORDS,
            "Movie",
            [sa.text('title_words("ownerId", title)')],
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    for name in (*INDEXES, WORDS):
        op.drop_index(name, "Movie")
    for function in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {function}")
