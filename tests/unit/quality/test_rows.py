"""Keys that can be taken apart, times that can be read."""

from streams.ledger.spec import NO_TIME
from streams.ledger.times import rfc3339
from streams.quality.rows import Moment, Place, RowWriter, Status, encode_part, metric_key
from streams.quality.table import cell, margins_of

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
    assert writer.of_class(counts, 0, "x|y").key == metric_key(PLACE) + "|x%7Cy"
    assert writer.confusion("x|y", "%", 2).key == metric_key(PLACE) + "|x%7Cy|%25"


def test_the_fields_of_a_window_row_have_the_order_of_the_contract() -> None:
    row = RowWriter(PLACE, Status.OPEN, Moment(7, 0)).window(margins_of({cell(0, 0): 1}), 3, 5).value
    assert " ".join(row) == (
        "schema metric_key model model_version segment window view window_start window_end status revision watermark "
        "predictions labelled coverage corrected classes_expected classes_with_support min_support low_support "
        "accuracy balanced_accuracy balanced_accuracy_lower balanced_accuracy_upper balanced_accuracy_adjusted "
        "macro_recall_union macro_precision macro_f1 micro_f1 weighted_f1 mcc kappa undefined"
    )


def test_the_fields_of_a_class_row_have_the_order_of_the_contract() -> None:
    row = RowWriter(PLACE, Status.OPEN, Moment(7, 0)).of_class(margins_of({cell(0, 0): 1}), 0, "x").value
    assert " ".join(row) == (
        "schema metric_key model model_version segment window view window_start window_end status revision watermark "
        "class tp fp fn tn support predicted predictions_of_class recall recall_lower recall_upper precision f1 "
        "specificity undefined"
    )
