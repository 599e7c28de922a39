"""Bounds so small that a small world meets them: blocks are split, flushes come in chunks, tables are rebuilt."""

import pytest

from streams.ledger import chunks, intake, table


@pytest.fixture(autouse=True)
def _small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_RECORD_BYTES", 500)
    monkeypatch.setattr(chunks, "MAX_RECORD_BYTES", 500)
    monkeypatch.setattr(table, "MAX_LOAD", 0.06)  # of the 256 slots that a table has at least
    monkeypatch.setattr(table, "LOAD_AFTER_GROWTH", 0.04)
