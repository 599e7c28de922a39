"""The same folds over files, without a broker: `.jsonl` or `.jsonl.gz` in, the files of the output contract out.

Inputs are merged by time of delivery where it is known, and each file keeps its order. A tick comes whenever the time
of delivery crosses a multiple of the smallest step of the windows; the end of all files implies what the operator
says with `advance`: nothing more is coming. One ledger partition and one judge: counts depend on neither. Two replays
of the same files write the same bytes.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from streams.alerts import orders
from streams.alerts.judge import AlertingJudge
from streams.alerts.orders import EndOrder, RulesOrder
from streams.alerts.rows import ALERT_LOG, ALERTS, GATES
from streams.formats.columns import Decoded, Records
from streams.formats.decoder import Decoder
from streams.formats.reasons import Kind
from streams.formats.spec import default_mapping
from streams.ledger import blocks
from streams.ledger.blocks import Advance
from streams.ledger.intake import Intake, Refused
from streams.ledger.join import Join
from streams.ledger.position import SourceId
from streams.ledger.rejects import intake_row, join_row
from streams.quality.rows import OutputRow, Stream
from streams.runtime.config.job import Config
from streams.runtime.errors import ConfigError, InternalError

CHUNK_LINES = 20_000
STREAMS = (*map(str, Stream), ALERTS, ALERT_LOG, GATES, "rejects", "audit")
_FOREVER = 1 << 62
_GZIP = b"\x1f\x8b"


@dataclass(slots=True)
class Summary:
    """What a replay did: lines read, rows written per file, the last audit, and what its windows became."""

    predictions: int = 0
    labels: int = 0
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STREAMS, 0))
    rejected: dict[str, int] = field(default_factory=dict)
    audit: dict[str, object] = field(default_factory=dict)
    windows: dict[str, dict[str, object]] = field(default_factory=dict)  # newest row of each key, segment "all"


@dataclass(slots=True)
class _File:
    """One input file: a source that is read chunk by chunk, a little ahead of what was delivered."""

    source: SourceId
    decoder: Decoder
    chunks: Iterator[Records]
    now_ms: int | None
    reject: Callable[[Records, Decoded], None]
    decoded: Decoded | None = None
    due: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    at: int = 0
    read_to: int = 0  # offset after the chunk
    last_due: int = -_FOREVER
    rejected: list[Refused] = field(default_factory=list)

    def next_due(self) -> int | None:
        """When the next row is delivered, ms; None at the end. Reads on where it must."""
        while self.decoded is None or self.at >= len(self.decoded):
            records = next(self.chunks, None)
            if records is None:
                return None
            self.decoded = self.decoder.decode(records, self.now_ms)
            self.reject(records, self.decoded)
            self.rejected += [(records.offsets[r.index], r.reason, r.key) for r in self.decoded.rejected]
            self.read_to = records.offsets[-1] + 1
            due = np.maximum.accumulate(np.maximum(self.decoded.delivered, self.last_due))
            self.due, self.at = due, 0
            if len(due):
                self.last_due = int(due[-1])
        return int(self.due[self.at])

    def deliver(self, until_ms: int) -> Iterator[tuple[Decoded, list[Refused], int]]:
        """(rows, rejects, end offset) of everything delivered before `until_ms`."""
        while (due := self.next_due()) is not None and due < until_ms:
            assert self.decoded is not None  # noqa: S101 - next_due says so
            stop = int(np.searchsorted(self.due, until_ms))
            end = self.read_to if stop == len(self.decoded) else int(self.decoded.offset[stop])
            ready = [r for r in self.rejected if r[0] < end]
            self.rejected = [r for r in self.rejected if r[0] >= end]
            part = self.decoded.part(self.at, stop)
            self.at = stop
            yield part, ready, end

    def rest(self) -> list[Refused]:
        """The rejects behind the last row."""
        ready, self.rejected = self.rejected, []
        return ready


def read_chunks(path: Path, read: Callable[[int], None], lines_each: int = CHUNK_LINES) -> Iterator[Records]:
    """The lines of a file as records; `read` hears how many bytes of it (as stored) were consumed."""
    with path.open("rb") as stored, ExitStack() as stack:
        lines: IO[bytes] = stored
        if path.suffix == ".gz":
            lines = stack.enter_context(gzip.open(stored))  # type: ignore[arg-type]
        offset, told = 0, 0
        while batch := _lines(lines, lines_each, path):
            yield Records(path.name, 0, range(offset, offset + len(batch)), batch)
            offset += len(batch)
            read(stored.tell() - told)
            told = stored.tell()


def _lines(lines: IO[bytes], n: int, path: Path) -> list[bytes]:
    out = []
    try:
        for line in lines:
            out.append(line.rstrip(b"\r\n"))
            if len(out) == n:
                break
    except gzip.BadGzipFile as error:
        text = f"{path}: not a gzip file, though its name ends in .gz. Name it .jsonl if it is plain."
        raise ConfigError(text) from error
    except (EOFError, OSError, zlib.error) as error:
        raise ConfigError(f"{path}: cannot be read to its end: {error}. Is it a whole .gz file?") from error
    return out


def check_input(path: Path) -> None:
    """Raise ConfigError, before anything is written, when a file is not there, not readable, empty or misnamed."""
    if not path.exists():
        raise ConfigError(f"{path}: no such file. Give .jsonl or .jsonl.gz files.")
    if not path.is_file():
        raise ConfigError(f"{path}: not a file. Give .jsonl or .jsonl.gz files.")
    try:
        with path.open("rb") as stored:
            is_packed = stored.read(2) == _GZIP
    except OSError as error:
        why = error.strerror or "it cannot be opened"
        raise ConfigError(f"{path}: {why}. Give a file that you may read.") from error
    if is_packed and path.suffix != ".gz":
        raise ConfigError(f"{path}: a gzip file whose name does not say so. Name it {path.name}.gz.")
    if next(read_chunks(path, lambda _: None, 1), None) is None:
        raise ConfigError(f"{path}: empty. Give files that hold a record a line.")


class Replay:
    """One run over files. `write` takes the rows of each stream in order."""

    def __init__(self, config: Config, write: Callable[[OutputRow], None], now_ms: int | None) -> None:
        """`now_ms` is the clock that records must not be ahead of; None: no such check."""
        self._spec = replace(config.ledger, partitions=1, tallies_partitions=1)
        self._config, self._write, self._now_ms = config, write, now_ms
        self._intake, self._join = Intake(self._spec, "replay"), Join(self._spec, 0)
        self._judge = AlertingJudge(replace(config.quality, ledger_partitions=1), 0)
        self._log, self._tallies, self._newest_ms = 0, 0, 0
        self.summary = Summary()

    def run(self, files: Sequence[tuple[Kind, Path]], read: Callable[[int], None]) -> Summary:
        """Play the files to their end; `read` hears of bytes consumed, for a progress bar."""
        if self._config.alerts.enabled:
            self._tell(orders.encode(RulesOrder(self._config.alerts.rules)))
        inputs = [self._open(kind, path, n, read) for n, (kind, path) in enumerate(files)]
        announced = [f.source for f in inputs]
        step = min(w.step_ms for w in self._config.quality.windows)
        while (due := [d for f in inputs if (d := f.next_due()) is not None]) != []:
            until = min(due) // step * step + step
            for f in inputs:
                for rows, rejected, end in f.deliver(until):
                    if rows.kind is Kind.PREDICTION and len(rows):
                        self._newest_ms = max(self._newest_ms, int(rows.time.max()))
                    self._append(self._intake.blocks(f.source, rows, rejected, end, None))
            self._tick(announced)
        for f in inputs:
            if rejected := f.rest():
                empty = f.decoder.decode(Records(f.source.topic, 0, [], []), None)
                self._append(self._intake.blocks(f.source, empty, rejected, f.read_to, None))
        self._end(announced)
        return self.summary

    def _open(self, kind: Kind, path: Path, n: int, read: Callable[[int], None]) -> _File:
        config = self._config
        sources = config.prediction_sources if kind is Kind.PREDICTION else config.label_sources
        decoder = Decoder(sources[0].mapping if sources else default_mapping(kind), config.dimensions)
        source = SourceId(path.name, n, "file")
        self._intake.assign(source, kind, 0, 0)

        def reject(records: Records, decoded: Decoded) -> None:
            if kind is Kind.PREDICTION:
                self.summary.predictions += len(records)
            else:
                self.summary.labels += len(records)
            for r in decoded.rejected:
                coordinates = (path.name, n, records.offsets[r.index])
                key, row = intake_row(kind, coordinates, r.reason, r.detail, records.values[r.index])
                self._emit(OutputRow("rejects", key, row))

        return _File(source, decoder, read_chunks(path, read), self._now_ms, reject)

    def _append(self, sends: Sequence[tuple[int, bytes]]) -> None:
        """Append to the ledger, and fold what was appended."""
        for _, record in sends:
            self._join.apply(self._log, record)
            self._log += 1

    def _tell(self, record: bytes) -> None:
        """Append to the tallies, and fold what was appended."""
        for row in self._judge.apply(self._tallies, record):
            self._emit(row)
        self._tallies += 1

    def _tick(self, announced: Sequence[SourceId]) -> None:
        self._append(self._intake.progress(announced))
        for _, chunk in self._join.flush("replay"):
            self._tell(chunk)
        for reject in self._join.take_rejects():
            key, value = join_row(reject)
            self._emit(OutputRow("rejects", key, value))
        audit = self._join.audit()
        if not audit.balanced:
            raise InternalError(f"the audit does not balance: {audit}")
        key, self.summary.audit = audit.row()
        self._emit(OutputRow("audit", key, self.summary.audit))

    def _end(self, announced: Sequence[SourceId]) -> None:
        """Nothing more is coming: time moves beyond everything that could still change."""
        self._tick(announced)
        newest = max([self._join.watermark, *self._join.held.newest_ms()])
        self._tell(orders.encode(EndOrder(self._newest_ms)))
        longest = max(w.size_ms for w in self._config.quality.windows)
        beyond = newest + longest + max(t.final_ms for t in self._spec.timings) + 2 * self._spec.pane_ms
        ends = {str(s): self._intake.end(s) for s in announced}
        record = Advance("replay", beyond, ends, self._spec.config_hash)
        self._append([(0, blocks.encode(record))])
        self._tick(announced)

    def _emit(self, row: OutputRow) -> None:
        self.summary.rows[row.stream] += 1
        if row.stream == "rejects":
            reason = str(row.value["reason"])
            self.summary.rejected[reason] = self.summary.rejected.get(reason, 0) + 1
        elif row.stream == "windows" and row.value["segment"] == "all":
            self.summary.windows[row.key] = row.value
        self._write(row)


def replay(
    config: Config,
    files: Sequence[tuple[Kind, Path]],
    out: Path,
    *,
    now_ms: int | None,
    read: Callable[[int], None] = lambda _: None,
) -> Summary:
    """Play files and write `<stream>.jsonl` to the folder `out`; files appear there only when they are complete."""
    for _, path in files:
        check_input(path)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "it is a file" if isinstance(error, FileExistsError) else error.strerror or "it cannot be made"
        raise ConfigError(f"{out}: {why}. Give --out a folder you may write to.") from error
    parts = {stream: out / f"{stream}.jsonl.part" for stream in STREAMS}
    try:
        summary = _write_parts(config, files, parts, now_ms, read)
        for stream, part in parts.items():
            part.replace(out / f"{stream}.jsonl")
    except OSError as error:
        why = error.strerror or "it cannot be written"
        raise ConfigError(f"{out}: {why}. Give --out a folder you may write to, with room enough.") from error
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    return summary


def _write_parts(
    config: Config,
    files: Sequence[tuple[Kind, Path]],
    parts: dict[str, Path],
    now_ms: int | None,
    read: Callable[[int], None],
) -> Summary:
    with ExitStack() as stack:
        opened: dict[str, Any] = {s: stack.enter_context(p.open("wb", 1 << 20)) for s, p in parts.items()}

        def write(row: OutputRow) -> None:
            opened[row.stream].write(orjson.dumps(row.value, option=orjson.OPT_APPEND_NEWLINE))

        return Replay(config, write, now_ms).run(files, read)
