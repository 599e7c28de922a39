"""Predictions worth a look against a plain selection, whatever the order, blocks, flushes and checkpoints."""

from collections import Counter, defaultdict
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.formats.columns import CONFIDENCE_SCALE, NO_CONFIDENCE
from streams.ledger import flush as flushes
from streams.ledger.blocks import Advance, encode
from streams.ledger.hashing import hash_keys
from streams.ledger.position import ROW_BITS
from streams.ledger.spec import NO_TIME, SECOND, LedgerSpec, Timing
from tests.property.test_join_details import ORIGIN, Run
from tests.support.details import Recount, content
from tests.support.ledger import Label, Prediction, Row

SPEC = LedgerSpec(
    partitions=1, tallies_partitions=2, pane_ms=10 * SECOND, detail_ms=30 * SECOND,
    timing=Timing(horizon_ms=60 * SECOND, slack_ms=240 * SECOND, settle_ms=20 * SECOND),
    models=(("slow", Timing(horizon_ms=60 * SECOND, slack_ms=240 * SECOND, settle_ms=50 * SECOND)),),
    samples=2, sample_confident=0.8, sample_near=0.05,
)  # fmt: skip
DETAIL = SPEC.detail_ms

Told = tuple[int, object, str, str, str, int | None, str, str, int]


class Sampled(Run):
    """A run that notes where rows lie and what samples were told."""

    def __init__(self, spec: LedgerSpec, seed: int) -> None:
        super().__init__(spec, seed)
        self.samples: list[Told] = []

    def tick(self) -> None:
        """A progress record whose flushes are read for samples before they go on."""
        self._say(self.intake.progress(self.offsets))
        for join in self.joins:
            for judge, record in join.flush("w"):
                chunk = flushes.decode(record)
                for s in chunk.samples:
                    group = chunk.groups[s.group]
                    assert self.spec.tallies_partition(group) == judge
                    self.samples.append(
                        (s.pane, group, s.reason, s.true, s.predicted, s.confidence, s.hash, s.source, s.position)
                    )
        super().tick()

    def advance(self, to_ms: int) -> None:
        """Move the watermark."""
        for join in self.joins:
            join.apply(join.position, encode(Advance(f"to {to_ms}", to_ms, {})))
        self.tick()


def settles(spec: LedgerSpec, p: Prediction, before: int, after: int) -> int:
    """How often the moment of a prediction's detail pane comes while the watermark moves."""
    start = p.time // DETAIL * DETAIL
    timing = spec.timing_of(p.model)
    at_end = before < start + DETAIL + timing.settle_ms <= after
    return int(at_end or before <= start + timing.final_ms < after)


def expected(
    recount: Recount, where: dict[tuple[str, str, str], tuple[str, int]], before: int, after: int
) -> list[Told]:
    """The samples of one move of the watermark."""
    spec = recount.spec
    by: dict[tuple[object, ...], list[tuple[int, Told]]] = defaultdict(list)
    for key, p in recount.predictions.items():
        turns = recount.turns(p)
        true = turns[-1][1].cls if turns else None
        if true is None or not settles(spec, p, before, after):
            continue
        confidence = None if p.fixed == NO_CONFIDENCE else p.fixed
        reasons = []
        if true != p.cls:
            reasons.append("wrong")
            if confidence is not None and confidence >= 0.8 * CONFIDENCE_SCALE:
                reasons.append("confident_wrong")
        if confidence is not None and abs(confidence - 30_000) <= 3_000:
            reasons.append("near_threshold")
        words = hash_keys([p.id.encode()])[0].tolist()
        source, position = where[key]
        pane = p.time // DETAIL * DETAIL // spec.pane_ms
        for reason in reasons:
            told = (
                pane, p.group, reason, true, p.cls, confidence, f"{words[0]:016x}{words[1]:016x}", source, position,
            )  # fmt: skip
            by[pane, p.group, reason, true].append((words[1], told))
    return [told for some in by.values() for _, told in sorted(some)[: spec.samples]]


ids = st.integers(0, 9).map(lambda i: f"id-{i}")
times = st.integers(0, 95).map(lambda t: ORIGIN + t * SECOND)
predictions = st.builds(
    Prediction, ids, times, st.sampled_from("ab"), st.sampled_from("12"), st.just("x"),
    st.sampled_from([None, 0.449, 0.45, 0.55, 0.56, 0.79, 0.8, 1.0]), st.sampled_from(["m", "slow"]),
)  # fmt: skip
labels = st.builds(Label, ids, times, st.sampled_from(["a", "b", "c", None]), st.integers(0, 2))
steps = st.lists(
    st.tuples(st.lists(st.one_of(predictions, labels), max_size=25), st.integers(-20, 420)), min_size=1, max_size=5
)


@settings(max_examples=300, deadline=None)
@given(steps, st.integers(0, 1 << 30), st.sampled_from([SPEC, replace(SPEC, samples=1), replace(SPEC, samples=100)]))
def test_samples_are_the_smallest_hashes_of_what_counts_when_a_pane_settles(
    given_steps: list[tuple[list[Row], int]], seed: int, spec: LedgerSpec
) -> None:
    run, recount = Sampled(spec, seed), Recount(spec)
    where: dict[tuple[str, str, str], tuple[str, int]] = {}
    watermark = NO_TIME
    for rows, seconds in given_steps:
        # all that is told in time: a prediction that is gone keeps its labels in the recount
        gone = {p.id for p in recount.predictions.values() if p.time + 300 * SECOND < watermark}
        fresh = [r for r in rows if r.time + 300 * SECOND >= watermark and r.id not in gone]
        run.take(fresh)
        recount_with_places(recount, where, fresh, run)
        before, watermark = watermark, max(watermark, ORIGIN + seconds * SECOND)
        run.samples = []
        run.advance(watermark)
        assert Counter(run.samples) == Counter(expected(recount, where, before, watermark))


def recount_with_places(
    recount: Recount, where: dict[tuple[str, str, str], tuple[str, int]], rows: list[Row], run: Run
) -> None:
    """Count rows, and note where the counted prediction of each identity lies."""
    for row, (source, offset) in zip(rows, run.places[-len(rows) :] if rows else [], strict=True):
        if isinstance(row, Prediction):
            key = row.id, row.model, row.version
            old = recount.predictions.get(key)
            if old is None or content(row) < content(old):
                where[key] = str(source), offset << ROW_BITS
        recount.take([row])
