"""Which flushes count: whole ones, in order, once."""

import pytest

from streams.formats.columns import Group
from streams.ledger.cells import CellKind
from streams.ledger.flush import Flush
from streams.ledger.gap import GapError
from streams.quality.counts.inbox import MAX_WRITERS, Inbox
from tests.support.judged import History

SLOTS = [(pane, Group("m", "1", ())) for pane in range(6)]


@pytest.fixture
def history() -> History:
    history = History(0)
    for slot in SLOTS:
        history.step([(slot, (CellKind.CONFUSION, "a", None), 1)])
    return history


def put_all(inbox: Inbox, chunks: list[Flush]) -> list[list[Flush]]:
    return [inbox.put(chunk) for chunk in chunks]


def test_a_flush_counts_at_its_last_chunk(history: History) -> None:
    inbox = Inbox(1)
    chunks = history.flush(0, 3, chunk_slots=1)
    assert put_all(inbox, chunks) == [[], [], chunks]
    assert (inbox.applied, inbox.waiting) == ([3], 0)


def test_a_repeat_is_ignored(history: History) -> None:
    inbox = Inbox(1)
    put_all(inbox, history.flush(0, 3))
    assert put_all(inbox, history.flush(0, 3, chunk_slots=2)) == [[], []]
    assert put_all(inbox, history.flush(1, 3, "zombie")) == [[]]
    assert inbox.applied == [3]


def test_a_flush_that_reaches_beyond_what_was_applied_counts(history: History) -> None:
    # applied   [0 . . 3)
    # flush       [1 . . . 5)
    inbox = Inbox(1)
    put_all(inbox, history.flush(0, 3))
    chunks = history.flush(1, 5, "b")
    assert put_all(inbox, chunks) == [chunks]
    assert inbox.applied == [5]


def test_a_gap_stops_the_job_and_says_where(history: History) -> None:
    inbox = Inbox(1)
    put_all(inbox, history.flush(0, 2))
    with pytest.raises(GapError, match=r"ledger partition 0: .* \[2, 4\) is missing") as gap:
        put_all(inbox, history.flush(4, 6))
    assert (gap.value.source, gap.value.expected, gap.value.found) == ("ledger partition 0", 2, 4)


def test_two_writers_do_not_mix(history: History) -> None:
    inbox = Inbox(1)
    a, b = history.flush(0, 3, "a", chunk_slots=1), history.flush(0, 4, "b", chunk_slots=2)
    assert [inbox.put(c) for c in (a[0], b[0], a[1], b[1], a[2])] == [[], [], [], b, []]
    assert (inbox.applied, inbox.waiting) == ([4], 0)


def test_a_missing_chunk_drops_the_flush(history: History) -> None:
    inbox = Inbox(1)
    chunks = history.flush(0, 4, chunk_slots=1)
    assert put_all(inbox, [chunks[0], chunks[1], chunks[3]]) == [[], [], []]
    assert (inbox.applied, inbox.waiting) == ([0], 0)
    assert put_all(inbox, chunks)[-1] == chunks  # said anew it counts


def test_a_chunk_that_comes_twice_does_not_lose_the_flush(history: History) -> None:
    inbox = Inbox(1)
    first, second, third = history.flush(0, 3, chunk_slots=1)
    assert put_all(inbox, [first, second, second, third])[-1] == [first, second, third]


def test_a_first_chunk_begins_anew(history: History) -> None:
    inbox = Inbox(1)
    chunks = history.flush(0, 4, chunk_slots=2)
    assert put_all(inbox, [chunks[0], *chunks])[-1] == chunks


def test_chunks_of_another_range_do_not_join(history: History) -> None:
    inbox = Inbox(1)
    assert put_all(inbox, [history.flush(0, 4, chunk_slots=2)[0], history.flush(0, 3, chunk_slots=2)[1]]) == [[], []]
    assert inbox.waiting == 0


def test_what_dead_writers_left_is_bounded(history: History) -> None:
    inbox = Inbox(1)
    for i in range(3 * MAX_WRITERS):
        inbox.put(history.flush(0, 4, f"w{i}", chunk_slots=2)[0])
    assert inbox.waiting == MAX_WRITERS
    put_all(inbox, history.flush(0, 4))
    assert inbox.waiting == 0


def test_a_partition_that_is_not_there_is_refused(history: History) -> None:
    history.partition = 1
    with pytest.raises(ValueError, match="a flush of ledger partition 1, but there are only 1"):
        Inbox(1).put(history.flush(0, 1)[0])
