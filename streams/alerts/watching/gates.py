"""The gates of one model at work: every pair of versions that a gate compares."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from streams.alerts.evidence.series import Series
from streams.alerts.gate.arms import GateState, gate_judgement, gate_labels, judge_gate
from streams.alerts.gate.body import gate_key, gate_row
from streams.alerts.gate.evaluation import Pairs
from streams.alerts.gate.pairing import Pairing
from streams.alerts.gate.versions import pairs
from streams.alerts.rows import GATES
from streams.alerts.rules.model import DAY, Canary, RuleSet
from streams.alerts.watching.said import Said
from streams.quality.listener import Settled
from streams.quality.rows import OutputRow

SHADOW = "shadow"
PAIRS_KEPT_MS = 28 * DAY

MOST_PAIRS = 50
"""Pairs of versions that a gate looks at; the newest candidates go first."""


class Gates:
    """What is remembered of every pair, by gate, candidate and baseline; of shadow gates also who was right."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._states: dict[tuple[str, str, str], GateState] = {}
        self._rows: list[OutputRow] = []
        self._pairing = Pairing()

    def judge(
        self,
        rules: RuleSet,
        canaries: Sequence[Canary],
        series: Mapping[str, Series],
        t: int,
        settle_ms: int,
        found: Sequence[Settled],
    ) -> list[Said]:
        """What the gates say at a step; `series` by version, `found` are the windows that settled with it."""
        if any(canary.design == SHADOW for canary in canaries):
            self._pairing.take(found)
            self._pairing.forget(t - PAIRS_KEPT_MS)
        first_seen = {version: one.first_ms for version, one in series.items() if one.first_ms}
        said = []
        for canary in canaries:
            standing = {candidate: base for gate, candidate, base in self._states if gate == canary.name}
            compared = pairs(canary, first_seen, standing)
            newest = sorted(compared, key=lambda pair: (-first_seen[pair[0]], pair))[:MOST_PAIRS]
            for candidate, baseline in sorted(newest):
                state = self._states.setdefault((canary.name, candidate, baseline), GateState())
                own, base = series[candidate], series[baseline]
                right = self._right(canary, candidate, baseline, state)
                result = judge_gate(canary, candidate, baseline, own, base, t, settle_ms, state, right)
                if result.is_new:
                    row = gate_row(self._model, result, canary.design, rules.hash)
                    self._rows.append(OutputRow(GATES, gate_key(canary.name, candidate, baseline), row))
                labels = gate_labels(self._model, candidate)
                said.append(Said("canary", canary.name, labels, gate_judgement(canary, result), canary.about))
        return said

    @property
    def open(self) -> bool:
        """Whether some gate is undecided: nothing is to be retrained meanwhile."""
        return any(state.start and not state.closed and state.verdict != "pass" for state in self._states.values())

    def take_rows(self) -> list[OutputRow]:
        """The rows since the last time."""
        rows, self._rows = self._rows, []
        return rows

    def dump(self) -> list[object]:
        """Everything, of plain values; for `load`."""
        return [[[*key, msgspec.to_builtins(state)] for key, state in self._states.items()], self._pairing.dump()]

    def load(self, state: Sequence[Any]) -> None:
        """Fill an empty one with what `dump` gave. Raises ValueError when it is damaged."""
        states, pairing = state
        self._pairing = Pairing.load(pairing)
        for gate, candidate, baseline, one in states:
            try:
                self._states[gate, candidate, baseline] = msgspec.convert(one, GateState)
            except msgspec.ValidationError as error:
                raise ValueError(f"a damaged gate: {error}") from error

    def _right(self, canary: Canary, candidate: str, baseline: str, state: GateState) -> Pairs | None:
        """Which of both was right where both predicted, for a shadow gate; None where it is not counted."""
        if canary.design != SHADOW or not state.start:
            return None
        return self._pairing.between(candidate, baseline, state.start, state.start + canary.max_duration_ms)
