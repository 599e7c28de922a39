"""Blocks: what a batch becomes, how a large one is cut, and that a reader gets back what was written."""

from dataclasses import replace
from random import Random

import pytest

from streams.formats.columns import NO_CLASS, Records
from streams.formats.decoder import Decoder
from streams.formats.mapping import NO_NAME
from streams.formats.reasons import Kind, Reason
from streams.formats.spec import default_mapping
from streams.ledger import blocks, intake
from streams.ledger.blocks import Advance, Block, Progress, Retire
from streams.ledger.hashing import hash_keys, partition_of
from streams.ledger.intake import Intake, encode_bounded
from streams.ledger.join import Join
from streams.ledger.position import SourceId, offset_of, row_of, start
from streams.ledger.spec import LedgerSpec
from tests.support.ledger import Label, Prediction, Row, columns, confusion, recount

SPEC = LedgerSpec(partitions=3, config_hash="c")
SOURCE = SourceId("p", 4, "t")
T = 1_700_000_000_000


def rows(n: int, seed: int = 1, kind: Kind = Kind.PREDICTION) -> list[tuple[int, Row]]:
    """Rows at every second offset."""
    rng = Random(seed)
    if kind is Kind.PREDICTION:
        return [
            (2 * i, Prediction(f"i{i}", T + i, f"c{rng.randrange(200)}", segment=f"s{rng.randrange(99)}"))
            for i in range(n)
        ]
    return [
        (
            2 * i,
            Label(
                f"i{i}", T + i, rng.choice((None, *(f"c{c}" for c in range(200)))), i % 3, T + rng.randrange(-99, 1),
                rng.choice(("", *(f"s{c}" for c in range(99)))),
            ),
        )
        for i in range(n)
    ]  # fmt: skip


def reading(kind: Kind = Kind.PREDICTION, offset: int = 0, spec: LedgerSpec = SPEC) -> Intake:
    """An intake that was just given the source."""
    worker = Intake(spec, "w")
    worker.assign(SOURCE, kind, offset, T)
    return worker


def decoded(data: bytes) -> Block:
    """The block in a record."""
    block = blocks.decode(data)
    assert isinstance(block, Block)
    return block


