"""Windows that mature one after the other, as the judge tells them."""

from dataclasses import replace

import numpy as np
import pytest

from streams.quality.counts.counted import NO_LABEL, BinnedCells, Counted, counted
from streams.quality.maturing import generation
from streams.quality.maturing.outlook import AGES_MS, FEWEST_WINDOWS, MOST_CLASSES, Outlook, Unknown, silent
from streams.quality.maturing.series import Maturing

HOUR_MS = 3_600_000
FINAL = np.array([[400, 50], [30, 120]])
AT_HOUR = np.array([[40, 20], [3, 48]])  # a tenth of class 0's predictions and four tenths of class 1's
NOWCAST = (
    "coverage_model",
    "balanced_accuracy_nowcast",
    "balanced_accuracy_nowcast_lower",
    "balanced_accuracy_nowcast_upper",
)


def so_far(known: np.ndarray, final: np.ndarray = FINAL) -> Counted:
    return counted(known, (final - known).sum(axis=0))


def matured(windows: int, known: np.ndarray = AT_HOUR) -> Maturing:
    """A series with so many matured windows, all looked at after an hour."""
    series = Maturing()
    for i in range(windows):
        series.look(i * HOUR_MS, HOUR_MS, so_far(known))
        series.mature(i * HOUR_MS, counted(FINAL))
    return series


def reasons(outlook: Outlook) -> dict[str, str]:
    parts = (outlook.undefined or "").split("; ")
    return dict(part.split(": ", 1) for part in parts if part)


def test_without_matured_windows_only_the_coverage_can_be_judged() -> None:
    outlook = Maturing().look(0, HOUR_MS, so_far(AT_HOUR))
    assert outlook.coverage_biased is True
    assert outlook.nowcast_age_s == 3600
    few = Unknown.FEW_MATURED_WINDOWS.value
    assert reasons(outlook) == {
        "coverage_drift": few,
        **dict.fromkeys(NOWCAST, few),
        "balanced_accuracy_estimated": few,
        "estimate_error": Unknown.NO_ERROR_YET.value,
    }


def test_the_twentieth_matured_window_makes_a_reference() -> None:
    assert matured(FEWEST_WINDOWS - 1).look(99 * HOUR_MS, HOUR_MS, so_far(AT_HOUR)).balanced_accuracy_nowcast is None
    outlook = matured(FEWEST_WINDOWS).look(99 * HOUR_MS, HOUR_MS, so_far(AT_HOUR))
    assert outlook.coverage_drift is False
    assert outlook.coverage_model == "predicted"
    assert outlook.balanced_accuracy_nowcast == pytest.approx((400 / 450 + 120 / 150) / 2, abs=0.005)
    assert reasons(outlook) == {"estimate_error": Unknown.NO_ERROR_YET.value}


def test_an_age_without_looks_has_no_reference_of_another_age() -> None:
    outlook = matured(FEWEST_WINDOWS).look(99 * HOUR_MS, 6 * HOUR_MS, so_far(AT_HOUR))
    assert reasons(outlook)["balanced_accuracy_nowcast"] == Unknown.FEW_MATURED_WINDOWS.value
    assert outlook.balanced_accuracy_estimated is not None


