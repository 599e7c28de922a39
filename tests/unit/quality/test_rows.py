"""Keys that can be taken apart, times that can be read."""

from streams.ledger.spec import NO_TIME
from streams.ledger.times import rfc3339
from streams.quality.aged import NOT_TOLD
from streams.quality.counts.table import cell, margins_of
from streams.quality.rows import Moment, Place, RowWriter, Status, encode_part, metric_key
from tests.support.schemas import schema

PLACE = Place("a|b", "1%", "country=C|H", "24h", 0, 86_400_000)


def test_a_key_can_be_taken_apart_again() -> None:
    assert metric_key(PLACE) == "a%7Cb|1%25|country=C%7CH|24h|prediction_time|1970-01-01T00:00:00.000Z"
    assert metric_key(PLACE).count("|") == 5
    assert encode_part("%7C") != encode_part("|")


def test_times_have_milliseconds_and_z_also_before_1970() -> None:
    assert rfc3339(-1) == "1969-12-31T23:59:59.999Z"
    assert rfc3339(1_700_000_000_000) == "2023-11-14T22:13:20.000Z"


def test_rows_of_classes_and_cells_extend_the_key_of_their_window() -> None:
    writer = RowWriter(PLACE, Status.OPEN, Moment(7, NO_TIME))
    counts = margins_of({cell(0, 1): 2})
    window = writer.window(counts, None, 5)
    assert (window.stream, window.key) == ("windows", metric_key(PLACE))
    assert (window.value["watermark"], window.value["revision"], window.value["view"]) == (None, 7, "prediction_time")
    assert [row.key for row in writer.of_classes(counts, [0], ["x|y"], {})] == [metric_key(PLACE) + "|x%7Cy"]
    assert writer.confusion("x|y", "%", 2).key == metric_key(PLACE) + "|x%7Cy|%25"


def test_the_fields_of_a_window_row_have_the_order_of_the_contract() -> None:
    writer = RowWriter(PLACE, Status.OPEN, Moment(7, 0))
    row = writer.window(margins_of({cell(0, 0): 1}), 3, 5, *NOT_TOLD).value
    assert list(row) == schema("window")["required"]
    assert " ".join(row).startswith(
        "schema metric_key model model_version segment window view window_start window_end status revision watermark "
        "predictions labelled coverage corrected classes_expected classes_with_support min_support low_support "
        "accuracy accuracy_lower accuracy_upper balanced_accuracy balanced_accuracy_lower balanced_accuracy_upper "
        "balanced_accuracy_adjusted macro_recall_union macro_precision macro_f1 macro_f1_lower macro_f1_upper "
        "micro_f1 weighted_f1 mcc kappa details_age_s scored confidence_mean confidence_variance brier log_loss ece "
    )


def test_the_fields_of_a_class_row_have_the_order_of_the_contract() -> None:
    cells = {cell(0, 0): 1, cell(0, 1): 2}
    writer = RowWriter(PLACE, Status.OPEN, Moment(7, 0))
    row = writer.of_classes(margins_of(cells), [0], ["x", "y"], cells)[0].value
    assert list(row) == schema("class")["required"]
    assert (row["class"], row["confused_with"]) == ("x", "y: 2")


def test_reasons_of_all_parts_are_joined_at_the_end() -> None:
    writer = RowWriter(PLACE, Status.OPEN, Moment(7, 0))
    undefined = str(writer.window(margins_of({cell(0, 0): 1}), 3, 5, *NOT_TOLD).value["undefined"])
    assert undefined.startswith("balanced_accuracy_adjusted: ")
    assert "; details: told of windows by prediction time: " in undefined


def test_a_decayed_window_has_no_start_and_its_end_in_its_key() -> None:
    place = PLACE._replace(window="decayed-6h", start_ms=None)
    row = RowWriter(place, Status.OPEN, Moment(7, 0)).window(margins_of({cell(0, 0): 1}), 3, 5, *NOT_TOLD)
    assert row.value["window_start"] is None
    assert row.key.endswith("|decayed-6h|prediction_time|1970-01-02T00:00:00.000Z")
