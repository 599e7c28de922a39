"""A series of windows: references, alarms, incidents, who is to blame, and what cannot be said."""

from dataclasses import replace

import numpy as np
import pytest

from streams.quality.counts.counted import Cells, Counted, counted
from streams.quality.drift.finding import Explains, Kind, Level, Why
from streams.quality.drift.series import Series
from streams.quality.settings import ReferenceKind, ReferenceSpec, Training
from tests.support.drifting import FIRST, HOUR, judged, of_kind, quiet_windows, random_table, scored, table

WITHOUT_SCORES = [Kind.PERFORMANCE, Kind.PREDICTION, Kind.LABEL, Kind.CONFUSION, Kind.VARIANCE]


def test_every_kind_says_something_of_every_window_also_when_quiet() -> None:
    series = Series(FIRST)
    for i, window in enumerate(quiet_windows(1, count=25)):
        found = series.judge(i * HOUR, (i + 1) * HOUR, window)
        assert [one.kind for one in found] == WITHOUT_SCORES
        assert {one.level for one in found} == {"quiet"}
        assert (found[0].reference is None) == (i < 20)
    assert found[0].undefined is None
    assert found[0].reference_windows == 20
    assert found[0].reference_version == "1970-01-01T00:00:00.000Z/1970-01-01T20:00:00.000Z"
    assert found[0].reference_n == 20 * 400


def test_before_there_is_a_reference_everything_is_undefined_with_that_reason() -> None:
    (found, *_) = judged(Series(FIRST), quiet_windows(1, count=1))
    for one in found.values():
        assert (one.statistic, one.p_value, one.effect, one.reference) == (None,) * 4
        assert one.undefined is not None
        assert set(one.undefined.split("; ")) >= {f"p_value: {Why.NO_REFERENCE}", f"reference: {Why.NO_REFERENCE}"}


def test_a_drop_of_all_classes_alarms_opens_an_incident_and_closes_it_when_it_is_over() -> None:
    series = Series(FIRST)
    judged(series, quiet_windows(2, n=1_000))
    worse = of_kind(judged(series, quiet_windows(3, n=1_000, recall=0.75, count=10), 20), Kind.PERFORMANCE)
    assert Level.ALARM in [one.level for one in worse[:3]]
    begin = next(i for i, one in enumerate(worse) if one.level == Level.ALARM)
    assert all(one.incident == (20 + begin) * HOUR for one in worse[begin:])
    assert all(one.incident_status == "open" for one in worse[begin:])
    assert all(one.subject is not None for one in worse[begin:])
    assert all(one.explains == Explains.CONCEPT_SHIFT for one in worse[begin:])
    after = of_kind(judged(series, quiet_windows(4, n=1_000, count=15), 30), Kind.PERFORMANCE)
    closed = [i for i, one in enumerate(after) if one.incident_status == "closed"]
    assert len(closed) == 1
    assert after[closed[0]].incident == (20 + begin) * HOUR
    assert all((one.incident, one.incident_status, one.subject) == (None,) * 3 for one in after[closed[0] + 1 :])


def test_the_class_that_dropped_is_named_and_its_incident_stays_open_although_the_mean_hardly_moved() -> None:
    chance = np.random.default_rng(5)
    series, k = Series(FIRST), 30
    judged(series, [counted(random_table(chance, [0.9] * k, 3_000)) for _ in range(20)])
    recall = [0.9] * k
    recall[17] = 0.45
    found = of_kind(
        judged(series, [counted(random_table(chance, recall, 3_000)) for _ in range(15)], 20), Kind.PERFORMANCE
    )
    alarms = [i for i, one in enumerate(found) if one.level == Level.ALARM]
    assert alarms[0] <= 3
    assert found[alarms[0]].subject == "c0017"
    assert {one.incident for one in found[alarms[0] :]} == {(20 + alarms[0]) * HOUR}
    assert all(one.incident_status == "open" for one in found[alarms[0] :])


def test_one_bad_window_is_said_to_be_bad_now() -> None:
    series = Series(FIRST)
    judged(series, quiet_windows(6, n=1_000))
    (bad,) = of_kind(judged(series, [counted(table([200] * 4, [250] * 4))], 20), Kind.PERFORMANCE)
    assert bad.p_value is not None
    assert bad.p_value < 0.001
    assert bad.level == Level.NOW


