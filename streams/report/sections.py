"""What is a part of the page? A heading, what it says, pictures, and the numbers behind them as tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from streams.report.canvas import Drawing


class Table(NamedTuple):
    """Numbers as text. The first `names` columns are left-aligned; `is_open` tables are shown without a click."""

    caption: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    names: int = 1
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One part. `lead` says how to read it; without any drawing `missing` says why there is none."""

    key: str
    heading: str
    lead: str
    drawings: tuple[Drawing, ...] = ()
    tables: tuple[Table, ...] = ()
    missing: str | None = None


def not_recorded(key: str, heading: str, file: str) -> Section:
    """The part whose rows were not written."""
    return Section(key, heading, "", missing=f"Not recorded: there are no {file} rows.")


def nothing_yet(key: str, heading: str, why: str) -> Section:
    """The part whose rows say nothing yet."""
    return Section(key, heading, "", missing=why)
