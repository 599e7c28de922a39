"""The rows that a ledger partition has, in its order, read by the rule of ranges and nothing else.

Ids are the hashes that blocks carry. Rows that came when all was final are left out: they count nowhere.
"""

from collections.abc import Iterator

from streams.formats.columns import CONFIDENCE_SCALE, NO_CLASS, NO_CONFIDENCE
from streams.formats.reasons import Kind
from streams.ledger.blocks import Block, Progress, decode
from streams.ledger.position import SourceId, offset_of
from streams.ledger.scores import content
from tests.simulation.world import World
from tests.support.ledger import Label, Prediction, Row


def ledger_rows(world: World, partition: int) -> Iterator[Row]:
    """The rows of a ledger partition that were sent before all was final, each once."""
    applied: dict[str, int] = {}
    for data in world.broker.logs["ledger", partition].records:
        record = decode(data)
        if isinstance(record, Progress):
            applied |= {said.source: max(applied.get(said.source, 0), said.end) for said in record.sources}
        elif isinstance(record, Block):
            known = applied.get(record.source, 0)
            applied[record.source] = max(known, record.end)
            last = len(world.raw.sources[SourceId.parse(record.source)])
            for i, position in enumerate(record.position.tolist()):
                if position >= known and offset_of(position) < last:
                    yield _row(record, i)


def _row(block: Block, i: int) -> Row:
    a, b = block.hashes[i].tolist()
    name, time = f"{a:016x}{b:016x}", int(block.time[i])
    if block.kind is Kind.LABEL:
        cls = None if block.cls[i] == NO_CLASS else block.classes[block.cls[i]]
        source = block.label_sources[block.label_source[i]]
        return Label(name, time, cls, int(block.rank[i]), int(block.delivered[i]), source)
    group, fixed = block.groups[block.group[i]], int(block.confidence[i])
    confidence = None if fixed == NO_CONFIDENCE else fixed / CONFIDENCE_SCALE
    cls = block.classes[block.cls[i]]
    squares, scores = (0, []) if block.scores is None else content(block.scores[i], block.score_classes)
    kept = tuple((name.decode(), p) for name, p in scores)
    return Prediction(
        name, time, cls, group.version, group.segments[0], confidence, group.model, scores=kept, squares=squares
    )
