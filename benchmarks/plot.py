"""The results as a picture: for each call a bar as long as its processor time."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from benchmarks.report import Result

WIDTH, LEFT, RIGHT, BOTTOM = 1600, 610, 110, 70
"""Pixels, twice those that it is shown at, for sharp screens; and margins."""

LONGEST = 60
"""Hellos: a longer bar is cut off."""

HEADING, LEGEND, BAR, GAP = 160, 50, 36, 32
INK, GREY, RULE = "#1f2933", "#6b7785", "#e4e7eb"
COLOURS = [("#1d5b8f", "#dd8a2b"), ("#a8c4de", "#f2d2a6")]
"""Of service and PostgreSQL: one revision's, and the paler ones of the other."""


def draw(path: Path, results: Sequence[Result]) -> None:
    """Write a PNG of bars by call and revision, and their goals."""
    calls: dict[str, list[Result]] = {}
    for result in results:
        calls.setdefault(result.call, []).append(result)
    colours = dict(zip(dict.fromkeys(result.revision for result in results), COLOURS, strict=False))
    ground = HEADING + LEGEND * len(colours) + 30
    height = ground + BOTTOM + sum(len(bars) * BAR + GAP for bars in calls.values())
    image = Image.new("RGB", (WIDTH, height), "white")
    longest = max(max(result.multiple, result.goal or 0) for result in results)
    picture = Picture(image, min(longest, LONGEST))
    picture.heading(colours)
    picture.scale(ground, height - BOTTOM)
    top = ground + GAP // 2
    for call, bars in calls.items():
        bottom = top + len(bars) * BAR
        picture.label(call, (top + bottom) // 2)
        for number, result in enumerate(bars):
            picture.bar(result, top + number * BAR, colours[result.revision])
        if goal := bars[0].goal:
            picture.goal(goal, top, bottom)
        top = bottom + GAP
    image.save(path, "PNG", optimize=True)


class Picture:
    """What is drawn on: `longest` hellos are as wide as there is room."""

    def __init__(self, image: Image.Image, longest: float) -> None:
        self._pen, self._longest = ImageDraw.Draw(image), longest

    def heading(self, colours: dict[str, tuple[str, str]]) -> None:
        """Say what is shown, and in which colours."""
        self._write((40, 34), "Processor time of a request", 46)
        told = "as a multiple of what bare gunicorn needs to say hello; less is better"
        self._write((40, 98), told, 30, GREY)
        for number, (revision, pair) in enumerate(colours.items()):
            left, middle = 40.0, HEADING + LEGEND * number + LEGEND // 2
            for part, colour in zip(("service", "PostgreSQL"), pair, strict=True):
                self._pen.rectangle((left, middle - 15, left + 30, middle + 15), colour)
                name = f"{part}, {revision}" if len(colours) > 1 else part
                left = self._write((left + 44, middle), name, 28, anchor="lm") + 44
            if not number:
                self._mark(left + 4, middle - 21, middle + 21)
                self._write((left + 22, middle), "goal: at most", 28, anchor="lm")

    def scale(self, top: int, bottom: int) -> None:
        """Rule the ground."""
        step = next(step for step in (1, 2, 5, 10) if self._longest / step <= 8)
        for multiple in range(0, int(self._longest) + 1, step):
            x = self._x(multiple)
            self._pen.line((x, top, x, bottom), RULE, 2)
            self._write((x, bottom + 26), str(multiple), 26, GREY, "mm")

    def label(self, call: str, middle: int) -> None:
        """Name a call, and whose list it reads more quietly."""
        name, comma, whose = call.partition(", ")
        right = LEFT - 26.0
        if comma:
            self._write((right, middle), whose, 26, GREY, "rm")
            right -= self._pen.textlength(whose, self._font(26)) + 16
        self._write((right, middle), name, 30, anchor="rm")

    def bar(self, result: Result, top: int, colours: tuple[str, str]) -> None:
        """Draw the service's part and PostgreSQL's, as high as they are together."""
        service, postgres = (result.median(part) for part in ("service", "postgres"))
        ends = [self._x(result.multiple * service / (service + postgres)), self._x(result.multiple)]
        for left, right, colour in zip((LEFT, ends[0]), ends, colours, strict=True):
            self._pen.rectangle((left, top + 2, right, top + BAR - 2), colour)
        if result.multiple > self._longest:
            for notch in (ends[1] - 36, ends[1] - 22):
                self._pen.line((notch, top + BAR, notch + 12, top), "white", 5)
        figure, goal = ends[1] + 14, self._x(result.goal or 0)
        if ends[1] < goal < figure + 54:
            figure = goal + 14  # beside the mark, not under it
        self._write(
            (figure, top + BAR // 2),
            f"{result.multiple:,.{1 if result.multiple < 100 else 0}f}",
            28,
            anchor="lm",
        )

    def goal(self, goal: float, top: int, bottom: int) -> None:
        """Mark the most that a call should take."""
        self._mark(self._x(goal), top - 6, bottom + 6)

    def _mark(self, x: float, top: int, bottom: int) -> None:
        self._pen.rectangle((x - 3, top, x + 3, bottom), INK, "white", 1)

    def _x(self, hellos: float) -> float:
        return LEFT + min(hellos / self._longest, 1) * (WIDTH - LEFT - RIGHT)

    def _write(
        self,
        place: tuple[float, float],
        what: str,
        size: int,
        colour: str = INK,
        anchor: str = "la",
    ) -> float:
        """Write and return where the text ends, which is placed by its anchor."""
        self._pen.text(place, what, colour, self._font(size), anchor)
        return place[0] + self._pen.textlength(what, self._font(size))

    def _font(self, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return ImageFont.load_default(size)
