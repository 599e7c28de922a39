from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from streams.alerts.budget.codes import BREACH, CLEAR, HOLD, NODATA
from streams.alerts.budget.judge import BudgetStep, judge_budget
from streams.alerts.budget.period import Period
from streams.alerts.rules.model import AUTO_TIERS, DAY, HOUR, MINUTE, NoData, Severity, Slo, Tier
from streams.alerts.verdict import Verdict

MATCH = (("model", "*"),)
SLO = Slo("recall", MATCH, 0.9)

Table = Mapping[int, list[tuple[int, int]]]
"""Window -> (events, misses) of each class."""

QUIET: Table = {tier_ms: [(0, 0)] for tier in AUTO_TIERS for tier_ms in (tier.long_ms, tier.short_ms)}


def judged(
    table: Table,
    slo: Slo = SLO,
    *,
    standing: Mapping[int, str] | None = None,
    deff: float = 1.0,
    ready: Callable[[int], bool] | None = None,
    settle_ms: int = 0,
    period: Period | None = None,
    classes: list[str] | None = None,
) -> BudgetStep:
    k = len(next(iter(table.values())))

    def counts_of(window_ms: int) -> tuple[np.ndarray, np.ndarray]:
        rows = table[window_ms]
        return np.array([n for n, _ in rows]), np.array([bad for _, bad in rows])

    names = classes or [f"c{i}" for i in range(k)]
    newest = np.arange(1, k + 1)
    return judge_budget(
        slo, names, counts_of, np.full(k, deff), newest, standing or {}, ready, settle_ms, 6 * HOUR,
        None if period is None else lambda: period,
    )  # fmt: skip


def one(**windows: tuple[int, int]) -> Table:
    """A single class: m5=(n, bad), h1=..., d1=...; the rest has no event."""
    unit = {"m": MINUTE, "h": HOUR, "d": DAY}
    return {**QUIET, **{int(name[1:]) * unit[name[0]]: [counts] for name, counts in windows.items()}}


CHARGEBACK = one(
    m5=(5, 3), h1=(50, 19), m10=(9, 5), h2=(100, 25), m30=(25, 10), h6=(300, 64), d1=(1190, 150), d3=(3560, 390)
)


def only(*names: str) -> Slo:
    return Slo("recall", MATCH, 0.9, tiers=tuple(tier for tier in AUTO_TIERS if tier.name in names))


# The worked example of the design, section 4.6.


def test_the_worked_example_pages_by_the_fast_tier() -> None:
    step = judged(CHARGEBACK)
    found = step.judgement(0)
    assert (found.verdict, found.severity, found.tier) == (Verdict.BREACH, Severity.PAGE, "fast")
    evidence = found.evidence
    assert evidence["value"] == pytest.approx(0.62)
    assert evidence["burn_long"] == pytest.approx(3.8)
    assert evidence["burn_short"] == pytest.approx(6.0)
    assert evidence["threshold"] == pytest.approx(3.7)
    assert evidence["p_value"] == pytest.approx(1.4e-7, rel=0.01)
    assert [evidence[name] for name in ("n_long", "bad_long", "n_short", "bad_short")] == [50, 19, 5, 3]


@pytest.mark.parametrize(
    ("tier", "burn_long", "threshold", "p"),
    [("medium", 2.13, 2.35, 5e-9), ("slow", 1.26, 1.45, 2.1e-3), ("long", 1.10, 1.0, 3.2e-2)],
)
def test_the_other_tiers_of_the_worked_example_hold(tier: str, burn_long: float, threshold: float, p: float) -> None:
    found = judged(CHARGEBACK, only(tier), standing={0: tier}).judgement(0)
    assert found.verdict is Verdict.HOLD
    assert found.evidence["burn_long"] == pytest.approx(burn_long, abs=0.006)
    assert found.evidence["threshold"] == pytest.approx(threshold)
    assert found.evidence["p_value"] == pytest.approx(p, rel=0.03)


def test_the_long_tier_needs_its_test_it_would_fire_on_coin_flips() -> None:
    table = one(d3=(3560, 390), h6=(300, 64))
    assert judged(table, only("long")).verdict[0] != BREACH
    blind = tuple(Tier(t.name, t.severity, t.long_ms, t.short_ms, 1.0, t.drop) for t in only("long").tiers)
    assert judged(table, Slo("recall", MATCH, 0.9, tiers=blind)).verdict[0] == BREACH


def test_other_classes_share_the_burn_and_balanced_accuracy_follows() -> None:
    table = {window: [counts[0], (200, 18), (400, 28)] for window, counts in CHARGEBACK.items()}
    step = judged(table)
    shares = [step.judgement(c).evidence["share"] for c in range(3)]
    assert shares == pytest.approx([0.70, 0.17, 0.13], abs=0.005)
    assert step.verdict.tolist() == [BREACH, CLEAR, CLEAR]


