"""Where are alerts read? From the job's own topics, from any of its workers, or from a replay's folder."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from streams.alerts.rows import mute_of
from streams.cli.worker_pages import NothingThereError, page_of_worker
from streams.runtime.alerts_board import AlertsBoard
from streams.runtime.clock import wall_ms
from streams.runtime.config.job import TopicNoun, topic_name
from streams.runtime.desk.coverage import covered
from streams.runtime.errors import ConfigError
from streams.runtime.kafka.tail import read_rows
from streams.runtime.replayed import rows_of
from streams.web.alerts import PHASES

Row = Mapping[str, Any]


class Found(NamedTuple):
    """Alerts that are not inactive, the loudest and oldest first, and up to when each model was judged.

    `by_wall`: names of the mutes by the wall clock that cover an alert now, by fingerprint; rows do not know of them.
    """

    alerts: list[Row]
    judged: dict[str, str]
    by_wall: Mapping[str, Sequence[str]] = {}


class Topics(NamedTuple):
    """The topics of a job under a prefix; nothing is joined and nothing committed."""

    client: Mapping[str, Any]
    prefix: str

    def alerts(self) -> Found:
        """What there is now."""
        board = _board(self._rows("alerts"))
        mutes = [mute_of(row) for row in board.mutes() if row["clock"] == "wall"]
        covering = ((mute.name, covered(mute, board.alerts(), board.judged(), wall_ms())) for mute in mutes)
        return _found(board, {name: [row["fingerprint"] for row in rows] for name, rows in covering})

    def history(self, fingerprint: str) -> list[Row]:
        """The transitions of the one alert whose fingerprint begins so, oldest first; none for one that is unknown."""
        return _history(self._rows("alert-log"), fingerprint)

    def _rows(self, noun: TopicNoun) -> Iterator[tuple[str, Row]]:
        for row in read_rows(self.client, topic_name(self.prefix, noun), from_start=True, follow=False):
            if row is not None:
                yield row.key, row.value


class Worker(NamedTuple):
    """A worker's web server: any one answers for every model."""

    url: str

    def alerts(self) -> Found:
        """What there is now."""
        found: list[Row] = []
        judged: dict[str, str] = {}
        for phase in PHASES:
            try:
                page = page_of_worker(self.url, "/v1/alerts", {"phase": phase})
            except NothingThereError:
                raise ConfigError(f"{self.url} has no /v1/alerts; is it a worker of this version?") from None
            found += page["alerts"]
            judged = page["judged"]
        covers = {one["name"]: one["covers"] for one in self._mutes() if one["clock"] == "wall"}
        return _found(_board((row["fingerprint"], row) for row in found), covers)._replace(judged=judged)

    def _mutes(self) -> list[Row]:
        try:
            return list(page_of_worker(self.url, "/v1/mutes", {"state": "now"})["mutes"])
        except NothingThereError:  # a version of before
            return []

    def history(self, fingerprint: str) -> list[Row]:
        """The transitions of the one alert whose fingerprint begins so; none for one that is unknown."""
        try:
            return list(page_of_worker(self.url, f"/v1/alerts/{fingerprint}/history", {})["transitions"])
        except NothingThereError:
            return []


class Folder(NamedTuple):
    """What `streams replay --out` wrote: how things stood at the end of the files."""

    path: Path

    def alerts(self) -> Found:
        """What there was at the end; of a history nobody is told, so no mute is by the wall clock."""
        return _found(_board(self._rows("alerts")), {})

    def history(self, fingerprint: str) -> list[Row]:
        """The transitions of one alert, oldest first."""
        return _history(self._rows("alert_log"), fingerprint)

    def _rows(self, stream: str) -> Iterator[tuple[str, Row]]:
        for _, row in rows_of(self.path / f"{stream}.jsonl", "alerts"):
            yield str(row.get("fingerprint", "")), row


def _board(rows: Iterator[tuple[str, Row]]) -> AlertsBoard:
    board = AlertsBoard(tuple, wall_ms)
    for key, row in rows:
        board.take("alerts", key, orjson.dumps(row))
    return board


def _found(board: AlertsBoard, covers: Mapping[str, Sequence[str]]) -> Found:
    """`covers`: fingerprints by the name of a mute by the wall clock."""
    by_wall: dict[str, list[str]] = {}
    for name in sorted(covers):
        for fingerprint in covers[name]:
            by_wall.setdefault(fingerprint, []).append(name)
    return Found([*board.alerts()], dict(board.judged()), by_wall)


def _history(rows: Iterator[tuple[str, Row]], fingerprint: str) -> list[Row]:
    transitions: dict[str, Row] = {}  # said again after a crash it is the same
    for _, row in rows:
        if str(row.get("fingerprint", "")).startswith(fingerprint) and row.get("transition_id"):
            transitions.setdefault(row["transition_id"], row)
    _only(sorted({row["fingerprint"] for row in transitions.values()}))
    return sorted(transitions.values(), key=lambda row: str(row["t"]))


def _only(fingerprints: list[str]) -> str | None:
    """The only one of them. Raises ConfigError where there are several."""
    if len(fingerprints) > 1:
        raise ConfigError(f"several alerts begin so: {', '.join(fingerprints[:5])}. Write more of the one you mean.")
    return fingerprints[0] if fingerprints else None


def is_fingerprint(text: str) -> bool:
    """Whether it can be a fingerprint or the beginning of one: 4 to 32 hexadecimal digits."""
    return re.fullmatch(r"[0-9a-f]{4,32}", text) is not None
