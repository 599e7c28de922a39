"""Flushes and their chunks, the limits of a partition, and the equations of the audit."""

from dataclasses import fields, replace
from random import Random

import pytest

from streams.formats.columns import Group
from streams.formats.reasons import Kind, Reason
from streams.ledger import chunks as module
from streams.ledger import flush as flushes
from streams.ledger.audit import Audit
from streams.ledger.blocks import Advance, encode
from streams.ledger.counts import GROUP_BITS
from streams.ledger.flush import Flush
from streams.ledger.intake import Intake
from streams.ledger.join import ForeignRecordError, Join
from streams.ledger.position import SourceId, start
from streams.ledger.spec import MINUTE, LedgerSpec, Timing
from tests.support.ledger import Cells, Label, Prediction, Row, columns, confusion, recount

T = 28_333_440 * MINUTE
SPEC = LedgerSpec(
    partitions=1,
    tallies_partitions=2,
    pane_ms=10 * MINUTE,
    timing=Timing(60 * MINUTE, 30 * MINUTE, 10 * MINUTE),
    max_disorder_ms=0,
    label_disorder_ms=0,
)


class Feed:
    """One worker and one ledger partition."""

    def __init__(self, spec: LedgerSpec = SPEC) -> None:
        self.join = Join(spec, 0)
        self.intake = Intake(spec, "w")
        self.offsets: dict[SourceId, int] = {}

    def take(self, *rows: Row, tick: bool = True) -> list[Reason]:
        """Rows of one kind, and a tick; the reasons of those that were not counted."""
        kind = Kind.PREDICTION if isinstance(rows[0], Prediction) else Kind.LABEL
        source = SourceId(kind.value, 0, "t")
        if source not in self.offsets:
            self.offsets[source] = 0
            self.intake.assign(source, kind, 0, 0)
        begin = self.offsets[source]
        end = self.offsets[source] = begin + len(rows)
        sends = self.intake.blocks(source, columns(list(zip(range(begin, end), rows, strict=True))), [], end, None)
        for _, record in sends + (self.intake.progress(self.offsets) if tick else []):
            self.join.apply(self.join.position, record)
        return [reject.reason for reject in self.join.take_rejects()]

    def advance(self, minutes: int) -> None:
        """Time moves to so many minutes after T."""
        ends = {str(source): start(offset) for source, offset in self.offsets.items()}
        self.join.apply(self.join.position, encode(Advance("x", T + minutes * MINUTE, ends)))
        for _, record in self.intake.progress(self.offsets):
            self.join.apply(self.join.position, record)


def told(sends: list[tuple[int, bytes]], judge: int) -> list[Flush]:
    """The chunks for one judge."""
    return [flushes.decode(data) for p, data in sends if p == judge]


def cells_of(chunks: list[Flush]) -> Cells:
    """The confusion cells that chunks tell."""
    cells: Cells = Cells()
    for chunk in chunks:
        bounds = chunk.bounds.tolist()
        for i, (pane, group) in enumerate(zip(chunk.pane.tolist(), chunk.group.tolist(), strict=True)):
            for code, n in zip(
                chunk.code[bounds[i] : bounds[i + 1]].tolist(),
                chunk.count[bounds[i] : bounds[i + 1]].tolist(),
                strict=True,
            ):
                if code >> 56 == 0:
                    true = None if code & 0xFFFF == 0xFFFF else chunk.classes[code & 0xFFFF]
                    cells[pane, chunk.groups[group], chunk.classes[code >> 16], true] += n
    return cells


