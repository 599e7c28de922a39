"""How often is a ticket about missing labels in vain where the share of labels goes with the hour of the day?

    python -m benchmarks.label_rhythm [--quick]

Drives the alerts of one model version over simulated months of half-hour steps, under a rule that only carries the
alert about missing data (`ready` 0.9, for 2 h). Predictions are Poisson with a daily rhythm of their own, three times
as many at noon as at midnight; those with a label when their step settles are binomial. The log-odds of that share are
a constant, a daily rhythm, a shift of each day and an AR(1) from hour to hour (correlation time 4 h); `weekend` moves
two days in seven. Nothing ever breaks there, so every ticket is in vain.

In the other table the label join breaks at a random time from the 8th day on (before it: on the 2nd or 3rd): only a
part of the labels still come. Found: a ticket within 6 h.
"""

import argparse
import math
import sys
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.alerts.evidence.book import ModelBook
from streams.alerts.instance import Instance
from streams.alerts.missing import no_data_name
from streams.alerts.rules.model import DAY, HOUR, MINUTE, Comparison, NoData, Op, Rule, RuleSet
from streams.alerts.watching.asking import Asking
from streams.alerts.watching.roster import Roster
from streams.alerts.watching.service import Service
from streams.alerts.watching.wanted import Asked
from streams.formats.columns import Group
from streams.ledger.spec import Timing
from streams.quality.counts.details import SHIFT, UNLABELLED
from streams.quality.counts.names import Names
from streams.quality.counts.shares import Changes
from streams.quality.spec import QualitySpec, WindowSpec

SEED = 20_261_122
STEP_MS = 30 * MINUTE
STEPS_AN_HOUR, STEPS_A_DAY = HOUR // STEP_MS, DAY // STEP_MS
BEGIN_MS = 20_000 * DAY
DAYS, SEEDS = 30, 20
BREAKS = 6
"""Breaks that are tried in each month; each by itself."""

WITHIN_H = 6
SPEC = QualitySpec((WindowSpec("1h", HOUR, HOUR, 0),), STEP_MS, Timing(DAY, HOUR, 0))
NEVER = Comparison("value", Op.LT, -1.0)
RULE = Rule("labels", "accuracy", (("model", "*"),), HOUR, NEVER, no_data=NoData())
RULES = RuleSet("0" * 16, STEP_MS, rules=(RULE,))

Floats = NDArray[np.float64]


class Rhythm(NamedTuple):
    """How labels come. `share` is that of a middling hour; the others are standard deviations or log-odds."""

    name: str
    rate_per_h: float
    share: float
    rhythm: float = 1.0  # half the distance from the best hour of the day to the worst, log-odds
    of_day: float = 0.0
    of_hour: float = 0.0
    weekend: float = 0.0


RHYTHMS = (
    Rhythm("no rhythm", 200, 0.8, rhythm=0),
    Rhythm("rhythm", 200, 0.6),
    Rhythm("rhythm, few predictions", 20, 0.6),
    Rhythm("rhythm, many predictions", 2_000, 0.6),
    Rhythm("rhythm, days differ", 200, 0.6, of_day=0.2, of_hour=0.1),
    Rhythm("rhythm, days differ much", 200, 0.6, of_day=0.4, of_hour=0.3),
    Rhythm("rhythm, weekends differ", 200, 0.6, of_day=0.1, weekend=-0.7),
)


class Month(NamedTuple):
    """Predictions and the share of them that has a label, by step."""

    predictions: NDArray[np.int64]
    share: Floats