def test_what_is_left_of_the_budget_of_the_worked_example() -> None:
    period = Period(np.array([33_600]), np.array([19]), 28 * DAY)
    evidence = judged(CHARGEBACK, period=period).judgement(0).evidence
    assert evidence["budget_remaining"] == pytest.approx(1 - 0.0057, abs=5e-5)
    fresh = Period(np.array([33_600]), np.array([0]), 28 * DAY)
    lasts = judged(CHARGEBACK, period=fresh).judgement(0).evidence["exhaustion_s"]
    assert isinstance(lasts, float)
    assert lasts / 86_400 == pytest.approx(7.4, abs=0.05)


def test_night_holds() -> None:
    night = one(h1=(2, 1), m5=(1, 1), h6=(2, 1), m30=(1, 1), h2=(2, 1), m10=(1, 1), d1=(900, 80), d3=(2700, 240))
    step = judged(night)
    assert step.verdict[0] == HOLD
    assert judged({**night, 5 * MINUTE: [(0, 0)]}).verdict[0] == HOLD
    assert step.judgement(0).evidence["p_value"] == pytest.approx(0.19)
    assert step.judgement(0).evidence["burn_long"] == pytest.approx(5)


# When a tier breaches.


@pytest.mark.parametrize(
    "changed",
    [{"h1": (50, 18)}, {"m5": (5, 1)}, {"m5": (0, 0)}, {"h1": (9, 9)}, {"h1": (11, 5)}],
    ids=["long burn", "short burn", "nothing new", "too few events", "by chance"],
)
def test_every_condition_is_needed(changed: dict[str, tuple[int, int]]) -> None:
    table = one(**{"h1": (50, 19), "m5": (5, 3), **changed})
    assert judged(one(h1=(50, 19), m5=(5, 3)), only("fast")).verdict[0] == BREACH
    assert judged(table, only("fast")).verdict[0] != BREACH


def test_min_bad_is_needed_where_targets_are_high() -> None:
    slo = Slo("recall", MATCH, 0.9999, tiers=only("fast").tiers)
    assert judged(one(h1=(1000, 2), m5=(10, 1)), slo).verdict[0] != BREACH
    assert judged(one(h1=(1000, 5), m5=(10, 1)), slo).verdict[0] == BREACH


def test_a_burn_at_the_threshold_does_not_breach_whatever_floats_make_of_it() -> None:
    assert judged(one(h1=(1000, 370), m5=(100, 50)), only("fast")).verdict[0] != BREACH
    assert judged(one(h1=(1000, 371), m5=(100, 50)), only("fast")).verdict[0] == BREACH


def test_the_loudest_tier_speaks_and_among_equals_the_first() -> None:
    bad = {window: [(1000, 600)] for window in QUIET}
    assert judged(bad).judgement(0).tier == "fast"
    quiet_hour = {**bad, HOUR: [(20, 0)], 2 * HOUR: [(40, 7)], 6 * HOUR: [(1000, 200)]}
    found = judged(quiet_hour).judgement(0)
    assert (found.tier, found.severity) == ("slow", Severity.TICKET)
    backwards = Slo("recall", MATCH, 0.9, tiers=AUTO_TIERS[::-1])
    assert judged(bad, backwards).judgement(0).tier == "medium"


def test_clusters_count_as_fewer_events() -> None:
    assert judged(CHARGEBACK, deff=1.0).verdict[0] == BREACH
    assert judged(CHARGEBACK, deff=2.0).verdict[0] != BREACH
    p = judged(CHARGEBACK, deff=2.0).judgement(0).evidence["p_value"]
    assert p == pytest.approx(float(beta.cdf(0.1, 9.5, 16.5)))  # 9.5 misses of 25 events, between 9 and 10


def test_old_evidence_wakes_nobody() -> None:
    assert judged(CHARGEBACK, settle_ms=6 * HOUR).judgement(0).severity is Severity.PAGE
    late = judged(CHARGEBACK, settle_ms=6 * HOUR + 1).judgement(0)
    assert (late.verdict, late.severity, late.tier) == (Verdict.BREACH, Severity.TICKET, "fast")


def test_a_class_may_have_a_target_of_its_own() -> None:
    slo = Slo("recall", MATCH, 0.9, class_target=(("easy", 0.5), ("gone", 0.99)))
    table = {window: counts * 2 for window, counts in CHARGEBACK.items()}
    step = judged(table, slo, classes=["easy", "other"])
    assert step.verdict.tolist() == [HOLD, BREACH]
    assert step.judgement(0).evidence["target"] == 0.5
    assert step.judgement(0).evidence["burn_long"] == pytest.approx(0.76)


# When it is well again, and when nothing can be said.


def test_a_standing_tier_is_clear_by_its_own_short_window() -> None:
    long = {"h6": (600, 200), "h1": (100, 20), "h2": (200, 50)}
    below, between = one(**long, m30=(100, 18)), one(**long, m30=(100, 20))
    assert judged(below, standing={0: "medium"}).verdict[0] == CLEAR  # 1.8 < 0.8 x 2.35 = 1.88
    assert judged(between, standing={0: "medium"}).verdict[0] == HOLD
    assert judged(one(**long), standing={0: "medium"}).verdict[0] == HOLD  # no event, no evidence
    assert judged(below, standing={0: "medium"}).judgement(0).policy.clear_support == SLO.min_n


