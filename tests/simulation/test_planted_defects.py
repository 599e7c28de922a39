"""The simulation finds every rule of the job that is broken on purpose: a check that finds nothing proves nothing."""

from collections.abc import Callable

import pytest

from tests.simulation.checks import check
from tests.simulation.ledger_defects import LEDGER_DEFECTS
from tests.simulation.raw import raw_of
from tests.simulation.stage_defects import STAGE_DEFECTS
from tests.simulation.world import World

DEFECTS = (*LEDGER_DEFECTS, *STAGE_DEFECTS)
SEEDS = 60
"""Within so many runs each defect must be found."""


def found_at(seeds: int) -> tuple[int, Exception] | None:
    """The first seed whose run fails, and how."""
    for seed in range(seeds):
        try:
            world = World(raw_of(seed), seed)
            world.run()
            check(world)
        except Exception as error:  # noqa: BLE001 - a broken rule may break anything
            return seed, error
    return None


@pytest.mark.parametrize("defect", DEFECTS, ids=[d.__name__ for d in DEFECTS])
def test_a_broken_rule_is_found(defect: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    defect(monkeypatch)
    found = found_at(SEEDS)
    assert found is not None, f"{defect.__name__} was not found in {SEEDS} runs"
    print(f"{defect.__name__}: seed {found[0]}, {found[1]!r}"[:400])  # noqa: T201
