"""Bounds so small that a small world meets them: blocks are split, flushes come in chunks, tables are rebuilt."""

import pytest

from streams.ledger import chunks, intake, table


def small_bounds(patch: pytest.MonkeyPatch) -> None:
    """Set them until the patch is undone."""
    patch.setattr(intake, "MAX_RECORD_BYTES", 500)
    patch.setattr(chunks, "MAX_RECORD_BYTES", 500)
    for name, value in {"MIN_ROWS": 1, "GROWTH": 1.0, "GONE": 0.0}.items():  # rebuilt whenever a row is gone
        patch.setattr(table, name, value)