def meaning(block: Block) -> list[tuple[object, ...]]:
    """What a block says, with names for codes."""
    label = block.kind is Kind.LABEL
    return [
        (
            block.hashes[i].tolist(), int(block.time[i]), int(block.position[i]),
            None if block.cls[i] == NO_CLASS else block.classes[block.cls[i]],
            (int(block.rank[i]), int(block.delivered[i]), block.label_sources[block.label_source[i]])
            if label
            else (block.groups[block.group[i]], int(block.confidence[i])),
        )
        for i in range(len(block))
    ]  # fmt: skip


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("bound", [400, 3000, 500_000])
def test_a_large_block_is_cut_into_records_that_join_and_lose_no_row(
    kind: Kind, bound: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [
        decoded(data)
        for _, data in reading(kind).blocks(SOURCE, columns(rows(300, 2, kind)), [(1, Reason.NOT_JSON, None)], 600, T)
    ]
    monkeypatch.setattr(intake, "MAX_RECORD_BYTES", bound)
    for block in whole:
        records = encode_bounded(block)
        parts = [decoded(data) for data in records]
        assert all(len(data) <= bound for data, part in zip(records, parts, strict=True) if len(part) > 1)
        assert (len(parts) > 1) == (bound < 10_000)
        assert [p.begin for p in parts] == [block.begin, *(p.end for p in parts[:-1])]
        assert parts[-1].end == block.end
        assert [row for p in parts for row in meaning(p)] == meaning(block)
        assert [r for p in parts for r in p.rejected] == block.rejected
        assert all(p.begin <= position < p.end for p in parts for position in p.position.tolist())
        assert all(p.begin <= position < p.end for p in parts for position, _ in p.rejected)


def test_a_label_that_names_no_source_has_the_empty_one() -> None:
    labels = [Label(f"x{i}", T, "a", source=NO_NAME if i % 2 else "crew") for i in range(20)]
    sends = reading(Kind.LABEL).blocks(SOURCE, columns([*enumerate(labels)]), [], 20, T)
    parts = [decoded(data) for _, data in sends]
    named = {
        int(p): part.label_sources[c] for part in parts for p, c in zip(part.position, part.label_source, strict=True)
    }
    assert named == {start(i): "" if i % 2 else "crew" for i in range(20)}


def test_every_row_goes_to_the_partition_of_its_id_and_rubbish_to_that_of_its_source() -> None:
    sends = reading().blocks(
        SOURCE, columns(rows(50)), [(1, Reason.NOT_JSON, None), (3, Reason.EMPTY_ID, None)], 100, T
    )
    assert [p for p, _ in sends] == [0, 1, 2]
    for p, data in sends:
        block = decoded(data)
        assert set(partition_of(block.hashes, 3).tolist()) == {p}
        assert (block.begin, block.end) == (start(0), start(100))
        assert block.rejected == ([(start(1), Reason.NOT_JSON), (start(3), Reason.EMPTY_ID)] if p == 4 % 3 else [])
    assert sum(len(decoded(data)) for _, data in sends) == 50


def test_ranges_join_for_each_ledger_partition_and_all_stand_equal_after_a_tick() -> None:
    worker = reading(offset=10)
    ends = dict.fromkeys(range(3), start(10))
    for batch in range(8):
        at = 10 + batch
        sends = worker.blocks(SOURCE, columns([(at, Prediction(f"x{batch}", T))]), [], at + 1, T)
        if batch % 3 == 2:
            sends += worker.progress([SOURCE])
        for p, data in sends:
            record = blocks.decode(data)
            assert isinstance(record, Block | Progress)
            begin, end = (
                (record.begin, record.end)
                if isinstance(record, Block)
                else (record.sources[0].begin, record.sources[0].end)
            )
            assert begin == ends[p]
            ends[p] = end
        if batch % 3 == 2:
            assert set(ends.values()) == {start(at + 1)} == {worker.end(SOURCE)}


def test_an_assignment_begins_again_for_every_ledger_partition() -> None:
    worker = reading()
    worker.blocks(SOURCE, columns(rows(50)), [], 100, T)
    worker.assign(SOURCE, Kind.PREDICTION, 30, T)
    for _, data in worker.blocks(SOURCE, columns([(30 + i, Prediction(f"x{i}", T)) for i in range(20)]), [], 60, T):
        assert decoded(data).begin == start(30)


def test_what_retention_took_is_a_range_and_a_number_and_no_gap() -> None:
    worker = reading()
    joins = [Join(SPEC, p) for p in range(3)]
    first, later = rows(10), [(100 + i, row) for i, row in rows(30, 3)]
    sends = worker.blocks(SOURCE, columns(first), [], 20, T)
    sends += worker.skip(SOURCE, 100)
    sends += worker.blocks(SOURCE, columns(later), [], 200, T) + worker.progress([SOURCE])
    for offset, (p, data) in enumerate(sends):
        joins[p].apply(offset, data)
    assert sum(join.audit().skipped for join in joins) == 80
    assert confusion(joins) == recount([row for _, row in first + later], SPEC)


def test_what_retention_took_is_told_also_by_who_begins_below_what_a_killed_worker_sent() -> None:
    joins = [Join(SPEC, p) for p in range(3)]
    killed, restarted = reading(), reading(offset=5)
    sends = killed.blocks(SOURCE, columns(rows(10)), [], 20, T) + killed.progress([SOURCE])
    sends += restarted.skip(SOURCE, 100)  # committed was 5, sent was 20, and the log begins at 100 now
    sends += restarted.progress([SOURCE])
    for offset, (p, data) in enumerate(sends):
        joins[p].apply(offset, data)
    assert sum(join.audit().skipped for join in joins) == 80
    assert confusion(joins) == recount([row for _, row in rows(10)], SPEC)


def test_the_clock_of_predictions_is_their_time_and_that_of_labels_their_delivery() -> None:
    spec = replace(SPEC, max_disorder_ms=5, label_disorder_ms=1)
    slack = spec.timing.slack_ms
    for kind, row, clock in (
        (Kind.PREDICTION, Prediction("x", T, delivered=T + 99), T - 5),
        (Kind.LABEL, Label("x", T, delivered=T + 99), T + 98),
        (Kind.LABEL, Label("x", T, delivered=T + slack), T + slack - 1),
        (Kind.LABEL, Label("x", T, delivered=T + slack + 1), T - 1),  # a history loaded late
    ):
        worker = reading(kind, spec=spec)
        worker.blocks(SOURCE, columns([(0, row)]), [], 1, T + 2 * slack)
        progress = blocks.decode(worker.progress([SOURCE])[0][1])
        assert isinstance(progress, Progress)
        assert progress.sources[0].clock_ms == clock


@pytest.mark.parametrize(("now", "live"), [(T, True), (T + 1000, True), (T + 1001, False), (None, False)])
def test_a_source_is_live_when_its_clock_is_near_the_wall_clock(now: int | None, live: bool) -> None:
    worker = reading(spec=replace(SPEC, max_disorder_ms=0, live_within_ms=1000))
    worker.blocks(SOURCE, columns([(0, Prediction("x", T))]), [], 1, now)
    progress = blocks.decode(worker.progress([SOURCE])[0][1])
    assert isinstance(progress, Progress)
    assert progress.sources[0].live is live


def test_other_records_come_back_as_they_were_and_other_bytes_are_refused() -> None:
    for record in (Advance("i", 5, {"p/0@t": 3}, "c"), Retire("i", "p/0@t"), Progress("w", [], ["p/0@t"])):
        assert blocks.decode(blocks.encode(record)) == record
    for data in (b"", b"QL1Z", b"QF1\0rest", b"{}"):
        with pytest.raises(ValueError, match="not a ledger record"):
            blocks.decode(data)


def test_a_label_carries_its_delivery_and_its_source_to_the_ledger() -> None:
    given = rows(100, 3, Kind.LABEL)
    parts = [decoded(data) for _, data in reading(Kind.LABEL).blocks(SOURCE, columns(given), [], 200, T)]
    found = {
        offset_of(position): said[4]
        for part in parts
        for position, said in zip(part.position.tolist(), meaning(part), strict=True)
    }
    assert found == {at: (row.rank, row.delivered, row.source) for at, row in given if isinstance(row, Label)}


@pytest.mark.parametrize(("now", "known"), [(T, T), (None, T + 5)])
def test_nothing_is_delivered_after_it_was_read(now: int | None, known: int) -> None:
    ((_, data),) = reading(Kind.LABEL).blocks(SOURCE, columns([(0, Label("x", T, delivered=T + 5))]), [], 1, now)
    assert decoded(data).delivered.tolist() == [known]


@pytest.mark.parametrize("older", [b"QL1B", b"QL1R"])
def test_records_of_an_older_version_are_refused(older: bytes) -> None:
    with pytest.raises(ValueError, match="not a ledger record"):
        blocks.decode(older + bytes(100))


def test_a_position_holds_an_offset_and_a_row_and_orders_like_them() -> None:
    position = start(7) + 3
    assert (offset_of(position), row_of(position)) == (7, 3)
    assert start(7) < position < start(8)
    assert SourceId.parse(str(SourceId("a/b@c", 12, "id"))) == SourceId("a/b@c", 12, "id")


def test_a_privacy_key_changes_every_hash_and_no_hash_marks_a_free_slot() -> None:
    keys = [f"id-{i}".encode() for i in range(2000)]
    plain, secret, other = (hash_keys(keys, key) for key in ("", "k", "K"))
    assert (hash_keys(keys, "k") == secret).all()
    for a, b in ((plain, secret), (secret, other)):
        assert not (a == b).any()
    for hashes in (plain, secret, other):
        assert hashes[:, 0].all()
        assert len({tuple(h) for h in hashes.tolist()}) == 2000
        sizes = [int((partition_of(hashes, 8) == p).sum()) for p in range(8)]
        assert min(sizes) > 180
        assert hashes.shape == (2000, 2)
    assert hash_keys([]).shape == (0, 2)


@pytest.mark.parametrize("first_now", [T, T - 3_600_000])
def test_a_record_that_one_clock_takes_and_another_refuses_is_received_once(first_now: int) -> None:
    """The first reader dies after only some of its records arrived; the next has another clock."""
    values = [
        b'{"prediction_id":"i%d","event_time":%d%s}' % (i, T, b',"predicted_class":"a"' if i % 2 else b"")
        for i in range(40)
    ]
    source = Records("p", 4, list(range(40)), values)
    for arrived in range(4):
        joins = [Join(SPEC, p) for p in range(3)]
        offsets = [0] * 3
        for turn, now in enumerate((first_now, 2 * T - 3_600_000 - first_now)):
            rows = Decoder(default_mapping(Kind.PREDICTION)).decode(source, now)
            assert {r.reason for r in rows.rejected} == ({Reason.MISSING_FIELD} if now == T else {Reason.TIME_AHEAD})
            worker = reading()
            sends = worker.blocks(SOURCE, rows, [(r.index, r.reason, r.key) for r in rows.rejected], 40, now)
            for p, data in sends[:arrived] if turn == 0 else [*sends, *worker.progress([SOURCE])]:
                joins[p].apply(offsets[p], data)
                offsets[p] += 1
        audits = [join.audit() for join in joins]
        assert sum(a.predictions_received for a in audits) == 40
        assert all(a.balanced for a in audits)


def test_the_writer_of_a_progress_record_is_read_without_the_rest() -> None:
    """Blocks and the operator's records have none."""
    assert blocks.writer_of(blocks.encode(Progress("w-1", [], ["a/0@x"], "hash"))) == "w-1"
    assert blocks.writer_of(blocks.encode(Advance("id", 1, {}))) is None
    assert blocks.writer_of(blocks.MAGIC + b"B") is None
