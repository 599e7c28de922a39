"""Do the other deliverers of the job tell the same receivers? Looked up in the notes beside the group's positions."""

from collections.abc import Collection

from streams.runtime.deliver.note import Difference, Note, difference, read_note
from streams.runtime.errors import StreamsError
from streams.runtime.kafka.client import Log
from streams.runtime.kafka.source import Source

_CALL_S = 3.0


class Others:
    """`look` again and again; it warns once of each difference, when two looks after each other found it."""

    def __init__(self, topic: str, partitions: int, note: Note, log: Log) -> None:
        self._topic, self._partitions, self._note, self._log = topic, partitions, note, log
        self._seen: dict[int, Difference] = {}
        self._said: set[tuple[int, Difference]] = set()

    def look(self, source: Source, mine: Collection[int]) -> None:
        """`mine` are the partitions of this deliverer. Blocks for seconds at most."""
        others = [(self._topic, number) for number in range(self._partitions) if number not in mine]
        if source.down or not others:
            self._seen = {}
            return
        try:
            committed = source.committed(others, _CALL_S)
        except StreamsError:
            return  # who does not answer now is asked again
        found: dict[int, Difference] = {}
        for (_, number), value in committed.items():
            note = read_note(value[1]) if value is not None else None
            differs = difference(self._note, note) if note is not None else None
            if differs is not None:
                found[number] = differs
        for number, differs in sorted(found.items()):
            if self._seen.get(number) == differs and (number, differs) not in self._said:
                self._said.add((number, differs))
                self._log.warning(
                    "another deliverer of this job has other receivers: of its partitions only those are told; give "
                    "all of them the same configuration",
                    partition=number, only_there=differs.only_there, only_here=differs.only_here,
                )  # fmt: skip
        self._seen = found
