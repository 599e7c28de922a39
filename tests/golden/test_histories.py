"""Histories by name: counts go in, and out come the transitions and the tellings that somebody worked out by hand.

Each file of `histories` has its rules, its counts and what must come of them: when (since the first step's begin),
what, and why. The deliverer hears of each step when it has settled, or of all steps at once, `clock` after the begin.
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from streams.alerts.orders import RulesOrder
from streams.alerts.telling.planner import Address, Planner, Timing
from streams.runtime.config.durations import parse_duration
from streams.runtime.rules.case_run import _asked, _clock, _ms, _Player, quality_of
from streams.runtime.rules.cases import CaseTable
from streams.runtime.rules.load import parse_rules

FOLDER = Path(__file__).parent / "histories"
NAMES = sorted(file.stem for file in FOLDER.glob("*.toml"))
WANTED = {  # of the design, section 10.2, and what people ask for most
    "drop", "flap", "outage-while-firing", "outage-while-pending", "midnight-low-traffic", "backfill-of-3-days",
    "restart-in-each-phase", "rule-edit", "rule-removed", "version-retired", "dst-forward", "dst-back", "leap-second",
    "slow-burn", "correction", "mute-over-a-start", "mute-over-an-end", "mute-over-all",
}  # fmt: skip


class History:
    """One file, played through the fold that a job has and the planner that a deliverer has."""

    def __init__(self, name: str) -> None:
        raw: dict[str, Any] = tomllib.loads((FOLDER / f"{name}.toml").read_text())
        self.transitions, self.told = (
            [line.split() for line in raw[key].splitlines()] for key in ("transitions", "told")
        )
        case = CaseTable.model_validate({"name": name, "expect": [], **raw["case"]})
        rules = parse_rules(raw["rules"], name).rules
        self._edits = {edit["at"]: parse_rules(edit["rules"], name).rules for edit in raw.get("edits", ())}
        self._begin = case.start_ms // rules.step_ms * rules.step_ms
        self._now_ms = self._begin + parse_duration(raw["clock"]) if "clock" in raw else None
        self._case = case
        self._player = _Player(case, _asked(rules, case, self._begin), quality_of(case, rules), self._begin)
        self._planner = Planner((Address("all"),), Timing())

    def play(self) -> tuple[list[list[str]], list[list[str]]]:
        """Transitions and tellings, as the file writes them."""
        transitions, told = list[list[str]](), list[list[str]]()
        for step in range(self._case.steps):
            if step in self._edits:
                self._player._alerts.order(RulesOrder(self._edits[step]))
            for row in self._player.step(step):
                if row["schema"] == "quality.alert.v1" and row["kind"] != "heartbeat":
                    transitions.append(self._transition(row))
                told += self._take(row)
        return transitions, told

    def _transition(self, row: dict[str, Any]) -> list[str]:
        why = row["reason"] or (row["severity"] if row["kind"] in {"firing", "escalated"} else None)
        tier = row["tier"] if row["kind"] in {"firing", "escalated"} else None
        muted = "muted" if row["muted"] and row["kind"] in {"firing", "resolved"} else None
        return [self._since(_ms(row["t"])), row["kind"], *(part for part in (why, tier, muted) if part)]

    def _take(self, row: dict[str, Any]) -> list[list[str]]:
        now_ms = self._now_ms if self._now_ms is not None else _ms(row["settled_at"])
        key = row["fingerprint"] if "fingerprint" in row else f"pulse|{row['model']}"
        tellings = [telling for batch in self._planner.take(key, row, now_ms) for telling in batch.tellings]
        return [[self._since(_ms(row["t"])), one.kind.value, one.reason or one.rule] for one in tellings]

    def _since(self, t: int) -> str:
        return _clock(t - self._begin)


def test_the_histories_that_are_asked_for_are_there() -> None:
    assert set(NAMES) == WANTED


@pytest.mark.parametrize("name", NAMES)
def test_what_happens_is_what_was_worked_out_by_hand(name: str) -> None:
    history = History(name)
    transitions, told = history.play()
    assert transitions == history.transitions
    assert told == history.told
