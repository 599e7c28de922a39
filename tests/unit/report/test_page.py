"""The page: whole without network or script, readable without eyes, the same for the same rows, safe for any name."""

import random
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from streams.report.evidence import Wish, gather
from streams.report.page import Report, build
from tests.unit.report.made import Made, Rows, make

ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "bdi", "p", "main", "ul", "li", "section",
    "div", "figure", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "footer", "code",
    "svg", "desc", "g", "path", "text", "defs", "clippath", "rect", "use",
}  # fmt: skip
"""Everything that the page is made of; none of it runs or loads anything."""

HOSTILE = [
    "<img src=x onerror=alert(1)>", "</svg><script>alert(2)</script>", "$\\frac{1}{2}$", "_hidden", "]]>", "-->",
    "x" * 300, "שלום עולם", "url(#evil) #0072b2 \"id='q'",
]  # fmt: skip


class Page(HTMLParser):
    """Tags, attributes and text of a page as a browser takes them apart."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.tags if name in attributes]


def drawn(rows: Rows, *, with_png: bool = False, **wish: Any) -> Report:
    return build(gather(Made(rows), Wish(**wish)), with_png=with_png)


def shuffled(rows: Rows, seed: int) -> Rows:
    rng = random.Random(seed)
    return {stream: rng.sample(found, len(found)) for stream, found in rows.items()}


@pytest.fixture(scope="module")
def rows() -> Rows:
    return make(windows=14)


@pytest.fixture(scope="module")
def html(rows: Rows) -> str:
    return drawn(rows).html


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def text_of(html: str) -> str:
    return " ".join("".join(Page(html).texts).split())


def test_the_same_rows_give_the_same_bytes_in_any_order(rows: Rows) -> None:
    first = drawn(rows, with_png=True)
    again = drawn(shuffled(rows, seed=3), with_png=True)
    assert again.html == first.html
    assert again.png == first.png
    assert first.png is not None
    assert first.png.startswith(b"\x89PNG")


def test_another_count_gives_other_bytes(rows: Rows, html: str) -> None:
    changed = {**rows, "confusion": [{**rows["confusion"][0], "count": 9_999}, *rows["confusion"][1:]]}
    assert drawn(changed).html != html


def test_nothing_is_loaded_and_nothing_runs(page: Page, html: str) -> None:
    assert {tag for tag, _ in page.tags} <= ALLOWED
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "src"]
    assert [value for value in page.values("href") if not value.startswith("#")] == []
    assert html.count("<style") == 1, "a style sheet of a picture would count for the whole page"
    assert "@import" not in html
    assert set(re.findall(r"url\((.)", html)) <= {"#"}
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def test_every_reference_inside_the_page_has_its_one_target(page: Page, html: str) -> None:
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    wanted = {value.removeprefix("#") for value in page.values("href")}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", html))
    wanted |= {one for value in page.values("aria-labelledby") for one in value.split()}
    assert wanted
    assert wanted <= set(ids)


def test_every_picture_says_what_it_shows(page: Page) -> None:
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(pictures) >= 6
    assert all(picture["role"] == "img" and picture["aria-labelledby"] for picture in pictures)
    text = " ".join(page.texts)
    assert "v1: 14 windows, from" in text
    assert "half of" in text


def test_every_colour_of_a_picture_is_the_pages_to_choose(html: str) -> None:
    pictures = re.findall(r"<svg .*?</svg>", html, re.DOTALL)
    bare = {colour for svg in pictures for colour in re.findall(r"(?<!, )#[0-9a-f]{6}\b", svg)}
    assert bare == set()
    used = {name for svg in pictures for name in re.findall(r"var\(--([a-z0-9-]+)", svg)}
    light, dark = html.split("prefers-color-scheme: dark")
    assert used
    assert all(f"--{name}:" in light and f"--{name}:" in dark for name in used)


def test_hostile_names_are_text() -> None:
    made = make(model=HOSTILE[0], versions=HOSTILE[1:4], classes=HOSTILE, windows=12)
    page = Page(drawn(made, with_png=True).html)
    assert {tag for tag, _ in page.tags} <= ALLOWED
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "src"]
    text = "".join(page.texts)
    for name in [name for name in HOSTILE if len(name) < 40]:
        assert name in text, "in a table, as it is"
    assert text.count(HOSTILE[2]) > 5, "in pictures, too, not as a formula"
    assert HOSTILE[6] not in text
    assert "x" * 13 + "…" in text


def test_what_no_document_may_hold_is_a_visible_sign() -> None:
    made = make(model="a\x00b\x1b[31m\u202ec\ud800", versions=["1\n2"], classes=["x\x07", "y"], windows=12)
    html = drawn(made).html
    assert "a\ufffdb\ufffd[31m\ufffdc\ufffd" in html
    assert not set(html) & {"\x00", "\x07", "\x1b", "\u202e"}
    html.encode()


@pytest.mark.parametrize(
    "shape",
    [
        {"windows": 1, "versions": ["a"]},
        {"windows": 3},
        {"windows": 12, "versions": ["a"], "classes": ["only"]},
        {"windows": 400, "labels": 12, "hours": 1},
        {"windows": 30, "versions": [f"release-with-a-long-name-{i}" for i in range(9)]},
        {"windows": 12, "versions": ["a"], "classes": [f"a class with a long name, number {i}" for i in range(50)]},
        {"windows": 12, "versions": ["a"], "classes": [f"c{i}" for i in range(60)]},
    ],
    ids=["one window", "nothing settled", "one class", "long", "many versions", "50 classes", "60 classes"],
)
def test_any_shape_of_history_can_be_drawn(shape: dict[str, Any]) -> None:
    page = Page(drawn(make(**shape)).html)
    assert {"accuracy", "drift", "recall", "confusion", "calibration", "delays"} <= set(page.values("id"))
    assert [value for value in page.values("d") if "nan" in value.lower() or "inf" in value.lower()] == []
    assert "nan" not in " ".join(page.texts).lower()


def test_windows_that_overlap_are_not_added_up() -> None:
    made = make(windows=14, versions=["a"])
    labelled = [row["labelled"] for row in made["windows"] if row["status"] != "open"]
    whole = text_of(drawn(made).html)
    assert "Counts over all settled windows together" in whole
    assert f"3 classes, {sum(labelled):,} labelled predictions" in whole
    for found in made.values():
        for row in found:
            row.update(window="24h/12h", metric_key=row["metric_key"].replace("|24h|", "|24h/12h|"))
    newest = text_of(drawn(made).html)
    assert "Counts over the newest settled window" in newest
    assert f"3 classes, {labelled[-1]:,} labelled predictions" in newest


def test_a_class_without_labels_in_the_newest_window_is_told_from_an_older_one() -> None:
    made = make(windows=14, versions=["a"])
    rows = [row for row in made["classes"] if row["class"] == "owl" and row["status"] == "settled"]
    rows[-1].update(support=0, tp=0, recall=None, recall_lower=None, recall_upper=None)
    rows[-2].update(support=40, tp=10, recall=0.25, recall_lower=0.141, recall_upper=0.4)
    assert "owl25.0 %14.1 to 40.0 %40" in text_of(drawn(made).html)


def test_a_class_that_never_had_a_label_has_no_panel() -> None:
    made = make(windows=14, versions=["a"])
    for row in made["classes"]:
        if row["class"] == "owl":
            row.update(support=0, tp=0, recall=None, recall_lower=None, recall_upper=None)
    assert "A panel for each of 2 classes (cat and dog)" in text_of(drawn(made).html)


def test_a_picture_of_several_versions_names_them() -> None:
    made = make(windows=14, versions=["_first", "second"])
    recall = re.findall(r"<svg .*?</svg>", drawn(made).html, re.DOTALL)[2]
    assert re.findall(r">(_first|second)</text>", recall) == ["_first", "second"]


def test_more_classes_than_a_heat_map_can_show_are_told_by_their_confusions() -> None:
    text = text_of(drawn(make(windows=12, classes=[f"c{i}" for i in range(60)], labels=2_000)).html)
    assert "with 60 classes only the confusions that happen most are drawn" in text
    assert "Of 60 classes these are the 12 of lowest recall" in text


@pytest.mark.parametrize(
    ("stream", "heading"),
    [("drift", "drift"), ("calibration", "calibration"), ("delays", "delays"), ("classes", "classes"),
     ("confusion", "confusion")],
)  # fmt: skip
def test_what_was_not_recorded_is_said(rows: Rows, stream: str, heading: str) -> None:
    some = {name: found for name, found in rows.items() if name != stream}
    assert f"Not recorded: there are no {heading} rows." in text_of(drawn(some).html)


def test_what_was_recorded_and_is_empty_is_said_otherwise(rows: Rows) -> None:
    text = text_of(drawn({**rows, "drift": [], "calibration": [], "delays": []}).html)
    assert "No detector has judged a window yet." in text
    assert "No settled window has a labelled prediction with a score." in text
    assert "No label has come yet." in text
    assert "Not recorded" not in text
