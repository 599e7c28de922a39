"""When an incident of performance is over: calm is not enough, the window must be as good as before again."""

from streams.quality.counts.counted import counted
from streams.quality.drift.comparisons import LabelComparison, LabelReference
from streams.quality.drift.finding import Level
from streams.quality.drift.performance import Clumping
from streams.quality.drift.recalls import Recalls
from streams.quality.drift.series import Series
from streams.quality.drift.spread import Spread
from streams.quality.drift.tally import ClassNumbers
from streams.quality.drift.verdicts import Verdict
from streams.quality.drift.watched import counts_of
from tests.support.drifting import FIRST, HOUR, judged, table

NAMES = ["c0000", "c0001"]
SHAKY = Spread(16.0, 1.0, known=True)
REFERENCE = table([18_000, 18_000], [20_000, 20_000])


def judge(recalls: Recalls, at: int, hits: int) -> tuple[Verdict, dict[str, object]]:
    """A window with so many hits among 1000 labels of each of two classes; windows vary 4 times as chance does."""
    numbers = ClassNumbers(NAMES)
    window, reference = (
        counts_of(counted(matrix), numbers).labels for matrix in (table([hits] * 2, [1_000] * 2), REFERENCE)
    )
    compared = LabelComparison.of(window, LabelReference(reference), 2)
    return recalls.judge(compared, SHAKY, Clumping(1e9, 0.0), NAMES, at * HOUR)


def test_calm_windows_close_an_incident_only_once_they_are_as_good_as_the_reference_less_what_does_not_matter() -> None:
    for later, end in ((900, "closed"), (890, "closed"), (862, "open")):
        recalls = Recalls()
        verdict, said = judge(recalls, 0, 600)
        assert verdict.level is Level.ALARM
        assert said == {"incident": 0, "incident_status": "open"}
        for at in (1, 2):
            verdict, said = judge(recalls, at, later)
            assert verdict.said["cusum"] < 3.0  # type: ignore[operator]  # a number
            assert said == {"incident": 0, "incident_status": "open"}
        verdict, said = judge(recalls, 3, later)
        assert verdict.said["cusum"] < 3.0  # type: ignore[operator]  # a number
        assert said == {"incident": 0, "incident_status": end}
        assert recalls.incident.is_open == (end == "open")


def test_the_class_that_was_blamed_keeps_an_incident_open_between_its_alarms() -> None:
    series, k = Series(FIRST), 30
    judged(series, [counted(table([90] * k, [100] * k))] * 20)
    bad = counted(table([90] * 17 + [78] + [90] * 12, [100] * k))
    found = [one["performance"] for one in judged(series, [bad] * 16, 20)]
    alarms = [i for i, one in enumerate(found) if one.level == Level.ALARM]
    assert alarms[0] > 0
    assert alarms[1] - alarms[0] > 3
    assert {one.incident_status for one in found[alarms[0] :]} == {"open"}
    assert {one.subject for one in found[alarms[0] :]} == {"c0017"}
    well = [one["performance"].incident_status for one in judged(series, [counted(table([90] * k, [100] * k))] * 4, 36)]
    assert "closed" in well