def test_without_an_alert_the_short_window_of_the_first_tier_tells() -> None:
    assert judged(one(m5=(4, 1))).verdict[0] == CLEAR
    assert judged(one(m5=(3, 1))).verdict[0] == HOLD
    assert judged(QUIET).verdict[0] == HOLD


def test_a_tier_that_is_gone_counts_as_the_first() -> None:
    assert judged(one(m5=(10, 1)), standing={0: "removed"}).verdict[0] == CLEAR


def test_a_window_without_its_labels_says_nothing() -> None:
    bad = {window: [(1000, 600)] * 2 for window in QUIET}
    assert judged(bad, ready=lambda _: False).verdict.tolist() == [NODATA, NODATA]
    days = judged(bad, ready=lambda window_ms: window_ms >= DAY)
    assert days.judgement(0).tier == "slow"
    calm = {window: [(1000, 50)] * 2 for window in QUIET}
    step = judged(calm, ready=lambda window_ms: window_ms >= DAY, standing={1: "slow"})
    assert step.verdict.tolist() == [NODATA, CLEAR]


def test_a_policy_is_that_of_the_tier_and_the_support_that_of_the_step() -> None:
    slo = Slo("recall", MATCH, 0.9, no_data=NoData(resolve_after_ms=DAY))
    found = judged({window: counts * 2 for window, counts in CHARGEBACK.items()}, slo).judgement(1)
    assert found.support == 2
    assert (found.policy.for_ms, found.policy.keep_firing_ms, found.policy.nodata_resolves_ms) == (0, HOUR, DAY)
    slow = judged(one(m5=(5, 0)), standing={0: "slow"}).judgement(0)
    assert (slow.policy.keep_firing_ms, slow.policy.nodata_resolves_ms) == (6 * HOUR, None)


def test_what_cannot_be_said_is_none() -> None:
    evidence = judged(QUIET).judgement(0).evidence
    unsaid = [name for name, value in evidence.items() if value is None]
    assert unsaid == [
        "value", "lower95", "upper95", "burn_long", "burn_short", "p_value", "share", "budget_remaining",
        "exhaustion_s", "provisional",
    ]  # fmt: skip


# Properties.

COUNTS = st.tuples(st.integers(0, 400), st.floats(0, 1)).map(lambda pair: (pair[0], round(pair[0] * pair[1])))
TABLES = st.fixed_dictionaries({window: st.lists(COUNTS, min_size=3, max_size=3) for window in QUIET})


@settings(max_examples=60)
@given(TABLES, st.floats(1, 4), st.sampled_from([*[tier.name for tier in AUTO_TIERS], "none"]), st.data())
def test_more_misses_never_clear(table: Table, deff: float, name: str, data: st.DataObject) -> None:
    standing = {} if name == "none" else {0: name, 1: name, 2: name}
    before = judged(table, deff=deff, standing=standing).verdict
    extra = data.draw(st.integers(1, 30))
    as_new = {window: [(n + extra, bad + extra) for n, bad in rows] for window, rows in table.items()}
    turned = {window: [(n, min(n, bad + extra)) for n, bad in rows] for window, rows in table.items()}
    for worse in (as_new, turned):
        after = judged(worse, deff=deff, standing=standing).verdict
        assert (after[before == BREACH] == BREACH).all()
        if standing:
            assert (before[after == CLEAR] != BREACH).all()
    after = judged(turned, deff=deff, standing=standing).verdict
    if standing:
        assert (after[before == HOLD] != CLEAR).all()


@settings(max_examples=60)
@given(TABLES, st.integers(2, 50))
def test_the_same_rates_over_more_events_still_breach(table: Table, times: int) -> None:
    before = judged(table).verdict
    after = judged({window: [(n * times, b * times) for n, b in rows] for window, rows in table.items()}).verdict
    assert (after[before == BREACH] == BREACH).all()


@settings(max_examples=60)
@given(TABLES, st.floats(1, 6))
def test_it_is_what_the_definition_says(table: Table, deff: float) -> None:
    step = judged(table, deff=deff)
    for c in range(3):
        breaching = [
            tier.name for tier in AUTO_TIERS if _breaches(tier, table[tier.long_ms][c], table[tier.short_ms][c], deff)
        ]
        assert (step.verdict[c] == BREACH) == bool(breaching)
        assert step.judgement(c).tier == (breaching[0] if breaching else None)


def _breaches(tier: Tier, long: tuple[int, int], short: tuple[int, int], deff: float) -> bool:
    (n, bad), (n_short, bad_short) = long, short
    usual = {"fast": 14.4, "quick": 10.0, "medium": 6.0, "slow": 3.0, "long": 1.0}[tier.name]
    limit = min(usual * 0.1, 1 - 0.9 * (1 - (tier.drop or 0)))
    if n < 10 or bad < 3 or bad - limit * n <= 1e-9 * n or bad_short - limit * n_short <= 1e-9 * n_short:
        return False
    return float(beta.cdf(0.1, bad / deff, (n - bad) / deff + 1)) <= tier.alpha
