"""Which rows is the page made of? One model, one window size and one segment, all versions; newest revisions only.

A stream that was not recorded is None; one that was recorded and has nothing about the model is empty. Rows count with
the present state of their window (`windows`), since rows of classes and cells keep the state they were written at.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from streams.quality.rows import ALL, VIEW
from streams.report.reading import ReportError, Source, Sourced
from streams.report.rows import (
    PARSERS,
    Bin,
    Cell,
    ClassRow,
    Delay,
    Finding,
    RawRow,
    Record,
    RowError,
    StreamName,
    Window,
    key_of,
)
from streams.report.words import listed

PREFERRED = "24h"
"""The window that is shown when none is asked for."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the page is about; None where the rows may decide, no versions for all of them."""

    model: str | None = None
    versions: tuple[str, ...] = ()
    window: str | None = None
    segment: str = ALL


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a page shows. Rows are by version, in order of time; the version seen first comes first."""

    model: str
    window: str
    segment: str
    versions: tuple[str, ...]
    windows: Mapping[str, tuple[Window, ...]]
    classes: Mapping[str, tuple[ClassRow, ...]] | None
    cells: Mapping[str, tuple[Cell, ...]] | None
    bins: Mapping[str, tuple[Bin, ...]] | None
    findings: Mapping[str, tuple[Finding, ...]] | None
    delays: Mapping[str, tuple[Delay, ...]] | None

    @property
    def is_sliding(self) -> bool:
        """Whether windows overlap, so that their counts cannot be added up."""
        return "/" in self.window

    def span_ms(self, versions: Collection[str] | None = None) -> tuple[int, int]:
        """Start of the first and end of the last window of some versions, all if not said."""
        chosen = [self.windows[version] for version in versions or self.versions]
        return min(rows[0].start_ms for rows in chosen), max(rows[-1].end_ms for rows in chosen)


class _Kept(NamedTuple):
    revision: int
    model: str
    window: str
    record: Record


def gather(source: Source, wish: Wish) -> Evidence:
    """Read and choose. Raises `ReportError` when nothing fits the wish, or when it does not say which of several."""
    found = source.rows("windows")
    if found is None:
        raise ReportError("there are no window rows (windows.jsonl); `streams replay` writes them.")
    kept = _newest("windows", found, _asked(wish))
    model = _model({row.model for row in kept}, wish)
    kept = [row for row in kept if row.model == model]
    window = _window({row.window for row in kept}, wish)
    windows = _by_version(
        row.record
        for row in kept
        if row.window == window and isinstance(row.record, Window) and row.record.predictions > 0
    )
    if not windows:
        raise ReportError(f"every prediction of {model} in windows of {window} was taken back: nothing to show.")
    known = {(name, row.start_ms) for name, rows in windows.items() for row in rows}

    def is_shown(row: RawRow) -> bool:
        return (
            row.get("model") == model
            and row.get("window") == window
            and row.get("segment") == wish.segment
            and row.get("model_version") in windows
            and row.get("view") == VIEW
        )

    def stream(name: StreamName) -> list[Record] | None:
        rows = source.rows(name)
        if rows is None:
            return None
        records = [row.record for row in _newest(name, rows, is_shown)]
        return [record for record in records if (record.version, record.start_ms) in known]

    return Evidence(
        model,
        window,
        wish.segment,
        tuple(windows),
        windows,
        _of(ClassRow, stream("classes")),
        _of(Cell, stream("confusion")),
        _of(Bin, stream("calibration")),
        _of(Finding, stream("drift")),
        _of(Delay, stream("delays")),
    )


def _asked(wish: Wish) -> Callable[[RawRow], bool]:
    """Whether a window row can be part of the page, by what the wish says."""

    def is_asked(row: RawRow) -> bool:
        return (
            row.get("segment") == wish.segment
            and row.get("view") == VIEW
            and row.get("window_start") is not None  # a decayed window has no beginning and no place in time
            and (wish.model is None or row.get("model") == wish.model)
            and (not wish.versions or row.get("model_version") in wish.versions)
            and (wish.window is None or row.get("window") == wish.window)
        )

    return is_asked


def _newest(stream: StreamName, rows: Iterator[Sourced], wanted: Callable[[RawRow], bool]) -> list[_Kept]:
    """The newest revision of every wanted row, checked."""
    parse = PARSERS[stream]
    kept: dict[tuple[object, ...], _Kept] = {}
    for where, row in rows:
        if not wanted(row):
            continue
        key = key_of(stream, row)
        revision = row.get("revision")
        if not isinstance(revision, int):
            raise ReportError(f"{where}: revision must be a whole number.")
        known = kept.get(key)
        if known is not None and known.revision > revision:
            continue
        try:
            kept[key] = _Kept(revision, str(row.get("model")), str(row.get("window")), parse(row))
        except RowError as error:
            raise ReportError(f"{where}: {error}.") from None
    return list(kept.values())


def _model(models: Collection[str], wish: Wish) -> str:
    if not models:
        asked = [f"{name} {value}" for name, value in (("model", wish.model), ("window", wish.window)) if value]
        asked += [f"version {version}" for version in wish.versions]
        raise ReportError(
            f"there are no window rows of segment {wish.segment}{''.join(f', {part}' for part in asked)}."
        )
    if len(models) > 1:
        raise ReportError(f"the rows are about several models ({listed(sorted(models), 10)}); say which: --model NAME.")
    return next(iter(models))


def _window(windows: Collection[str], wish: Wish) -> str:
    """The window to show: the one asked for, else the day, else the only one that there is."""
    if wish.window is not None or len(windows) == 1:
        return next(iter(windows))
    if PREFERRED in windows:
        return PREFERRED
    raise ReportError(f"there are windows of several sizes ({listed(sorted(windows), 10)}); say which: --window SIZE.")


_R = TypeVar("_R", Window, ClassRow, Cell, Bin, Finding, Delay)


def _of(kind: type[_R], records: list[Record] | None) -> Mapping[str, tuple[_R, ...]] | None:
    return None if records is None else _by_version(record for record in records if isinstance(record, kind))


def _by_version(records: Iterable[_R]) -> Mapping[str, tuple[_R, ...]]:
    """Records by version, the version seen first before others, each in order of time."""
    groups: dict[str, list[_R]] = defaultdict(list)
    for record in records:
        groups[record.version].append(record)
    for rows in groups.values():
        rows.sort(key=_place)
    first = sorted(groups, key=lambda version: (groups[version][0].start_ms, version))
    return {version: tuple(groups[version]) for version in first}


def _place(record: Record) -> tuple[int, str]:
    """The order of records: by time, then by what tells them apart within a window."""
    return record.start_ms, repr(record[2:])
