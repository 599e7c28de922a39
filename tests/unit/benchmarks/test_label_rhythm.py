"""Labels that come by the hour of the day: nobody is told of the rhythm, and everybody of a break."""

import numpy as np
import pytest

from benchmarks.label_rhythm import SEED, STEPS_A_DAY, STEPS_AN_HOUR, Month, Rhythm, Version, month
from streams.alerts.instance import Ending
from streams.alerts.rules.model import HOUR

OF = Rhythm("rhythm", 300, 0.5, of_day=0.1, of_hour=0.1)


class Lived:
    """A version in a month of labels that come by the hour."""

    def __init__(self, of: Rhythm, days: int, seed: int) -> None:
        self.chance = np.random.default_rng([SEED, seed])
        self.month: Month = month(of, days, self.chance)
        self.version, self.at = Version(), 0

    def go(self, hours: int, part: float = 1.0) -> list[float]:
        """Go on for some hours, in which a part of the labels comes; the hours after which a ticket came."""
        fired = []
        for i in range(hours * STEPS_AN_HOUR):
            n = int(self.month.predictions[self.at])
            labelled = int(self.chance.binomial(n, part * self.month.share[self.at]))
            if self.version.step(n, labelled):
                fired.append((i + 1) / STEPS_AN_HOUR)
            self.at += 1
        return fired

    @property
    def phase(self) -> str | None:
        ticket = self.version.ticket
        return None if ticket is None else ticket.phase.value


def test_the_rhythm_of_a_day_is_no_ticket() -> None:
    lived = Lived(OF, 10, 1)
    shares = lived.month.share.reshape(10, STEPS_A_DAY).mean(axis=0)
    assert shares.min() < 0.6 * shares.max(), "with one number for all hours each trough would be a ticket"
    assert lived.go(10 * 24) == []


@pytest.mark.parametrize("hour", [2, 10, 18])
@pytest.mark.parametrize(("part", "within"), [(0.0, 4), (0.5, 6)])
def test_a_break_is_a_ticket_at_any_hour(hour: int, part: float, within: float) -> None:
    lived = Lived(OF._replace(of_day=0.05, of_hour=0.05), 9, hour)
    assert lived.go(7 * 24 + hour) == []
    assert [hours <= within for hours in lived.go(8, part)] == [True]


def test_labels_that_stop_in_the_second_day_are_a_ticket() -> None:
    lived = Lived(OF, 3, 5)
    assert lived.go(40) == []
    assert lived.go(6, 0.0)


def test_a_long_break_goes_on_whatever_the_hour_and_is_over_when_labels_come_again() -> None:
    lived = Lived(OF, 17, 3)
    assert lived.go(8 * 24) == []
    assert len(lived.go(5 * 24, 0.3)) == 1
    assert lived.phase == "firing", "five days did not make it usual"
    assert lived.go(6) == []
    assert lived.phase == "inactive", "over in any hour of the day: what is usual then is still known"
    ticket = lived.version.ticket
    assert ticket is not None
    assert ticket.ending == Ending.RECOVERED
    assert ticket.resolved_at - ticket.fired_at >= 5 * 24 * HOUR - 6 * HOUR


def test_a_level_that_lasts_is_the_new_one_after_a_week_and_a_day() -> None:
    lived = Lived(OF._replace(rhythm=0.3), 21, 4)
    lived.go(8 * 24)
    assert len(lived.go(7 * 24 + 12, 0.3)) == 1
    assert lived.phase == "firing", "after a week what was usual when it fired still is"
    assert lived.go(36, 0.3) == []
    assert lived.phase == "inactive"
    assert lived.go(26) == []


def test_a_break_yesterday_hides_none_today() -> None:
    lived = Lived(OF, 14, 6)
    assert lived.go(8 * 24 + 6) == []
    for _ in range(4):
        assert [hours <= 4.5 for hours in lived.go(8, 0.0)] == [True]
        assert lived.go(16) == []
        assert lived.phase == "inactive"


def test_a_restart_changes_nothing() -> None:
    lived, again = Lived(OF, 12, 7), Lived(OF, 12, 7)
    for hours, part in ((7 * 24 + 3, 1.0), (1, 0.0), (4, 0.0), (30, 0.2), (20, 1.0)):
        assert lived.go(hours, part) == again.go(hours, part)
        again.version = again.version.copy()
        assert lived.version.ticket == again.version.ticket
    assert lived.version.ticket is not None
