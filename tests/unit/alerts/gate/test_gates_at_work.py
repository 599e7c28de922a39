"""The gates of a model at work: shadow gates see pairs, and everything survives a checkpoint."""

import msgspec
import pytest

from streams.alerts.rules.model import HOUR, MINUTE, RuleSet
from streams.alerts.watching.gates import Gates
from tests.unit.alerts.gate.test_arms import GOOD, T0, Race, canary
from tests.unit.alerts.gate.test_pairing import BOTH, NEITHER, OTHER, OWN, Outcomes, window

PAIRS: Outcomes = {
    ("41", "fraud", BOTH): 89, ("41", "fraud", OWN): 1, ("41", "fraud", OTHER): 1, ("41", "fraud", NEITHER): 9,
    ("41", "ok", BOTH): 950, ("41", "ok", NEITHER): 50,
}  # fmt: skip


def shadow_gate(hours: int, *, pairs: bool, restart_at: int = -1, design: str = "shadow") -> list[dict[str, object]]:
    """The rows of a gate over so many hours; its memory goes through a checkpoint at one of them."""
    one = canary(design=design)
    rules = RuleSet("0" * 16, canaries=(one,))
    race, gates = Race(one), Gates("fraud")
    rows = []
    for n in range(hours):
        race.base.hour(GOOD)
        race.own.hour(GOOD)
        race.base.series.first_ms, race.own.series.first_ms = T0, T0 + MINUTE
        t = race.own.series.t
        found = [window("42", t - HOUR, PAIRS)] if pairs else []
        if n == restart_at:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(gates.dump()))
            gates = Gates("fraud")
            gates.load(state)
        gates.judge(rules, rules.canaries, {"41": race.base.series, "42": race.own.series}, t, 0, found)
        rows += [row.value for row in gates.take_rows()]
    return rows


def test_a_shadow_gate_decides_sooner_with_pairs() -> None:
    together, apart = shadow_gate(8, pairs=True), shadow_gate(8, pairs=False)
    assert together[-1]["verdict"] == "pass"
    assert apart[-1]["verdict"] == "inconclusive"
    assert "independent" not in str(together[1]["reason"])
    assert str(apart[-1]["reason"]).endswith("both arms were taken as independent, which is cautious")


def test_a_split_gate_has_no_use_for_pairs() -> None:
    assert shadow_gate(8, pairs=True, design="split") == shadow_gate(8, pairs=False, design="split")


@pytest.mark.parametrize("restart_at", [1, 3])
def test_a_restart_changes_nothing(restart_at: int) -> None:
    assert shadow_gate(5, pairs=True, restart_at=restart_at) == shadow_gate(5, pairs=True)


def test_damaged_memory_is_told() -> None:
    damaged: list[list[object]] = [[[], [1]], [[["g", "1", "2", {"start": "x"}]], [0, []]], [[]]]
    for state in damaged:
        with pytest.raises(ValueError):  # noqa: PT011 - Python's own words where nothing can be unpacked
            Gates("fraud").load(state)