def test_a_drop_too_small_to_matter_is_not_bad_now() -> None:
    series = Series(FIRST)
    judged(series, [counted(table([4_250] * 4, [5_000] * 4))] * 20)
    (one,) = of_kind(judged(series, [counted(table([4_200] * 4, [5_000] * 4))], 20), Kind.PERFORMANCE)
    assert one.p_value is not None
    assert one.p_value < 0.001
    assert one.effect == pytest.approx(0.01)
    assert one.level == Level.QUIET


def test_other_shares_with_the_same_recalls_are_a_label_shift() -> None:
    series = Series(FIRST)
    judged(series, [counted(table([170, 170, 85], [200, 200, 100]))] * 20)
    (found,) = judged(series, [counted(table([68, 170, 187], [80, 200, 220]))], 20)
    assert found["prediction"].level == found["label"].level == Level.ALARM
    assert found["prediction"].explains == found["label"].explains == Explains.LABEL_SHIFT
    assert found["performance"].level == Level.QUIET
    assert found["performance"].explains is None


def test_other_predictions_with_other_recalls_are_a_concept_shift_and_without_labels_nothing_is_explained() -> None:
    series = Series(FIRST)
    judged(series, [counted(table([170, 170, 85], [200, 200, 100]))] * 20)
    dump = series.dump()
    found = judged(series, [counted(table([90, 190, 85], [200, 200, 100]))] * 2, 20)[-1]
    assert found["prediction"].level == Level.ALARM
    assert found["prediction"].explains == Explains.CONCEPT_SHIFT
    unlabelled = Counted(("c0000", "c0001", "c0002"), Cells.none(), np.array([90, 300, 110]))
    (found,) = judged(Series.load(FIRST, dump), [unlabelled], 20)
    assert found["prediction"].level == Level.ALARM
    assert found["prediction"].explains is None
    assert found["performance"].undefined is not None
    assert f"p_value: {Why.NOTHING_LABELLED}" in found["performance"].undefined


def test_errors_that_go_elsewhere_are_found_although_recall_is_the_same() -> None:
    series = Series(FIRST)
    usual = [[400, 60, 40], [50, 400, 50], [40, 60, 400]]
    judged(series, [counted(usual)] * 20)
    found = judged(series, [counted([[400, 20, 80], [50, 400, 50], [40, 60, 400]])] * 3, 20)[-1]
    assert found["performance"].level == Level.QUIET
    assert found["confusion"].level == Level.ALARM
    assert found["confusion"].subject == "c0000"
    assert found["confusion"].explains == Explains.CONCEPT_SHIFT
    assert found["confusion"].reference_n == 20 * 300
    assert found["confusion"].n == 300


def test_shares_that_change_less_than_matters_do_not_alarm() -> None:
    series = Series(FIRST)
    judged(series, [counted(table([40_000, 40_000], [50_000, 50_000]))] * 20)
    (found,) = judged(series, [counted(table([40_800, 39_200], [51_000, 49_000]))], 20)
    assert found["label"].p_value is not None
    assert found["label"].p_value < 0.001
    assert found["label"].effect is not None
    assert 0 < found["label"].effect < 0.03
    assert found["label"].level == Level.QUIET


def test_windows_of_fewer_than_50_are_not_judged_by_their_shares() -> None:
    for n, level in ((49, Level.QUIET), (50, Level.ALARM)):
        series = Series(FIRST)
        judged(series, [Counted(("a", "b"), Cells.none(), np.array([500, 500]))] * 20)
        (found,) = judged(series, [Counted(("a", "b"), Cells.none(), np.array([n, 0]))], 20)
        assert found["prediction"].level == level