def month(of: Rhythm, days: int, chance: np.random.Generator) -> Month:
    """How labels come for so many days, without a break."""
    hours = days * 24
    hour = np.arange(hours)
    own = np.zeros(hours)
    stays = math.exp(-1 / 4)
    for i, noise in enumerate(chance.normal(size=hours) * of.of_hour):
        own[i] = noise if not i else stays * own[i - 1] + math.sqrt(1 - stays * stays) * noise
    phase = chance.uniform(0, 24)
    odds = math.log(of.share / (1 - of.share)) + of.rhythm * np.cos((hour - phase) * math.tau / 24) + own
    odds += np.repeat(chance.normal(size=days) * of.of_day, 24)
    odds += np.where((BEGIN_MS // DAY + hour // 24) % 7 < 2, of.weekend, 0)
    rate = of.rate_per_h * (1 - 0.5 * np.cos(hour * math.tau / 24)) * STEP_MS / HOUR
    return Month(chance.poisson(np.repeat(rate, STEPS_AN_HOUR)), np.repeat(1 / (1 + np.exp(-odds)), STEPS_AN_HOUR))


class Version:
    """The alerts of a version that gets predictions step by step."""

    def __init__(self) -> None:
        self._names = Names(SPEC)
        self._names.group_number(Group("m", "1", ()))
        self._names.class_number("a")
        asked = Asked(RULES, "m")
        self._book = ModelBook("m", asked.windows(), ())
        self._book.t = BEGIN_MS
        self._roster = Roster()
        self._asking = Asking(asked, self._book, self._roster, Service(self._book))

    @property
    def ticket(self) -> Instance | None:
        """The alert about missing data, once there was one."""
        return next(iter(self._roster.of(no_data_name(RULE.name)).values()), None)

    def step(self, predictions: int, labelled: int) -> bool:
        """Judge the next step; whether the alert fired at it."""
        t = self._book.t + STEP_MS
        if predictions:
            zero, code = np.zeros(2, np.int64), np.array([0, UNLABELLED << SHIFT], np.int64)
            counts = np.array([labelled, predictions - labelled], np.int64)
            self._book.take(t - 1, Changes(zero, zero + self._book.t // STEP_MS, code, counts))
        self._book.apply(t, self._names, STEP_MS)
        self._book.step()
        for said in self._asking.judge(t, 0, (), over=False):
            self._roster.take(said, t, STEP_MS)
        self._roster.hold_the_silent(t, STEP_MS)
        return self.ticket is not None and self.ticket.fired_at == t

    def copy(self) -> "Version":
        """The same, as after a restart."""
        other = Version()
        other._book.load(self._book.dump())
        other._roster.load(self._roster.dump())
        other._asking.load(self._asking.dump())
        return other


class Found(NamedTuple):
    """Tickets in vain in the first 3 days and later; hours until breaks were told, by when and what was left."""

    early: int
    late: int
    delays: Mapping[tuple[str, float], list[float]]


def simulate(of: Rhythm, days: int, seed: int, left: tuple[float, ...]) -> Found:
    """One month without a break; and from some of its moments on others, in which a part of the labels is left."""
    chance = np.random.default_rng([SEED, seed])
    lived = month(of, days, chance)
    labelled = chance.binomial(lived.predictions, lived.share)
    early = [int(chance.integers(34 * STEPS_AN_HOUR, 3 * STEPS_A_DAY))]
    tries = {
        int(at): "later" for at in chance.integers(8 * STEPS_A_DAY, len(labelled) - WITHIN_H * STEPS_AN_HOUR, BREAKS)
    }
    tries |= dict.fromkeys(early, "days 2-3")
    version, fired = Version(), [0, 0]
    delays: dict[tuple[str, float], list[float]] = {(when, part): [] for when in ("later", "days 2-3") for part in left}
    for at, n in enumerate(lived.predictions.tolist()):
        if at in tries:
            for part in left:
                delays[tries[at], part].append(broken(version.copy(), lived, at, part, chance))
        fired[at >= 3 * STEPS_A_DAY] += version.step(n, int(labelled[at]))
    return Found(fired[0], fired[1], delays)


def broken(version: Version, lived: Month, begin: int, part: float, chance: np.random.Generator) -> float:
    """Hours until a break is told; infinite if later than 6 h."""
    for at in range(begin, begin + WITHIN_H * STEPS_AN_HOUR):
        n = int(lived.predictions[at])
        if version.step(n, int(chance.binomial(n, part * lived.share[at]))):
            return (at + 1 - begin) * STEP_MS / HOUR
    return math.inf


def tables(days: int, seeds: int, left: tuple[float, ...]) -> Iterator[str]:
    """A row for each way in which labels come."""
    yield "| labels | predictions/h | in vain on days 1-3 | in vain a month | break | found | median | on days 2-3 |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for of in RHYTHMS:
        found = [simulate(of, days, seed, left) for seed in range(seeds)]
        early = sum(one.early for one in found) / seeds
        late = sum(one.late for one in found) / seeds * 30 / (days - 3)
        for part in left:
            later = sorted(delay for one in found for delay in one.delays["later", part])
            first = [delay for one in found for delay in one.delays["days 2-3", part]]
            yield (
                f"| {of.name} | {of.rate_per_h:g} | {early:.2f} | {late:.2f} | to {part:.0%} | {_share(later)} | "
                f"{_median(later)} | {_share(first)} |"
            )


def _median(delays: list[float]) -> str:
    median_h = delays[len(delays) // 2]
    return f"{median_h:.1f} h" if math.isfinite(median_h) else f"above {WITHIN_H} h"


def _share(delays: list[float]) -> str:
    return f"{np.isfinite(delays).mean():.0%} of {len(delays)}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.label_rhythm")
    parser.add_argument("--quick", action="store_true", help="small, to see that it works")
    quick = parser.parse_args().quick
    began_s = time.monotonic()
    for line in tables(*((12, 2) if quick else (DAYS, SEEDS)), (0.0, 0.5)):
        print(line, flush=True)
    sys.stderr.write(f"{time.monotonic() - began_s:.0f} s\n")


if __name__ == "__main__":
    main()
