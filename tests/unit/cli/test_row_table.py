import io
from typing import Any, get_args

import pytest
from rich.console import Console

from streams.cli.row_table import COLUMNS, NewestRows, written
from streams.cli.tail import Noun
from streams.runtime.config.job import TopicNoun
from streams.runtime.kafka.tail import Row
from tests.support.schemas import SCHEMAS, schema

INTERNAL = {"ledger", "tallies", "checkpoints", "status"}


def row(key: str, offset: int = 0, **value: Any) -> Row:
    return Row(0, offset, 0, key, b"", value)


def shown(table: NewestRows, count: int = 10) -> str:
    screen = io.StringIO()
    Console(file=screen, width=300).print(table.render(count))
    return screen.getvalue()


def test_the_highest_revision_of_a_key_is_kept_whatever_the_order() -> None:
    table = NewestRows("windows")
    for revision in (1, 7, 3):
        table.update(row("a", revision=revision, window_end="t"))
    assert [value["revision"] for value in table.newest(5)] == [7]


def test_rows_without_a_revision_are_replaced_by_later_ones() -> None:
    table = NewestRows("audit")
    table.update(row("0", offset=1, balanced=False))
    table.update(row("0", offset=2, balanced=True))
    assert [value["balanced"] for value in table.newest(5)] == [True]


def test_rows_without_a_key_are_all_different() -> None:
    table = NewestRows("rejects")
    table.update(row("", offset=1, reason="not_json"))
    table.update(row("", offset=2, reason="not_json"))
    assert len(table) == 2


def test_the_latest_window_is_first_and_the_rest_is_counted() -> None:
    table = NewestRows("windows")
    for hour in (2, 9, 5):
        table.update(row(f"k{hour}", window_end=f"2026-01-01T0{hour}:00:00.000Z", window_start=f"0{hour}"))
    assert [value["window_start"] for value in table.newest(2)] == ["09", "05"]
    assert "3 keys, 1 older ones not shown" in shown(table, 2)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        ("2026-01-31T05:00:00.000Z", "2026-01-31 05:00"),
        ("2026-01-31T05:00:07.000Z", "2026-01-31 05:00:07"),
        ("2026-01-31", "2026-01-31"),
    ],
)
def test_times_are_shown_without_their_zeros(time: str, text: str) -> None:
    assert written(time) == text


def test_the_view_is_shown_where_there_are_several() -> None:
    table = NewestRows("windows")
    table.update(row("a", window="24h", view="prediction_time"))
    assert "view" not in shown(table)
    table.update(row("b", window="24h", view="label_time"))
    assert ("view" in shown(table), "prediction_time" in shown(table), "label_time" in shown(table)) == (True,) * 3


def test_what_all_rows_share_is_said_once() -> None:
    table = NewestRows("drift")
    table.update(row("a", model="m[1]", model_version="v7", segment="all", kind="label"))
    table.update(row("b", model="m[1]", model_version="v8", segment="all", kind="label"))
    text = shown(table)
    assert text.rstrip().endswith("2 keys, model m[1], segment all")
    assert {"version", "v7", "v8"} <= set(text.split())
    assert text.count("m[1]") == 1


def test_in_a_narrow_terminal_texts_are_folded_and_nothing_is_cut_off() -> None:
    table = NewestRows("drift")
    for version in ("2026.10", "2026.11"):
        value: dict[str, Any] = {"model": "m", "model_version": version, "segment": "country=NL", "window": "24h"}
        value |= {
            "window_start": "2026-01-31T05:00:00.000Z",
            "status": "settled",
            "kind": "performance",
            "level": "now",
        }
        value |= {"subject": "on_time", "incident_status": "open", "reference": "training", "n": 1234, "p_value": 3e-7}
        table.update(row(version, **value))
    screen = io.StringIO()
    Console(file=screen, width=100).print(table.render(2))
    assert "…" not in screen.getvalue()
    assert {"1234", "3.0e-07"} <= set(screen.getvalue().split())


def test_only_columns_that_are_shown_say_why_they_are_undefined() -> None:
    table = NewestRows("windows")
    why = "accuracy: nothing labelled; balanced_accuracy: nothing labelled; kappa: other; details: told later"
    table.update(row("a", accuracy=None, undefined="kappa: other"))
    assert "undefined" not in shown(table)
    table.update(row("b", accuracy=None, undefined=why))
    assert shown(table).count("nothing labelled") == 1
    assert "told later" not in shown(table)


def test_a_decayed_window_shows_its_end() -> None:
    table = NewestRows("windows")
    table.update(row("a", window="decayed-6h", window_start=None, window_end="2026-01-31T05:00:00.000Z"))
    assert "to 2026-01-31 05:00" in shown(table)


def test_square_brackets_in_a_name_are_shown_as_they_are() -> None:
    table = NewestRows("rejects")
    table.update(row("a", topic="t", detail="[red]x[/red]", reason="not_json"))
    assert "[red]x[/red]" in shown(table)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.5, "0.5000"),
        (0, "0"),
        (0.0, "0.0000"),
        (-1e-5, "-1.0e-05"),
        (True, "True"),
        ({"a": None, "b": 1}, "a: -, b: 1"),
    ],
)
def test_undefined_is_a_dash_and_never_a_zero(value: object, text: str) -> None:
    assert written(value) == text


def test_every_output_topic_can_be_read_and_has_columns() -> None:
    assert {noun.value for noun in Noun} == set(get_args(TopicNoun)) - INTERNAL == set(COLUMNS)


BESIDES = {"alert_pulse", "mute", "redrive"}
"""Rows of the alerts topic that are no alerts: a table of alerts has dashes for them."""


@pytest.mark.parametrize("name", sorted({file.name.split(".")[1] for file in SCHEMAS.glob("*.json")} - BESIDES))
def test_the_columns_shown_are_fields_of_the_rows(name: str) -> None:
    (noun,) = {name, f"{name}s", f"{name}es", name.replace("_", "-")} & set(COLUMNS)
    assert set(COLUMNS[noun]) <= set(schema(name)["properties"])
