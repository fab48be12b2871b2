"""Documents of a report: well formed, escaped, and closed to the outside."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from vostool.reporting.chart import HEIGHT, WIDTH, Chart
from vostool.reporting.page import Card, Page, Section, Viewer, render
from vostool.reporting.table import Best, Column, Link, Picture, Table

VOID = {"meta", "img", "br", "link", "input"}
HOSTILE = "</script><b onclick='x'>\"&"


class Outline(HTMLParser):
    """Collects tags, text, policies and scripts; fails on tags that do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": [], "td": []}
        self.text = ""

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in self.inside:
            self.inside[tag].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        for tag in self.inside:
            if tag in self.open:
                self.inside[tag][-1] += data


def outline_of(text: str) -> Outline:
    outline = Outline()
    outline.feed(text)
    assert not outline.open
    return outline


def page() -> Page:
    table = Table(
        [Column("prediction"), Column("J&F", Best.HIGHEST), Column("note")],
        [[HOSTILE, 0.51234, "x"], ["ens", 0.7, Link("y", "#" + HOSTILE)], ["none", None, "z"]],
        caption="J & F",
        sortable=True,
    )
    chart = Chart.of({"a": [0.1, None, 0.4], HOSTILE: [0.9, 0.8]}, ylabel="J", title=HOSTILE)
    picture = Picture("pictures/0.jpg", HOSTILE, 64, 48, "01.html")
    sections = [Section("Scores", ["text"], [Card(picture, HOSTILE, [HOSTILE])], [table], [chart])]
    return Page("Report " + HOSTILE, "made of things", sections)


def viewer() -> Viewer:
    data = {
        "name": HOSTILE,
        "times": ["0", HOSTILE],
        "shown": [0],
        "pictures": ["pictures/0.jpg"],
        "truth": None,
        "predicted": [],
        "entries": [HOSTILE, "b"],
        "objects": [{"id": 1, "name": HOSTILE, "colour": [1, 2, 3]}],
        "measures": [],
        "scores": [{}, {}],
        "changes": {},
    }
    first = Picture("pictures/0.jpg", HOSTILE, 64, 48)
    return Viewer("01-x", HOSTILE, HOSTILE, [Link(HOSTILE, "index.html")], first, data, None)


def test_documents_are_well_formed_and_escaped():
    text = render(HOSTILE, page(), [viewer()])
    outline = outline_of(text)
    assert "b" not in {tag for tag, _ in outline.tags}
    assert outline.text.count(HOSTILE) >= 8
    for words in ("51.2", "70.0", "J & F"):
        assert words in outline.text
    classes = [attributes.get("class") for tag, attributes in outline.tags if tag == "td"]
    assert classes.count("best") == 1
    data, script = outline.inside["script"]
    assert json.loads(data) == viewer().data
    assert "class Viewer" in script


def test_only_our_script_and_style_run_and_nothing_is_fetched():
    text = render("x", page(), [viewer()])
    outline = outline_of(text)
    policy = next(a["content"] for tag, a in outline.tags if "http-equiv" in a)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for name, place in (("script-src", "script"), ("style-src", "style")):
        digest = hashlib.sha256(outline.inside[place][-1].encode()).digest()
        assert rules[name] == f"'sha256-{base64.b64encode(digest).decode()}'"
    # What the policy forbids is not there in the first place.
    for _, attributes in outline.tags:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "data", "action"):
            assert not re.match(r"[a-z]+:|//", attributes.get(name) or "")
    assert not re.search(r"url\(|@import|fetch\(|XMLHttp|https?://(?!www\.w3\.org/2000/svg)", text)


def test_pictures_have_sizes_and_words():
    for tag, attributes in outline_of(render("x", page(), [viewer()])).tags:
        if tag == "img":
            assert attributes["alt"]
            assert int(attributes["width"] or 0) > 0 and int(attributes["height"] or 0) > 0


def test_names_that_are_no_text_are_shown_escaped():
    assert "v\\udcff" in render("v\udcff", Page("v\udcff", "", []))


def test_charts_hold_every_series_in_its_own_style():
    series = {f"run {number}": [0.5, 0.25 * (number % 4)] for number in range(9)}
    chart = Chart.of(series, ylabel="J", title="t")
    assert [line.name for line in chart.lines] == list(series)
    assert len({line.style for line in chart.lines}) == 9
    text = render("x", Page("x", "", [Section("x", charts=[chart])]))
    assert all(name in outline_of(text).text for name in series)


def test_a_chart_goes_from_point_to_point_and_leaves_gaps():
    (line,) = Chart.of({"a": [0.0, 0.5, None, 1.0]}, ylabel="J", title="t").lines
    third = WIDTH / 3
    assert line.path == f"M0.0 {HEIGHT}.0h0L{third:.1f} {HEIGHT / 2:.1f}M{WIDTH}.0 0.0h0"
    assert Chart.of({}, ylabel="J", title="t").lines == []


@pytest.mark.parametrize("values", [[], [None], [0.3]])
def test_short_series_are_drawn(values):
    assert Chart.of({"a": values}, ylabel="J", title="t").lines[0].path.count("M") == len(
        [value for value in values if value is not None]
    )
