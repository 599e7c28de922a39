"""What the scenarios are judged by would find what it is there to find."""

from pathlib import Path

from streams.ledger.spec import LedgerSpec
from tests.chaos.feed import answers, feed, lost_and_doubled
from tests.chaos.outcome import Outcome, median_and_most, table
from tests.chaos.report import BEGIN, END, write
from tests.chaos.timeline import longest_gap_s
from tests.support.ledger import Label, Prediction, Row

MINUTE = 60_000


def test_a_feed_is_the_same_for_its_seed_and_has_everything_that_can_be_wrong() -> None:
    first, again = (feed(7, 20.0, 500, live=True, begin_ms=MINUTE) for _ in range(2))
    assert first == again
    assert first != feed(8, 20.0, 500, live=True, begin_ms=MINUTE)
    assert [event.at_s for event in first.events] == sorted(event.at_s for event in first.events)
    rows = [event.row for event in first.events]
    assert len(rows) > len(set(rows)), "repeats"
    assert None in rows
    labels = [row for row in rows if isinstance(row, Label)]
    assert None in {label.cls for label in labels}, "deletions"
    predicted = {row.id for row in rows if isinstance(row, Prediction)}
    assert {label.id for label in labels} - predicted, "labels without a prediction"


def test_answers_count_every_prediction_once_with_the_label_that_wins() -> None:
    at = 10 * MINUTE
    rows: list[Row] = [
        *[Prediction("a", at, "yes", "1", "eu")] * 2, Prediction("b", at, "no", "1", "us"),
        Label("a", at, "no"), Label("a", at + 1, "yes"), Label("b", at, "yes"), Label("c", at, "yes"),
    ]  # fmt: skip
    spec = LedgerSpec(pane_ms=MINUTE)
    everything, *segments = sorted(answers(rows, spec, 5 * MINUTE), key=lambda answer: answer.get("segment", ""))
    assert (everything["window_start"], everything["n_predictions"], everything["n_labelled"]) == (at, 2, 2)
    assert everything["accuracy"] == everything["balanced_accuracy"] == 0.5
    assert everything["per_class"]["yes"] == {"tp": 1, "fp": 0, "fn": 1, "tn": 0, "support": 2, "predicted": 1}
    assert [(answer["segment"], answer["n_predictions"]) for answer in segments] == [("eu", 1), ("us", 1)]


def test_what_is_missing_and_what_is_too_much_are_told_apart() -> None:
    wanted = [{"window_start": 0, "model_version": v, "n_predictions": 5, "n_labelled": 3} for v in "ab"]
    row = {"predictions": 5, "labelled": 3}
    assert lost_and_doubled({("all", 0, "a"): row, ("all", 0, "b"): row}, wanted) == (0, 0)
    assert lost_and_doubled({("all", 0, "a"): row}, wanted) == (8, 0)
    more = {"predictions": 6, "labelled": 2}
    assert lost_and_doubled({("all", 0, "a"): row, ("all", 0, "b"): more}, wanted) == (1, 1)
    assert lost_and_doubled({("all", 9, "a"): row}, []) == (0, 8)


def test_a_silence_is_looked_for_around_the_fault_only() -> None:
    assert longest_gap_s([0, 5_000, 5_100, 5_300], 5_050, 5_400) == 0.2
    assert longest_gap_s([0, 5_000, 5_100], 4_000, 9_100) == 5.0


def test_the_table_replaces_the_one_that_is_there(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}old\n{END}after\n")
    outcome = Outcome("kill", 7, faults={"kill -9": 3}, events=12, audits=4, recoveries_s={"kill -9": [1.0, 9.0, 2.0]})
    outcome.pauses_s = {"kill -9: join": [0.5, 1.5, 0.2]}
    write([outcome], page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert table([outcome]) in text
    assert "kill -9: 2.0 / 9.0 of 3" in text
    assert "| kill -9: join | 0.5 / 1.5 of 3 | 2 of 3 |" in text
    assert median_and_most([]) == "-"
