"""What the demo knows of its job: the newest rows of its output topics, as they come.

One thread a topic reads; everybody else looks. Invariant: of every row the highest revision is kept.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.runtime.config.job import Config, TopicNoun
from streams.runtime.kafka.tail import Row, read_rows

DAY_WINDOW, WEEK_WINDOW = "24h", "7d"
AUDIT_SUMS = ("predictions_received", "labels_received")

Values = Mapping[str, Any]


@dataclass(slots=True)
class WindowHistory:
    """One window as the demo saw it: its newest row, and how often it was revised."""

    newest: Values
    revisions: int = 0


@dataclass(slots=True)
class Board:
    """Everything seen so far. `take` from the reading threads, under `lock`."""

    windows: dict[str, WindowHistory] = field(default_factory=dict)
    classes: dict[str, Values] = field(default_factory=dict)  # of the day windows of everything together
    audits: dict[str, Values] = field(default_factory=dict)
    statuses: dict[str, Values] = field(default_factory=dict)
    transitions: dict[str, Values] = field(default_factory=dict)  # of alerts, by their ids
    rejected: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def take(self, noun: str, key: str, row: Values) -> None:
        """A row of the output topic `noun`."""
        with self.lock:
            self.rows += 1
            if noun == "windows":
                known = self.windows.setdefault(key, WindowHistory(row))
                known.revisions += 1
                if row["revision"] >= known.newest["revision"]:
                    known.newest = row
            elif noun == "classes":
                if row["window"] == DAY_WINDOW and row["segment"] == "all":
                    known_class = self.classes.get(key, row)
                    self.classes[key] = max(known_class, row, key=lambda r: r["revision"])
            elif noun == "audit":
                if row["position"] >= self.audits.get(key, row)["position"]:
                    self.audits[key] = row
            elif noun == "alert-log":
                self.transitions[row["transition_id"]] = row
            elif noun == "status":
                self.statuses[key] = row
            elif noun == "rejects":
                self.rejected[row["reason"]] += 1

    def of_size(self, window: str, *, segment: str = "all") -> list[WindowHistory]:
        """The windows of a size in the order of time and version."""
        with self.lock:
            found = [h for h in self.windows.values() if (h.newest["window"], h.newest["segment"]) == (window, segment)]
        return sorted(found, key=lambda h: (h.newest["window_start"], h.newest["model_version"]))

    def alert_log(self) -> list[Values]:
        """Every transition of an alert, as they came."""
        with self.lock:
            return list(self.transitions.values())

    def statuses_of(self) -> dict[str, Counter[str]]:
        """How many windows of each size are open, settled and final; segments count, too."""
        counts: dict[str, Counter[str]] = {}
        with self.lock:
            for history in self.windows.values():
                counts.setdefault(history.newest["window"], Counter())[history.newest["status"]] += 1
        return counts

    def sums(self) -> Counter[str]:
        """The audits of all ledger partitions added up."""
        total: Counter[str] = Counter()
        with self.lock:
            for row in self.audits.values():
                total.update({k: v for k, v in row.items() if type(v) is int and k not in _NOT_COUNTS})
        return total

    def received(self) -> int:
        """How many records of both kinds were counted, or told from those that are."""
        sums = self.sums()
        return sum(sums[name] for name in AUDIT_SUMS)

    def watermark(self) -> str | None:
        """The lowest watermark of the ledger partitions, RFC 3339; None before all have one."""
        with self.lock:
            marks = [row["watermark"] for row in self.audits.values()]
        return None if not marks or None in marks else min(marks)

    def is_final(self, partitions: int, to: str) -> bool:
        """Whether every ledger partition has reached `to`, and all that was counted is in rows that change no more."""
        with self.lock:
            counted, days = self.sums(), self.of_size(DAY_WINDOW)
            return (
                len(self.audits) == partitions
                and (self.watermark() or "") >= to
                and sum(day.newest["predictions"] for day in days) == counted["predictions_counted"]
                and sum(row["support"] for row in self.classes.values()) == counted["predictions_labelled"]
                and all(history.newest["status"] == "final" for history in self.windows.values())
                and all(row["status"] == "final" for row in self.classes.values())
            )


_NOT_COUNTS = frozenset({"ledger_partition", "position"})


class BoardReader:
    """The threads that fill a board from a job's topics. `check` raises what ended one of them."""

    NOUNS: tuple[TopicNoun, ...] = ("windows", "classes", "alert-log", "audit", "status", "rejects")

    def __init__(self, config: Config, board: Board) -> None:
        self._config, self._board = config, board
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._read, args=(noun,), name=f"read-{noun}", daemon=True) for noun in self.NOUNS
        ]

    def start(self) -> None:
        """Begin to read, from the start of each topic."""
        for thread in self._threads:
            thread.start()

    def check(self) -> None:
        """Raise what ended a reading thread."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End all and wait."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(5)

    def _read(self, noun: TopicNoun) -> None:
        take: Callable[[str, str, Values], None] = self._board.take
        try:
            for row in self._rows(noun):
                if row is not None:
                    take(noun, row.key, row.value)
        except BaseException as error:  # noqa: BLE001 - told to whoever watches
            self._error = error

    def _rows(self, noun: TopicNoun) -> Iterator[Row | None]:
        topic = self._config.topic(noun)
        return read_rows(self._config.client, topic, from_start=True, follow=True, stop=self._stop.is_set)
