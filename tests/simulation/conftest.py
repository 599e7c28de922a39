"""Every test of the simulation runs with small bounds."""

import pytest

from tests.simulation.bounds import small_bounds


@pytest.fixture(autouse=True)
def _small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    small_bounds(monkeypatch)