def test_scores_have_a_finding_once_there_are_scores_and_a_lower_mean_alarms() -> None:
    series = Series(FIRST)
    usual = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 10, 20, 20, 30, 30, 40, 40, 50, 50]
    lower = [*usual[4:], 0, 0, 0, 0]
    first, *_, last = judged(series, [*quiet_windows(1, count=1), *[scored(usual)] * 20], 0)
    assert "score" not in first
    assert last["score"].reference is None
    quiet, low = judged(series, [scored(usual), scored(lower)], 21)
    assert quiet["score"].level == Level.QUIET
    assert quiet["score"].subject is None
    assert low["score"].level == Level.ALARM
    assert low["score"].subject == "mean"
    assert low["score"].effect == pytest.approx(0.2, abs=0.002)
    assert low["score"].reference_n == 20 * 300


def test_scores_with_the_same_mean_and_another_shape_alarm_by_their_distribution() -> None:
    series = Series(FIRST)
    judged(series, [scored([0] * 8 + [25, 25, 25, 25] + [0] * 8)] * 20)
    (found,) = judged(series, [scored([0] * 6 + [25, 25] + [0] * 4 + [25, 25] + [0] * 6)], 20)
    assert found["score"].level == Level.ALARM
    assert found["score"].subject == "distribution"
    assert found["score"].undefined is None


def test_production_is_compared_with_training_where_training_is_given() -> None:
    labels = (("c0000", 900, 1_000), ("c0001", 900, 1_000))
    training = Training("2026-09", (("c0000", 500), ("c0001", 500)), labels, (0,) * 10 + (90,) * 10)
    for kind in (ReferenceKind.AUTO, ReferenceKind.TRAINING, ReferenceKind.FIRST):
        series = Series(ReferenceSpec(kind, training=training))
        (same,) = judged(series, [counted(table([90, 90], [100, 100]))])
        assert same["skew"].level == Level.QUIET
        assert same["skew"].reference == "training"
        assert same["skew"].reference_version == "2026-09"
        assert same["skew"].reference_windows == 0
        (worse,) = judged(series, [counted(table([60, 90], [100, 100]))], 1)
        assert worse["skew"].level == Level.ALARM
        assert worse["skew"].subject == "performance"
        assert worse["performance"].reference == (None if kind is ReferenceKind.FIRST else "training")
    assert f"overdispersion: {Why.FEW_WINDOWS}" in str(worse["skew"].undefined)


def test_a_training_distribution_that_does_not_tell_of_labels_is_no_reference_for_recall() -> None:
    series = Series(ReferenceSpec(ReferenceKind.TRAINING, training=Training("v", (("c0000", 10), ("c0001", 10)))))
    (found,) = judged(series, [counted(table([90, 90], [100, 100]))])
    assert f"statistic: {Why.NOT_IN_TRAINING}" in str(found["performance"].undefined)
    assert found["prediction"].reference == "training"


def test_recall_that_swings_alarms_as_variance() -> None:
    series = Series(FIRST)
    judged(series, quiet_windows(9, n=2_000))
    calm = of_kind(judged(series, quiet_windows(10, n=2_000, count=20), 20), Kind.VARIANCE)
    assert [one.statistic is None for one in calm] == [True] * 19 + [False]
    assert calm[-1].level == Level.QUIET
    chance = np.random.default_rng(11)
    swinging = [counted(random_table(chance, [0.85 + 0.05 * (-1) ** i] * 4, 2_000)) for i in range(20)]
    wild = of_kind(judged(series, swinging, 40), Kind.VARIANCE)
    assert wild[-1].level == Level.ALARM
    assert wild[-1].effect == pytest.approx(0.05, abs=0.01)
    assert wild[-1].overdispersion is not None
    assert wild[-1].overdispersion > 5


def test_recall_that_swings_as_it_always_did_does_not_alarm_as_variance() -> None:
    chance = np.random.default_rng(13)
    recalls = [0.85 + 0.04 * (-1) ** i for i in range(40)]
    found = judged(Series(FIRST), [counted(random_table(chance, [recall] * 4, 2_000)) for recall in recalls])
    said = found[-1]["variance"]
    assert said.level == Level.QUIET
    assert said.effect is not None
    assert said.effect > 0.03
    assert said.overdispersion is not None
    assert said.overdispersion > 5


