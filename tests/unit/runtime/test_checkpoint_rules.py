"""Which checkpoints are kept, found again and due."""

import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.checkpoints.cache import Cache
from streams.runtime.checkpoints.pack import CHUNK_BYTES, pack, unpack
from streams.runtime.checkpoints.rules import (
    MANIFEST,
    CheckpointId,
    Due,
    Lineage,
    Manifest,
    digest,
    kept_from,
    newest_adoptable,
    newest_first,
    obsolete,
    parse_key,
    trim_to,
)
from streams.runtime.checkpoints.store import Found
from tests.support.workers import Journal

LINE = Lineage("log", "config")


def manifest(position: int, writer: str = "w", log: str = "log", chunks: tuple[bytes, ...] = (b"x",)) -> Manifest:
    hashes = tuple(digest(chunk) for chunk in chunks)
    return Manifest("join", 3, position, writer, hashes, 1, log, "config", digest(b"record"), position)


ids = st.builds(CheckpointId, st.just("join"), st.just(3), st.integers(1, 9), st.sampled_from("ab"))
manifests = st.lists(st.tuples(st.integers(1, 9), st.sampled_from("ab"), st.sampled_from(["log", "old log"])))


@given(st.lists(ids), manifests)
def test_only_what_lies_below_the_two_newest_of_this_log_goes(
    others: list[CheckpointId], said: list[tuple[int, str, str]]
) -> None:
    every = list({m.id: m for m in (manifest(*one) for one in said)}.values())
    mine = newest_first(every, LINE)
    gone = obsolete([*others, *(m.id for m in every)], every, LINE)
    assert [m.position for m in mine] == sorted((m.position for m in every if m.log_id == "log"), reverse=True)
    assert not gone & {m.id for m in mine[:2]}
    if len(mine) < 2:
        assert (gone, trim_to(every, LINE), kept_from(every, LINE)) == (set(), None, None)
    else:
        least = mine[1].position
        assert gone == {i for i in [*others, *(m.id for m in every)] if i.position < least}
        assert trim_to(every, LINE) == least - 1  # the record before it proves that it is of this log


def test_keys_are_read_back_and_others_are_none_of_ours() -> None:
    checkpoint = CheckpointId("judge", 2, 77, "worker-1")
    assert parse_key(checkpoint.key(5)) == (checkpoint, 5)
    assert parse_key(checkpoint.key(MANIFEST)) == (checkpoint, MANIFEST)
    for key in (None, b"", b"pin|abc", b"join|1|2|w|x", b"join|-1|2|w|1", b"\xff|1|2|3|4|5"):
        assert parse_key(key) is None


def test_a_manifest_knows_its_chunks() -> None:
    chunks = {0: b"one", 1: b"two"}
    whole = manifest(5, chunks=(b"one", b"two"))
    assert whole.whole(chunks)
    assert not whole.whole({0: b"one"})
    assert not whole.whole({0: b"one", 1: b"Two"})
    assert whole.of(LINE)
    assert not msgspec.structs.replace(whole, format=99).of(LINE)
    assert not whole.of(Lineage("log", "another"))


def judges(position: int, config: str, log: str = "log") -> Manifest:
    return msgspec.structs.replace(manifest(position, log=log), stage="judge", config=config)


def test_a_state_of_other_windows_can_be_adopted_and_one_of_other_pins_or_another_log_cannot() -> None:
    new = Lineage("log", "pins+new")
    old = [judges(5, "pins+old"), judges(7, "pins+older"), judges(6, "pins+old")]
    others = [judges(9, "pins+new"), judges(9, "other+old"), judges(9, "pins+old", "old log"), judges(9, "pin+old")]
    others.append(msgspec.structs.replace(judges(9, "pins+old"), format=99))
    assert [m.position for m in newest_adoptable([*old, *others], new)] == [7, 6, 5]
    assert newest_first([*old, *others], new) == others[:1]
    join = manifest(5)  # its configuration is all pinned
    assert newest_adoptable([join], LINE) == newest_adoptable([join], Lineage("log", "another")) == []


