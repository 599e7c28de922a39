"""Where do the rows lie? In the files of a folder, one a stream; topics are read by the command, which knows Kafka."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import orjson

from streams.report.rows import RawRow, StreamName


class ReportError(Exception):
    """There is nothing to make a page of, or a row is damaged: one sentence that says what and where."""


class Sourced(NamedTuple):
    """A row and where it was found, for people."""

    where: str
    row: RawRow


class Source(Protocol):
    """Where rows come from."""

    def rows(self, stream: StreamName) -> Iterator[Sourced] | None:
        """The rows of a stream in the order they were written; None where the stream was not recorded."""
        ...


class Folder:
    """The files of `streams replay`, or of anything that wrote the topics' rows into files of those names."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise ReportError(f"{path} is not a folder; give the one that `streams replay --out` made.")
        self._path = path

    def rows(self, stream: StreamName) -> Iterator[Sourced] | None:
        """The rows of `STREAM.jsonl`; None without that file. Raises `ReportError` at a line that is no JSON object."""
        path = self._path / f"{stream}.jsonl"
        return _lines(path) if path.is_file() else None


def _lines(path: Path) -> Iterator[Sourced]:
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                where = f"{path}, line {number}"
                try:
                    row = orjson.loads(line)
                except orjson.JSONDecodeError as error:
                    raise ReportError(f"{where}: not JSON ({error}); was the file cut off?") from None
                if not isinstance(row, dict):
                    raise ReportError(f"{where}: not a row but {type(row).__name__}.")
                yield Sourced(where, row)
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}.") from None
