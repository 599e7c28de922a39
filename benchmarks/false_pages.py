"""How often do error budgets page in vain, and how soon when recall fell?

    python -m benchmarks.false_pages [--quick] [--only drops|months|targets]

Drives the judge of budgets, its design effects and the alert machine with the tiers of `tiers = "auto"` over
simulated months of 5-minute steps. Every class sits exactly on its target, the worst that is no breach: whatever pages
is in vain. Models of K classes share a volume of labels per hour as ranks do (2 classes: 90/10, 10: rank ** -1.5,
100: rank ** -1); events are Poisson. Over-dispersed: the logit of a class's miss rate moves from hour to hour
(standard deviation 0.1, correlation time 6 h), and each hour's rate is beta distributed around that as 500 labels
would be; the mean stays on target. There only tiers that page are judged: such a class really is below its target for
days, and a ticket about it is not in vain.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.false_pages_month import Found, History, simulate
from streams.alerts.budget.forecast import false_alarms_per_month
from streams.alerts.rules.model import DAY, HOUR, MINUTE, Severity, Slo

SEED = 20_261_121
STEP_MS = 5 * MINUTE
MONTH_MS = 28 * DAY
WARM_MS = 8 * DAY
"""Counts before the first step that is judged: design effects look back a week and some hours."""

SHAPES = (2, 10, 100)
VOLUMES = (100, 1_000, 10_000)
SLOPE = {2: float(np.log2(9)), 10: 1.5, 100: 1.0}
AT_ONCE = 1_000
"""Classes that are simulated together."""

MOST_FALSE = 0.2
"""False pages a month for 100 classes that are promised at most."""

SLO = Slo("recall", (("model", "*"),), 0.9)
PAGING = tuple(tier for tier in SLO.tiers if tier.severity is Severity.PAGE)

Floats = NDArray[np.float64]


class Share(NamedTuple):
    """How many changes were found within some time; delays in hours, None where fewer than half or 90 % were."""

    within: Mapping[int, float]
    median_h: float | None
    nine_of_ten_h: float | None


def rates(classes: int, volume: int, columns: int) -> Floats:
    """Events per hour of so many classes: whole models of K classes, one after the other."""
    share = np.arange(1, classes + 1) ** -SLOPE[classes]
    return np.resize(volume * share / share.sum(), columns)


def stationary(rate: Floats, slo: Slo, over: bool, chance: np.random.Generator) -> Found:
    """A month in which nothing happens."""
    if over:
        slo = msgspec.structs.replace(slo, tiers=PAGING)
    return simulate(History(rate, slo.target, over, WARM_MS, MONTH_MS, STEP_MS), slo, chance)


def table_of_months(columns: int, chance: np.random.Generator) -> Iterable[str]:
    """False pages and tickets by shape and volume."""
    yield "| classes | labels/h | traffic | class-months | pages a month per 100 classes | forecast | tickets |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    pages = total = 0
    for classes in SHAPES:
        for volume in VOLUMES:
            for over in (False, True):
                found, forecast = Found(0, 0, ()), 0.0
                for _ in range(columns // AT_ONCE):
                    rate = rates(classes, volume, AT_ONCE)
                    found = found.plus(stationary(rate, SLO, over, chance))
                    forecast = forecast_of(rate, SLO)
                n = columns // AT_ONCE * AT_ONCE
                pages, total = pages + found.pages, total + n
                told = "-" if over else f"{forecast:.2f}"
                yield (
                    f"| {classes} | {volume:,} | {'over-dispersed' if over else 'iid'} | {n:,} | "
                    f"{per_100(found.pages, n)} | {told} | {'-' if over else per_100(found.tickets, n)} |"
                )
    yield ""
    verdict = "kept" if 100 * pages <= MOST_FALSE * total else "MISSED"
    yield f"All together {per_100(pages, total)} pages; at most {MOST_FALSE} are promised: {verdict}."


def forecast_of(rate: Floats, slo: Slo) -> float:
    """False pages a month per 100 classes that `streams explain` would tell."""
    paging = [tier for tier in slo.tiers if tier.severity is Severity.PAGE]
    by_rate = {r: sum(false_alarms_per_month(tier, slo, r, STEP_MS) for tier in paging) for r in set(rate.tolist())}
    return 100 * float(np.mean([by_rate[r] for r in rate.tolist()]))


def per_100(count: int, classes: int) -> str:
    """A count as a rate per 100 classes, with a 95 % upper bound where nothing was seen."""
    return f"{100 * count / classes:.2f}" if count else f"0 (< {300 / classes:.2f})"


def table_of_targets(columns: int, chance: np.random.Generator) -> Iterable[str]:
    """False pages at other targets, where the volume is the worst for them."""
    yield "| target | events/h of each class | class-months | pages a month per 100 classes | forecast | tickets |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for target in (0.7, 0.8, 0.95, 0.99):
        for rate in (20, 50):
            slo = Slo("recall", SLO.match, target)
            found = Found(0, 0, ())
            for _ in range(columns // AT_ONCE):
                found = found.plus(stationary(np.full(AT_ONCE, float(rate)), slo, over=False, chance=chance))
            n = columns // AT_ONCE * AT_ONCE
            forecast = forecast_of(np.full(1, float(rate)), slo)
            pages, tickets = per_100(found.pages, n), per_100(found.tickets, n)
            yield f"| {target} | {rate} | {n:,} | {pages} | {forecast:.2f} | {tickets} |"


def drop(
    slo: Slo, rate: float, before: float, share: float, over: bool, severity: Severity, within: Sequence[int],
    columns: int, chance: np.random.Generator,
) -> Share:  # fmt: skip
    """How soon a relative drop of recall is told, in hours of event time after it."""
    span_ms = (max(within) + 1) * HOUR
    history = History(
        np.full(columns, rate), before, over, WARM_MS, span_ms, STEP_MS, changed=before * (1 - share), from_ms=WARM_MS
    )
    found = simulate(history, slo, chance)
    delays = np.full(columns, np.inf)
    for told in found.told:
        if told.severity is Severity.PAGE or severity is Severity.TICKET:
            delays[told.column] = min(delays[told.column], (told.t - WARM_MS) / HOUR)
    return Share(
        {hours: float(np.mean(delays <= hours)) for hours in within}, _quantile(delays, 0.5), _quantile(delays, 0.9)
    )


def _quantile(delays: Floats, share: float) -> float | None:
    at = float(np.quantile(delays, share, method="inverted_cdf"))
    return None if np.isinf(at) else at


def table_of_drops(columns: int, chance: np.random.Generator) -> Iterable[str]:
    """How soon drops are found."""
    yield "| drop | events/h | target | recall before | traffic | told | median | 90 % | within the time wanted |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    cases: list[tuple[float, float, float, float, bool, Severity, int]] = [
        (0.30, 50, 0.9, 0.9, False, Severity.PAGE, 2),
        (0.30, 50, 0.9, 0.9, True, Severity.PAGE, 2),
        (0.30, 50, 0.9, 0.93, False, Severity.PAGE, 2),
        (0.30, 50, 0.95, 0.95, False, Severity.PAGE, 2),
        (0.30, 50, 0.8, 0.8, False, Severity.PAGE, 2),
        (0.30, 10, 0.9, 0.9, False, Severity.PAGE, 2),
        (0.50, 50, 0.9, 0.9, False, Severity.PAGE, 2),
        (0.05, 50, 0.9, 0.9, False, Severity.TICKET, 48),
        (0.05, 50, 0.9, 0.9, True, Severity.TICKET, 48),
        (0.05, 20, 0.9, 0.9, False, Severity.TICKET, 48),
        (0.05, 200, 0.9, 0.9, False, Severity.TICKET, 48),
    ]
    for share, rate, target, before, over, severity, hours in cases:
        slo = Slo("recall", SLO.match, target)
        found = drop(slo, rate, before, share, over, severity, (hours, 2 * hours), columns, chance)
        yield (
            f"| {share:.0%} | {rate:g} | {target} | {before} | {'over-dispersed' if over else 'iid'} | "
            f"{severity.value} | {_hours(found.median_h)} | {_hours(found.nine_of_ten_h)} | "
            f"{found.within[hours]:.1%} in {hours} h |"
        )


def _hours(hours: float | None) -> str:
    return "later" if hours is None else f"{hours:.1f} h"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.false_pages")
    parser.add_argument("--quick", action="store_true", help="small, to see that it works")
    tables = ("drops", "months", "targets")
    parser.add_argument("--only", choices=tables, help="one of the tables, the same as in a whole run")
    args = parser.parse_args()
    columns, changes = (AT_ONCE, 200) if args.quick else (2 * AT_ONCE, 1_000)
    began_s = time.monotonic()
    parts = {
        "drops": table_of_drops(changes, np.random.default_rng(SEED + 2)),
        "months": table_of_months(columns, np.random.default_rng(SEED)),
        "targets": table_of_targets(AT_ONCE if args.quick else 4 * AT_ONCE, np.random.default_rng(SEED + 1)),
    }
    if args.only:
        parts = {args.only: parts[args.only]}
    elif args.quick:
        del parts["targets"]
    for part in parts.values():
        for line in part:
            print(line, flush=True)
        print(flush=True)
    sys.stderr.write(f"{time.monotonic() - began_s:.0f} s\n")


if __name__ == "__main__":
    main()
