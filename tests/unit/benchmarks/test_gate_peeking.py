"""benchmarks/gate_peeking: what it computes at once is what the gate computes, and the gate keeps its word."""

import numpy as np
import pytest

from benchmarks import gate_peeking
from benchmarks.gate_peeking import errors, power, settings

EVEN = settings()[0]


@pytest.mark.parametrize("setting", settings(), ids=lambda setting: f"{setting.classes} {setting.name}")
def test_every_traffic_is_checked_against_the_gate(
    setting: gate_peeking.Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_peeking, "SPOT_CHECKS", 60)
    for drop in (0.0, 0.05):
        for _ in gate_peeking.simulated(setting, np.full(setting.classes, drop), 10):
            pass


def test_a_difference_between_both_would_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_peeking, "TAU", 0.02)
    with pytest.raises(SystemExit, match="compare says "):
        power(EVEN, np.zeros(2), 250, 0)


def test_looking_at_every_step_misleads_no_more_often_than_alpha() -> None:
    wrong = errors(EVEN, 500)
    assert max(wrong["always_valid"]) < 0.08  # .05 and three standard errors
    assert min(wrong["fixed"]) > 0.2  # the bound of one look does not hold
