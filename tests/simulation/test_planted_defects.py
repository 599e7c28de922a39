"""The simulation finds every rule of the job that is broken on purpose: a check that finds nothing proves nothing.

docs/simulation.md names the seed at which `make mutants` found each; that seed is tried first.
"""

import pytest

from tests.simulation.mutants import DEFECTS, PAGE, Defect, listed, search

SEEDS = 400
"""Where a change moved what a seed does, so many runs are searched from the start."""


@pytest.mark.parametrize("defect", DEFECTS, ids=[d.__name__ for d in DEFECTS])
def test_a_broken_rule_is_found(defect: Defect) -> None:
    known = listed()[defect.__name__]
    found = search(defect, (known, *range(SEEDS)))
    assert found.seed is not None, f"{defect.__name__} was not found at seed {known} nor in {SEEDS} runs: make mutants"


def test_the_page_lists_the_defects_that_there_are() -> None:
    assert list(listed()) == [defect.__name__ for defect in DEFECTS], f"{PAGE}: make mutants"
    assert all((defect.__doc__ or "").strip() for defect in DEFECTS)