def test_what_was_adopted_stays_until_two_of_the_new_lineage_lie_above_it() -> None:
    old, new = Lineage("log", "pins+old"), Lineage("log", "pins+new")
    kept = [judges(5, old.config), judges(7, old.config)]
    for position in (None, 8, 9):
        if position is not None:
            kept.append(judges(position, new.config))
        gone = obsolete([m.id for m in kept], kept, new)
        if position == 9:
            assert (gone, trim_to(kept, new)) == ({m.id for m in kept[:2]}, 7)
        else:
            assert (gone, trim_to(kept, new)) == (set(), None)
            assert obsolete([m.id for m in kept], kept, old) == set()  # one that still runs with the old windows
            assert trim_to(kept, old) == 4


def test_states_are_cut_and_put_together_again() -> None:
    state = {"rows": 7, "bytes": random.Random(1).randbytes(1_000_000), "map": {1: [None, True]}}
    chunks = pack(state)
    assert len(chunks) == 3
    assert max(map(len, chunks)) <= CHUNK_BYTES
    assert unpack(chunks) == state
    for damaged in (chunks[:-1], [b"rubbish"], [], [chunks[1], chunks[0], chunks[2]]):
        with pytest.raises(ValueError, match="chunks hold"):
            unpack(damaged)


def test_what_was_removed_is_not_found() -> None:
    found, one = Found(), manifest(5)
    found.take(one.id, 0, b"x", keep=True)
    assert (found.parts, found.manifests) == ({one.id: {0}}, {})
    found.take(one.id, MANIFEST, msgspec.json.encode(one), keep=True)
    assert found.manifests == {one.id: one}
    assert one.whole(found.chunks[one.id])
    found.take(one.id, MANIFEST, None, keep=True)
    assert (found.manifests, found.parts) == ({}, {one.id: {0}})
    found.take(one.id, 0, None, keep=True)
    assert (found.parts, found.chunks) == ({}, {})
    found.take(one.id, MANIFEST, b"rubbish", keep=False)
    assert found.damaged == {one.id}


@pytest.mark.parametrize(
    ("waited_s", "log_bytes", "is_due"),
    [(5, 9 << 20, False), (11, 9 << 20, True), (11, 3 << 20, False), (11, 1, False), (600, 1, True), (600, 0, False)],
)
def test_a_checkpoint_is_due_when_the_log_is_as_long_or_the_interval_is_over(
    waited_s: float, log_bytes: int, *, is_due: bool
) -> None:
    due = Due(600, 0, size_bytes=4 << 20)
    due.log_bytes = log_bytes
    assert due.now(waited_s) is is_due
    assert not Due(0, 0, 0, 1 << 40).now(1e9)
    due.taken(waited_s)
    due.log_bytes = 9 << 30
    assert not due.now(waited_s + 7000)  # the last one is still under way
    due.written(5 << 20)
    assert due.now(waited_s + 7000)
    assert due.size_bytes == 5 << 20


def test_the_cache_gives_back_what_was_saved_last_and_survives_a_broken_disk(tmp_path: Path) -> None:
    journal = Journal()
    cache = Cache(tmp_path, "job", journal)
    assert cache.load("join", 3) is None
    for position in (5, 9):
        cache.save(manifest(position), [b"x", b"y"])
    assert cache.load("join", 3) == (manifest(9), {0: b"x", 1: b"y"})
    (tmp_path / "job" / "join-3.checkpoint").write_bytes(b"torn")
    assert cache.load("join", 3) is None
    blocked = Cache(tmp_path / "job" / "join-3.checkpoint", "job", journal)  # a file where a folder should be
    for _ in range(3):
        blocked.save(manifest(5), [b"x"])
    assert blocked.load("join", 3) is None
    assert journal.count("the cache cannot be written; going on without it") == 1
    nowhere = Cache(None, "job", journal)
    nowhere.save(manifest(5), [b"x"])
    assert nowhere.load("join", 3) is None
