"""The fold of alerts over random logs: what is told does not depend on cuts, interleavings, restarts or quiet replays.

Ledger partitions flush wherever the join flushes at once and at any other place, in any interleaving. The rules are
so touchy that small counts fire them.
"""

from collections import Counter, defaultdict
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerts.judge import AlertingJudge
from streams.alerts.mutes import MuteChange
from streams.alerts.orders import EndOrder, MuteOrder, RulesOrder, encode
from streams.alerts.rows import ALERT_LOG
from streams.alerts.rules.model import Mute, RuleSet
from streams.quality.rows import OutputRow
from streams.quality.spec import QualitySpec
from tests.support.judged import LONG, PANE, random_histories, records, spec_of
from tests.support.touchy_rules import ALL, touchy_rules

SEEDS = st.integers(0, 1 << 32)
RULES = touchy_rules(PANE, "country", "spam", 3 * PANE)
SPECS = (
    spec_of("3m", ledger_partitions=1),
    spec_of("3m", ledger_partitions=3, models=(("m2", LONG),)),
    spec_of("3m", "6m/3m", ledger_partitions=2),
)


def log_of(seed: int, order: int, spec: QualitySpec, *, finish: bool = True) -> list[bytes]:
    """Rules, and a random history in some interleaving; with `finish` time goes on until all is final."""
    histories = random_histories(Random(seed), spec, 25, finish=finish)
    return [encode(RulesOrder(RULES)), *records(Random(order), histories, 3, crossings_of=spec)]


def judged(spec: QualitySpec, log: list[bytes]) -> list[OutputRow]:
    judge = AlertingJudge(spec, 0)
    return [row for offset, record in enumerate(log) for row in judge.apply(offset, record)]


def transitions(rows: list[OutputRow]) -> dict[str, list[dict[str, Any]]]:
    """The log of each model: of one alert in order; models are judged by themselves."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row.stream == ALERT_LOG:
            found[str(row.value["model"])].append(row.value)
    return found


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, one=SEEDS, other=SEEDS)
def test_what_is_told_is_the_same_in_any_cuts_and_interleaving(
    spec: QualitySpec, seed: int, one: int, other: int
) -> None:
    first, second = (transitions(judged(spec, log_of(seed, order, spec))) for order in (one, other))
    assert first == second


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, order=SEEDS, cut=st.floats(0, 1))
def test_from_any_checkpoint_the_same_follows(spec: QualitySpec, seed: int, order: int, cut: float) -> None:
    log = log_of(seed, order, spec)
    at = int(cut * len(log))
    judge = AlertingJudge(spec, 0)
    for offset, record in enumerate(log[:at]):
        judge.apply(offset, record, quiet=True)
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(judge.dump()), strict=False)
    again = AlertingJudge.load(spec, 0, state)
    for offset, record in enumerate(log[at:], at):
        assert again.apply(offset, record) == judge.apply(offset, record)
    assert msgspec.msgpack.encode(again.dump()) == msgspec.msgpack.encode(judge.dump())


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, order=SEEDS)
def test_ids_are_unique_and_an_episode_is_resolved_at_most_once_and_only_if_it_fired(seed: int, order: int) -> None:
    rows = judged(SPECS[1], log_of(seed, order, SPECS[1]))
    log: list[dict[str, Any]] = [row.value for row in rows if row.stream == ALERT_LOG]
    assert max(Counter(row["transition_id"] for row in log).values(), default=1) == 1
    episodes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in log:
        episodes[row["fingerprint"], row["episode"]].append(row["kind"])
    for kinds in episodes.values():
        assert kinds.count("firing") <= 1
        assert kinds.count("resolved") <= kinds.count("firing")
        if "resolved" in kinds:
            assert kinds[-1] == "resolved"
            assert "firing" in kinds
    last: dict[str, str] = {}
    for row in log:
        assert last.get(row["fingerprint"], "") <= row["t"]
        last[row["fingerprint"]] = row["t"]


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, order=SEEDS, cut=st.floats(0, 1))
def test_a_mute_changes_who_is_told_and_nothing_else(seed: int, order: int, cut: float) -> None:
    spec, log = SPECS[0], log_of(seed, order, SPECS[0])
    mute = encode(MuteOrder(MuteChange(0, Mute("all", ALL, start_ms=0, end_ms=12 * PANE))))
    muted = [*log[: 1 + int(cut * (len(log) - 1))], mute, *log[1 + int(cut * (len(log) - 1)) :]]
    plain, quiet = transitions(judged(spec, log)), transitions(judged(spec, muted))
    shown = {"muted", "muted_by", "inhibited_by"}
    for model in {*plain, *quiet}:
        both = []
        for log_rows in (plain[model], quiet[model]):
            own = [row for row in log_rows if row["kind"] not in {"muted", "unmuted"}]
            # whom a muted rollup speaks for is told by himself
            both.append([{k: v for k, v in row.items() if k not in shown} for row in own])
        assert both[0] == both[1]


def test_the_end_of_a_history_is_no_silence() -> None:
    spec = spec_of("3m")
    log = log_of(1, 0, spec)

    def newest(log: list[bytes]) -> str:
        return max(str(row.value["t"]) for row in judged(spec, log) if row.key.startswith("pulse|"))

    assert newest([log[0], encode(EndOrder(90 * PANE)), *log[1:]]) <= "1970-01-01T01:33:00.000Z" < newest(log)


def test_a_rule_that_is_gone_ends_its_alerts() -> None:
    spec = SPECS[0]
    for seed in range(50):
        log = log_of(seed, 0, spec, finish=False)
        judge = AlertingJudge(spec, 0)
        phases: dict[str, object] = {}
        for offset, record in enumerate(log):
            phases |= {row.key: row.value["phase"] for row in judge.apply(offset, record) if row.stream == ALERT_LOG}
        active = {key for key, phase in phases.items() if phase in {"firing", "recovering"}}
        if active:
            ended = judge.apply(len(log), encode(RulesOrder(RuleSet("none", PANE))))
            resolved = {row.key: row.value["reason"] for row in ended if row.stream == ALERT_LOG}
            assert active <= {*resolved}
            assert {*resolved.values()} <= {"rule_removed", None}
            return
    raise AssertionError("no seed leaves an alert active")


def test_the_rules_are_touchy_enough_for_these_tests() -> None:
    seen: Counter[tuple[Any, Any]] = Counter()
    for seed in range(16):
        for row in judged(SPECS[1], log_of(seed, 0, SPECS[1])):
            if row.stream == ALERT_LOG:
                seen[row.value["rule_kind"], row.value["kind"]] += 1
    kinds = {kind for kind, _ in seen}
    assert {"slo", "threshold", "rollup"} <= kinds, seen
    assert {change for _, change in seen} >= {"pending", "firing", "recovering", "relapsed", "resolved"}, seen