def test_labels_at_another_pace_withhold_the_nowcast_and_nothing_else() -> None:
    outlook = matured(FEWEST_WINDOWS).look(99 * HOUR_MS, HOUR_MS, so_far(AT_HOUR // 3))
    assert outlook.coverage_drift is True
    assert {name: reasons(outlook)[name] for name in NOWCAST} == dict.fromkeys(NOWCAST, Unknown.COVERAGE_DRIFT.value)
    assert outlook.balanced_accuracy_estimated is not None


def test_nothing_labelled_yet_has_no_nowcast_but_an_estimate() -> None:
    series = matured(FEWEST_WINDOWS, known=np.zeros((2, 2), np.int64))
    outlook = series.look(99 * HOUR_MS, HOUR_MS, so_far(np.zeros((2, 2), np.int64)))
    nothing = Unknown.NOTHING_LABELLED.value
    assert {name: reasons(outlook)[name] for name in (*NOWCAST, "coverage_biased")} == dict.fromkeys(
        (*NOWCAST, "coverage_biased"), nothing
    )
    assert outlook.coverage_drift is False
    assert outlook.balanced_accuracy_estimated == pytest.approx((400 / 450 + 120 / 150) / 2, abs=1e-9)


def test_a_label_that_could_not_be_there_yet_is_no_basis_of_a_nowcast() -> None:
    early = np.array([[40, 20], [0, 0]])  # class 1 never has labels after an hour
    outlook = matured(FEWEST_WINDOWS, known=early).look(99 * HOUR_MS, HOUR_MS, so_far(early + np.array([[0], [1]])))
    assert reasons(outlook)["balanced_accuracy_nowcast"] == Unknown.NEVER_SO_EARLY.value


def test_a_class_that_is_predicted_and_has_no_label_yet_withholds_the_nowcast() -> None:
    early = np.array([[40, 20], [0, 0]])
    outlook = matured(FEWEST_WINDOWS, known=early).look(99 * HOUR_MS, HOUR_MS, so_far(early))
    assert outlook.coverage_drift is False
    assert reasons(outlook)["balanced_accuracy_nowcast"] == Unknown.CLASS_WITHOUT_LABEL.value


def test_one_predicted_class_cannot_be_labelled_unevenly() -> None:
    outlook = Maturing().look(0, 0, counted([[3, 0], [1, 0]], [5, 0]))
    assert reasons(outlook)["coverage_biased"] == Unknown.ONE_PREDICTED_CLASS.value


def test_when_every_prediction_has_its_label_the_coverage_is_not_biased() -> None:
    assert Maturing().look(0, 0, counted(FINAL)).coverage_biased is False


def test_a_window_without_predictions_says_nothing() -> None:
    outlook = matured(FEWEST_WINDOWS).look(99 * HOUR_MS, HOUR_MS, counted([[0]]))
    assert outlook == silent(Unknown.NO_PREDICTIONS, HOUR_MS)
    assert set(reasons(outlook)) == set(Outlook._fields) - {"undefined", "nowcast_age_s"}


def test_an_outlook_for_windows_that_nobody_looked_at_explains_the_age_as_well() -> None:
    assert set(reasons(silent(Unknown.NOT_LOOKED_AT))) == set(Outlook._fields) - {"undefined"}


def test_fifty_classes_are_looked_at_and_one_more_is_too_many() -> None:
    assert "too many" not in str(Maturing().look(0, 0, counted(np.eye(MOST_CLASSES, dtype=np.int64))).undefined)
    series = Maturing()
    many = counted(np.eye(MOST_CLASSES + 1, dtype=np.int64))
    assert series.look(0, 0, many) == silent(Unknown.TOO_MANY_CLASSES, 0)
    series.mature(0, many)
    assert series.dump()["names"] == []


def test_names_without_a_count_are_no_classes() -> None:
    wide = np.zeros((MOST_CLASSES + 9, MOST_CLASSES + 9), np.int64)
    wide[0, 0] = wide[7, 7] = 3
    series = Maturing()
    series.look(0, 0, counted(wide))
    assert series.dump()["names"] == ["c0000", "c0007"]


def test_predictions_of_new_classes_have_no_estimate_when_they_are_many() -> None:
    outlook = matured(FEWEST_WINDOWS).look(99 * HOUR_MS, HOUR_MS, counted(np.zeros((3, 3), np.int64), [90, 4, 6]))
    assert reasons(outlook)["balanced_accuracy_estimated"] == Unknown.NEW_CLASSES.value


def test_the_error_of_the_estimate_is_that_of_the_first_look() -> None:
    series = matured(FEWEST_WINDOWS)
    start = 99 * HOUR_MS
    first = series.look(start, 0, so_far(AT_HOUR))
    series.look(start, HOUR_MS, counted([[1, 0], [0, 0]], [0, 600]))
    final = counted([[450, 0], [0, 150]])
    series.mature(start, final)
    series.look(100 * HOUR_MS, 0, counted([[9]], classes=("a new class",)))  # classes are numbered anew
    outlook = series.look(101 * HOUR_MS, 0, so_far(AT_HOUR))
    assert first.balanced_accuracy_estimated is not None
    assert outlook.estimate_error == pytest.approx(1 - first.balanced_accuracy_estimated, abs=1e-12)


def test_confidence_tells_more_than_the_predicted_class() -> None:
    def scored(sure: int, unsure: int) -> Counted:
        """Class 0 is predicted surely (always right) or unsurely (half right); class 1 always surely."""
        cells = np.array([[sure + unsure // 2, 0], [unsure - unsure // 2, 100]])
        bins = BinnedCells(*(np.array(c) for c in zip((19, 0, 0, sure), (10, 0, 0, unsure // 2),
                            (10, 1, 0, unsure - unsure // 2), (19, 1, 1, 100), strict=True)))  # fmt: skip
        return replace(counted(cells), scored=bins)

    series = Maturing()
    for i in range(FEWEST_WINDOWS):
        series.mature(i, scored(300, 100))
    harder = scored(100, 300)
    blind = replace(
        counted(np.zeros((2, 2), np.int64), harder.predictions_of),
        scored=harder.scored._replace(true=np.full(4, NO_LABEL)),
    )
    outlook = series.look(FEWEST_WINDOWS, 0, blind)
    assert outlook.balanced_accuracy_estimated == pytest.approx((1 + 100 / 250) / 2, abs=0.01)


def test_the_reference_forgets_the_generation_before_the_last() -> None:
    series = matured(1, known=FINAL)  # everything within the hour: never again
    start = 0
    for _ in range(2 * generation.MOST_WINDOWS):
        start += HOUR_MS
        series.look(start, HOUR_MS, so_far(AT_HOUR))
        series.mature(start, counted(FINAL))
    older = series._older
    assert (older.windows, series._newer.windows) == (generation.MOST_WINDOWS, 1)
    assert older.known[1].tolist() == (generation.MOST_WINDOWS * AT_HOUR).tolist()


def test_a_generation_of_long_windows_ends_after_four_weeks_with_twenty_of_them() -> None:
    day_ms = 24 * HOUR_MS
    series = Maturing()
    for i in range(28):
        series.mature(i * day_ms, counted(FINAL))
    assert (series._older.windows, series._newer.windows) == (0, 28)
    series.mature(28 * day_ms, counted(FINAL))
    assert (series._older.windows, series._newer.windows) == (29, 0)
    week_ms = 7 * day_ms
    series = Maturing()
    for i in range(FEWEST_WINDOWS):
        assert series._newer.windows == i
        series.mature(i * week_ms, counted(FINAL))
    assert (series._older.windows, series._newer.windows) == (FEWEST_WINDOWS, 0)


def test_a_class_that_no_generation_has_any_more_loses_its_number() -> None:
    series = Maturing()
    series.mature(0, counted([[5, 0, 0], [0, 0, 0], [0, 0, 5]], classes=("a", "b", "c")))
    assert series.dump()["names"] == ["a", "c"]
    for i in range(1, 2 * generation.MOST_WINDOWS):
        series.mature(i, counted([[5, 0], [0, 5]], classes=("b", "c")))
    assert series.dump()["names"] == ["b", "c"]
    assert series._older.joint[0, 0, -1] == 5 * generation.MOST_WINDOWS


def test_a_class_that_only_an_unfinished_window_has_keeps_its_number() -> None:
    series = Maturing()
    last = generation.MOST_WINDOWS
    series.look(last, 0, counted([[1, 1], [0, 2]], [3, 0], classes=("b", "z")))
    for i in range(last):
        series.mature(i, counted([[5]], classes=("c",)))
    assert series._newer.windows == 0
    assert series.dump()["names"] == ["b", "c", "z"]
    series.mature(last, counted([[4, 1], [0, 2]], classes=("b", "z")))
    assert series._newer.known[0].tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 2]]
    assert series._newer.predictions[0].tolist() == [4, 0, 3]


def test_classes_that_come_later_leave_what_was_learnt() -> None:
    series = matured(FEWEST_WINDOWS)
    series.look(98 * HOUR_MS, HOUR_MS, so_far(AT_HOUR))
    before = series.look(99 * HOUR_MS, HOUR_MS, so_far(AT_HOUR))
    series.look(99 * HOUR_MS, 6 * HOUR_MS, counted([[9]], classes=("a class that sorts first",)))
    assert series.look(101 * HOUR_MS, HOUR_MS, so_far(AT_HOUR)) == before
    series.mature(98 * HOUR_MS, counted(FINAL))
    assert series._newer.known[1][1:, 1:].tolist() == (AT_HOUR * (FEWEST_WINDOWS + 1)).tolist()


def test_windows_mature_in_order_and_leave_nothing_behind() -> None:
    series = Maturing()
    for start in (1, 2, 3):
        series.look(start, 0, so_far(AT_HOUR))
    series.mature(3, counted(FINAL))
    assert series._unfinished == {}
    assert series._kept == 0
    series.mature(2, counted(FINAL))
    assert series._newer.windows == 1
    series.look(2, HOUR_MS, so_far(AT_HOUR))
    assert series._unfinished == {}


def test_snapshots_beyond_the_bound_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.quality.maturing.series.MOST_KEPT", 13)
    series = Maturing()
    for start in (1, 2, 3):
        series.look(start, 0, so_far(AT_HOUR))
    assert [sorted(window.known) for window in series._unfinished.values()] == [[0], [0], []]
    series.mature(2, counted(FINAL))
    assert series._newer.looked[0] == 1
    series.look(3, HOUR_MS, so_far(AT_HOUR))
    assert sorted(series._unfinished[3].known) == [1]


def test_a_window_that_never_had_a_label_teaches_nothing() -> None:
    series = Maturing()
    series.look(0, 0, counted([[0]], [5]))
    series.mature(0, counted([[0]], [5]))
    assert (series._newer.windows, series._unfinished) == (0, {})


def test_an_age_that_is_not_one_of_the_ages_is_refused() -> None:
    with pytest.raises(ValueError, match="not 5"):
        Maturing().look(0, 5, counted(FINAL))


def test_ages_begin_at_zero_and_grow() -> None:
    assert AGES_MS[0] == 0
    assert list(AGES_MS) == sorted(set(AGES_MS))


def test_when_all_classes_have_other_names_a_new_reference_begins() -> None:
    def named(prefix: str) -> Counted:
        return replace(counted(np.eye(30, dtype=np.int64) * 9), classes=tuple(f"{prefix}{i:02d}" for i in range(30)))

    series = Maturing()
    for i in range(2 * FEWEST_WINDOWS):
        window = named("old" if i < FEWEST_WINDOWS else "new")
        outlook = series.look(i * HOUR_MS, 0, window)
        assert Unknown.TOO_MANY_CLASSES.value not in reasons(outlook).values()
        series.mature(i * HOUR_MS, window)
    assert series.look(2 * FEWEST_WINDOWS * HOUR_MS, 0, named("new")).balanced_accuracy_estimated is not None
