"""A judge's state says under which settings it was made, exactly, also after it was packed for Kafka."""

from dataclasses import replace
from typing import Any

import pytest

from streams.quality.judge import Judge
from streams.quality.settings import (
    CostSpec,
    GroupsSpec,
    ModelSettings,
    ReferenceKind,
    ReferenceSpec,
    SamplesSpec,
    Settings,
    Training,
)
from streams.quality.spec import QualitySpec
from streams.runtime.checkpoints.pack import pack, unpack
from tests.support.judged import PANE, spec_of
from tests.support.told import Told, at

TRAINING = Training("2026-01", (("ham", 3), ("späm", 1 << 50)), (("ham", 1, 2), ("späm", 5, 5)), tuple(range(20)))
COST = CostSpec((("ham", "späm", 0.1), ("späm", "ham", -1e300), ("späm", "späm", 2.0)), 1 / 3)
SETTINGS = Settings(
    reference=ReferenceSpec(ReferenceKind.HOUR_OF_WEEK, 7, 3, TRAINING),
    drift_segments=False,
    cost=COST,
    groups=GroupsSpec(("country",), "ham"),
    human_sources=("call", "review"),
    samples=SamplesSpec(3, 0.1 + 0.2, 1 / 7),
    models=(
        ("m1", ModelSettings(ReferenceSpec(ReferenceKind.TRAINING, training=TRAINING))),
        ("m2", ModelSettings(cost=COST)),
    ),
)
SPEC = spec_of("5m", settings=SETTINGS, detail_ms=2 * PANE, label_time=True, maturities_ms=(PANE, 4 * PANE))
EVERY_SETTING = [
    {"reference": ReferenceSpec()},
    {"reference": replace(SETTINGS.reference, training=replace(TRAINING, version="2026-02"))},
    {"drift_segments": True},
    {"cost": None},
    {"cost": replace(COST, wrong=0.3333)},
    {"groups": GroupsSpec(("country",))},
    {"human_sources": ("review",)},
    {"samples": replace(SETTINGS.samples, near=0.0)},
    {"models": SETTINGS.models[:1]},
]


def stored(spec: QualitySpec) -> dict[str, Any]:
    """The state of a judge that folded something, as it comes back from a checkpoint."""
    told = Told(spec)
    told.say((at(1), 2), (at(7), 1))
    return unpack(pack(told.judge.dump()))


@pytest.mark.parametrize("spec", [SPEC, spec_of("5m")], ids=["every setting", "defaults"])
def test_a_state_is_loaded_under_the_settings_it_was_made_under(spec: QualitySpec) -> None:
    state = stored(spec)
    loaded = Judge.load(spec, 0, state)
    assert loaded.spec == spec
    assert loaded.dump() == Judge.load(spec, 0, unpack(pack(loaded.dump()))).dump()


@pytest.mark.parametrize("change", EVERY_SETTING, ids="-".join)
def test_other_settings_are_another_judge_that_can_take_over(change: dict[str, Any]) -> None:
    other = replace(SPEC, settings=replace(SETTINGS, **change))
    state = stored(SPEC)
    with pytest.raises(ValueError, match="not the configured ones"):
        Judge.load(other, 0, state)
    assert Judge.adopt(other, 0, state).spec == other


@pytest.mark.parametrize("change", [{"detail_ms": PANE}, {"label_time": False}, {"maturities_ms": (PANE,)}], ids=str)
def test_a_state_of_other_counts_cannot_be_taken_over(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="of another ledger"):
        Judge.adopt(replace(SPEC, **change), 0, stored(SPEC))
