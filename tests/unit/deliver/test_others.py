"""Whether the deliverers of a job tell the same receivers, by the notes beside their positions."""

from typing import Any, cast

from streams.runtime.config.job import Config, parse
from streams.runtime.deliver.note import MOST_BYTES, Difference, difference, note_of, read_note
from streams.runtime.deliver.others import Others
from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.client import TopicPartitionKey
from streams.runtime.kafka.source import Source
from tests.support.workers import Journal

TOPIC = "quality.alerts.v1"


def config(*names: str, match: str = "*") -> Config:
    tables = "".join(
        f'[[receivers]]\nname = "{name}"\nkind = "webhook"\nurl = "http://{name}"\nmatch = {{ model = "{match}" }}\n'
        for name in names
    )
    return parse(tables, "job.toml", {})


class Notes:
    """A source of which only the group's notes are asked."""

    down = False

    def __init__(self, **notes: str | None) -> None:
        self.notes: dict[int, str | None] = {int(name[1:]): note for name, note in notes.items()}

    def committed(self, tps: list[TopicPartitionKey], timeout_s: float) -> dict[TopicPartitionKey, Any]:
        assert timeout_s < 10
        if self.down:
            raise UnavailableError("no broker")
        found = {tp: self.notes.get(tp[1]) for tp in tps}
        return {tp: None if note is None else (7, note) for tp, note in found.items()}


def warnings(journal: Journal) -> list[tuple[int, Any, Any]]:
    return [(fields["partition"], fields["only_there"], fields["only_here"]) for _, fields in journal.events]


MINE = note_of("id", config("a", "b").receivers)


def looked(source: Notes, times: int, journal: Journal | None = None, mine: tuple[int, ...] = (0,)) -> Journal:
    journal = journal or Journal()
    others = Others(TOPIC, 3, MINE, journal)
    for _ in range(times):
        others.look(cast("Source", source), mine)
    return journal


def test_a_note_comes_back_and_an_old_one_says_nothing_of_receivers() -> None:
    assert read_note(MINE.text) == MINE
    old = read_note('{"alerts":"id"}')
    assert old is not None
    assert old.alerts_id == "id"
    assert difference(MINE, old) is None
    assert [read_note(text) for text in ("", "7", "[]", "{}")] == [None] * 4


def test_what_differs_is_named() -> None:
    other = note_of("id", config("b", "c", "d").receivers)
    assert difference(MINE, other) == Difference(("c", "d"), ("a",))
    assert difference(MINE, note_of("id", config("b", "a").receivers)) is None  # the order means nothing
    matched = note_of("id", config("a", "b", match="fraud").receivers)
    assert difference(MINE, matched) == Difference((), ())
    assert difference(MINE, other._replace(alerts_id="another topic")) is None


def test_a_note_of_many_receivers_is_bounded_and_still_differs() -> None:
    many = [note_of("id", config(*(f"r{n:060}" for n in range(count))).receivers) for count in (100, 101)]
    assert all(len(note.text) < MOST_BYTES for note in many)
    assert difference(*many) is not None


def test_another_deliverer_with_other_receivers_is_told_of_once() -> None:
    other = note_of("id", config("a", "x").receivers).text
    journal = looked(Notes(_0=other, _1=other, _2=MINE.text), 4)
    assert warnings(journal) == [(1, ("x",), ("b",))]


def test_a_note_that_is_just_being_replaced_is_no_warning() -> None:
    source, journal = Notes(_1=note_of("id", config("x").receivers).text), Journal()
    others = Others(TOPIC, 2, MINE, journal)
    others.look(cast("Source", source), (0,))
    source.notes[1] = MINE.text
    others.look(cast("Source", source), (0,))
    assert journal.events == []


def test_who_has_every_partition_asks_nobody_and_a_lost_broker_is_no_trouble() -> None:
    source = Notes(_1=note_of("id", config("x").receivers).text)
    assert looked(source, 3, mine=(0, 1, 2)).events == []
    source.down = True
    assert looked(source, 3).events == []