@pytest.mark.parametrize("bound", [1, 400, 1_000, 500_000])
def test_a_flush_comes_in_chunks_that_together_say_every_cell_once(bound: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECORD_BYTES", bound)
    rng = Random(bound)
    rows: list[Row] = [
        Prediction(
            f"i{i}",
            T + rng.randrange(60) * MINUTE,
            rng.choice("abc"),
            rng.choice("12"),
            rng.choice("xy"),
            None,
            rng.choice("mn"),
        )
        for i in range(120)
    ]
    feed = Feed()
    feed.take(*rows)
    sends = feed.join.flush("w")
    found: Cells = Cells()
    for judge in range(2):
        chunks = told(sends, judge)
        assert [c.chunk for c in chunks] == list(range(len(chunks)))
        assert [c.last for c in chunks] == [False] * (len(chunks) - 1) + [True]
        assert {(c.begin, c.end, c.watermark, c.writer) for c in chunks} == {(0, 2, feed.join.watermark, "w")}
        slots = [(p, c.groups[g]) for c in chunks for p, g in zip(c.pane.tolist(), c.group.tolist(), strict=True)]
        assert {SPEC.tallies_partition(group) for _, group in slots} <= {judge}
        assert (len(chunks) > 1) == (bound < 500_000)
        assert all(len(flushes.encode(c)) <= bound or len(c.code) < 2 for c in chunks)
        found += cells_of(chunks)
    assert found == recount(rows, SPEC) == confusion([feed.join])


def test_a_flush_without_changes_still_says_the_range_to_every_judge() -> None:
    feed = Feed()
    feed.take(Prediction("x", T))
    feed.join.flush()
    feed.advance(1)
    sends = feed.join.flush()
    assert [judge for judge, _ in sends] == [0, 1]
    for judge in range(2):
        (chunk,) = told(sends, judge)
        assert (chunk.begin, chunk.end, chunk.watermark, len(chunk.pane), chunk.last) == (2, 4, T + MINUTE, 0, True)


def test_a_slot_that_became_empty_is_told_as_empty() -> None:
    feed = Feed()
    feed.take(Prediction("x", T + 20 * MINUTE))
    feed.join.flush()
    feed.take(Prediction("x", T))
    sends = feed.join.flush()
    sizes: dict[int, int] = {}
    for _, data in sends:
        chunk = flushes.decode(data)
        sizes |= zip(chunk.pane.tolist(), (chunk.bounds[1:] - chunk.bounds[:-1]).tolist(), strict=True)
    pane = T // SPEC.pane_ms
    assert sizes == {pane: 1, pane + 2: 0}
    assert confusion([feed.join]) == recount([Prediction("x", T)], SPEC)


def test_only_a_progress_record_allows_a_flush_and_a_crossing_makes_it_due() -> None:
    feed = Feed()
    feed.take(Prediction("x", T))
    feed.join.flush()
    feed.take(Prediction("y", T + MINUTE), tick=False)
    assert not feed.join.flush_allowed
    feed.advance(2)
    assert (feed.join.flush_allowed, feed.join.flush_due) == (True, False)
    feed.join.flush()
    feed.advance(20)
    assert feed.join.flush_due, "the pane [0, 10) is settled ten minutes after its end"


def test_bytes_of_something_else_are_not_a_flush() -> None:
    for other in (b"QL2R", b"QF1\0"):
        with pytest.raises(ValueError, match="not a flush"):
            flushes.decode(other + bytes(100))


def test_a_record_of_another_configuration_is_refused() -> None:
    feed = Feed()
    feed.join.spec = replace(SPEC, config_hash="other")
    with pytest.raises(ForeignRecordError, match=r"\(none\), this worker runs other"):
        feed.take(Prediction("x", T))


def test_the_audit_balances_through_the_life_of_every_kind_of_row() -> None:
    feed = Feed()
    feed.take(Label("waits", T), Label("orphan", T))
    feed.take(
        Prediction("waits", T), Prediction("dup", T), Prediction("dup", T), Prediction("con", T, "a"),
        Prediction("con", T, "b"), Prediction("none", T),
    )  # fmt: skip
    feed.take(
        Label("dup", T, "a"), Label("dup", T, "a"), Label("dup", T + 1, "b"), Label("con", T + 61 * MINUTE),
        Label("con", T, None),
    )  # fmt: skip
    feed.join.flush()
    assert feed.join.audit().balanced
    feed.advance(400)
    reasons = feed.take(Prediction("late", T)) + feed.take(Label("late", T))
    assert {Reason.ORPHAN_LABEL, Reason.LATE_PREDICTION, Reason.LATE_LABEL} == set(reasons)
    feed.join.flush()
    audit = feed.join.audit()
    got = {f.name: getattr(audit, f.name) for f in fields(audit) if f.name.startswith(("pred", "lab"))}
    assert {name: n for name, n in got.items() if n} == {
        "predictions_received": 7, "predictions_counted": 4, "predictions_duplicate": 1, "predictions_conflict": 1,
        "predictions_late": 1, "predictions_labelled": 2, "predictions_expired": 2, "labels_received": 8,
        "labels_winning": 2, "labels_beaten": 1, "labels_duplicate": 1, "labels_beyond_horizon": 1,
        "labels_orphan": 1, "labels_deletion": 1, "labels_late": 1,
    }  # fmt: skip
    assert audit.balanced
    assert audit.row()[1]["balanced"] is True


@pytest.mark.parametrize("name", [f.name for f in fields(Audit)][3:-1])
def test_every_number_of_the_audit_is_in_an_equation(name: str) -> None:
    feed = Feed()
    feed.take(Prediction("x", T))
    audit = feed.join.audit()
    assert not replace(audit, **{name: getattr(audit, name) + 1}).balanced


def test_a_class_beyond_the_limit_is_rejected_and_audited() -> None:
    feed = Feed(replace(SPEC, max_classes=2))
    assert feed.take(*(Prediction(c, T, c) for c in "abc"), Prediction("d", T, "a")) == [Reason.CLASS_LIMIT]
    assert feed.take(Label("a", T, "z"), Label("b", T, "b"), Label("d", T, None)) == [
        Reason.CLASS_LIMIT,
        Reason.LABEL_DELETION,
    ]
    audit = feed.join.audit()
    assert (audit.predictions_rejected, audit.labels_rejected, audit.predictions_counted) == (1, 1, 3)
    assert audit.balanced


def test_a_model_beyond_the_limit_is_rejected_and_known_ones_go_on() -> None:
    feed = Feed(replace(SPEC, max_models=2))
    rows = [Prediction("a", T, version="1"), Prediction("b", T, version="2"), Prediction("c", T, version="3")]
    assert feed.take(*rows, Prediction("d", T, version="1", segment="new")) == [Reason.MODEL_LIMIT]
    assert feed.join.audit().balanced
    assert {group.version for _, group, _, _ in confusion([feed.join])} == {"1", "2"}


def test_segments_beyond_the_limit_of_groups_fold_to_other() -> None:
    feed = Feed(replace(SPEC, max_groups=2))
    assert feed.take(*(Prediction(s, T, segment=s) for s in "wxyz"), Prediction("x2", T, segment="x")) == []
    counted = {group: n for (_, group, _, _), n in confusion([feed.join]).items()}
    assert counted == {Group("m", "1", ("w",)): 1, Group("m", "1", ("x",)): 2, Group("m", "1", ("other",)): 2}


def held_panes(join: Join) -> list[int]:
    """Minutes after T at which the slots of a fold begin."""
    return sorted(((key >> GROUP_BITS) * join.spec.pane_ms - T) // MINUTE for key in join.counts.slots)


def test_a_pane_expires_in_its_own_time_and_its_slot_lives_as_long_as_the_detail_that_it_holds() -> None:
    feed = Feed(replace(SPEC, detail_ms=30 * MINUTE))
    assert T % (30 * MINUTE) == 0
    feed.take(*(Prediction(f"i{n}", T + n * 10 * MINUTE, confidence=0.5) for n in (0, 1, 2, 3)))
    feed.join.flush()
    feed.take(Label("i2", T + 21 * MINUTE))
    feed.join.flush()
    lives = []
    for minutes in (99, 100, 110, 119, 120, 129, 130, 149, 150):
        feed.advance(minutes)
        feed.join.flush()
        feed.join.take_rejects()
        copy = Join.load(feed.join.spec, 0, feed.join.dump())
        assert (held_panes(copy), copy.audit()) == (held_panes(feed.join), feed.join.audit())
        if minutes == 110:
            feed.take(Label("i2", T + 22 * MINUTE, "b"))  # touches the details of a pane that is over
            feed.join.flush()
        audit = feed.join.audit()
        assert audit.balanced
        lives.append((minutes, held_panes(feed.join), audit.predictions_expired))
    assert lives == [
        (99, [0, 10, 20, 30], 0), (100, [0, 10, 20, 30], 1), (110, [0, 20, 30], 2), (119, [0, 20, 30], 2),
        (120, [30], 2), (129, [30], 2), (130, [30], 3), (149, [30], 3), (150, [], 3),
    ]  # fmt: skip