def test_a_window_that_does_not_begin_after_the_last_is_ignored() -> None:
    series, window = Series(FIRST), quiet_windows(1, count=1)[0]
    assert series.judge(HOUR, 2 * HOUR, window)
    state = series.dump()
    assert series.judge(HOUR, 2 * HOUR, window) == []
    assert series.judge(0, HOUR, window) == []
    assert series.dump() == state


def test_windows_without_labels_or_predictions_or_with_one_class_say_why() -> None:
    series = Series(FIRST)
    unlabelled = Counted(("a", "b"), Cells.none(), np.array([60, 40]))
    found = judged(series, [unlabelled] * 25)[-1]
    assert found["prediction"].undefined is None
    assert f"p_value: {Why.NO_REFERENCE}" in str(found["performance"].undefined)
    (empty,) = judged(series, [Counted((), Cells.none(), np.zeros(0, np.int64))], 25)
    assert f"p_value: {Why.NO_PREDICTIONS}" in str(empty["prediction"].undefined)
    assert empty["prediction"].n == 0
    one_class = Series(FIRST)
    found = judged(one_class, [counted([[100]])] * 22)[-1]
    assert f"p_value: {Why.ONE_CLASS}" in str(found["prediction"].undefined)
    assert f"p_value: {Why.NO_ERRORS}" in str(found["confusion"].undefined)
    assert found["performance"].p_value is not None


def test_windows_without_labels_are_no_part_of_the_reference_of_labels() -> None:
    series = Series(FIRST)
    unlabelled = Counted(("c0000", "c0001"), Cells.none(), np.array([60, 40]))
    labelled = counted(table([50, 40], [60, 50]))
    judged(series, [window for _ in range(20) for window in (unlabelled, labelled)])
    (found,) = judged(series, [labelled], 40)
    assert found["performance"].reference_windows == found["prediction"].reference_windows == 20
    assert found["performance"].reference_n == 20 * 110
    assert found["performance"].reference_version == "1970-01-01T01:00:00.000Z/1970-01-02T16:00:00.000Z"
    assert found["prediction"].reference_version == "1970-01-01T00:00:00.000Z/1970-01-01T20:00:00.000Z"


def test_classes_that_appear_later_or_vanish_are_a_change_of_shares_and_no_error() -> None:
    series = Series(FIRST)
    judged(series, [counted(table([90, 90], [100, 100]), classes=["b", "c"])] * 20)
    new = counted(table([50, 90, 90], [60, 100, 100]), classes=["a", "b", "c"])
    (found,) = judged(series, [new], 20)
    assert found["label"].level == Level.ALARM
    assert found["performance"].undefined is None
    (gone,) = judged(series, [counted(table([90], [90]), classes=["c"])], 21)
    assert gone["label"].level == Level.ALARM
    assert gone["performance"].p_value is not None
    assert Series.load(FIRST, series.dump()).dump() == series.dump()


def test_empty_names_change_nothing() -> None:
    plain, padded = Series(FIRST), Series(FIRST)
    for i, window in enumerate(quiet_windows(12, count=22)):
        wide = replace(window, classes=(*window.classes, "z"), unlabelled=np.append(window.unlabelled, 0))
        assert padded.judge(i, i + 1, wide) == plain.judge(i, i + 1, window)


def test_windows_too_small_to_ring_are_no_calm() -> None:
    """A quiet night does not end what the day showed."""
    series = Series(FIRST)
    day = [counted(table([180, 20], [200, 20]))] * 3
    judged(series, quiet_windows(3, k=2, count=20))
    night = [counted(table([9, 9], [10, 10]))] * 5
    found = judged(series, day + night, first=20)
    assert found[2][Kind.LABEL].level == Level.ALARM
    assert [one[Kind.LABEL].incident_status for one in found[3:]] == ["open"] * 5
    calm = judged(series, quiet_windows(4, k=2, count=3), first=28)
    assert [one[Kind.LABEL].incident_status for one in calm] == ["open", "open", "closed"]


def test_very_many_scores_do_not_overflow() -> None:
    day = scored([0] * 19 + [400_000_000])
    found = judged(Series(FIRST), [day] * 22)
    last = found[-1][Kind.SCORE]
    assert (last.level, last.n) == (Level.QUIET, 400_000_000)
