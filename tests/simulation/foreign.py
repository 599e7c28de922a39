"""Checkpoints that were there before: of another life of the job, of another configuration, of a log that is gone.

They are whole, and their positions are those of this run or far above. None of them may be taken, keep this run's own
from being kept, or let the log be trimmed. They lie in the topic and on the hosts' disks.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec

from streams.alerts.judge import AlertingJudge
from streams.formats.reasons import Kind
from streams.ledger.intake import Intake
from streams.ledger.join import Join
from streams.ledger.position import SourceId
from streams.ledger.spec import LedgerSpec
from streams.quality.spec import QualitySpec
from streams.runtime.checkpoints.rules import MANIFEST, CheckpointId, Lineage
from tests.simulation.checkpoints import LINEAGE, Disk, Dump, pack
from tests.simulation.logs import Broker
from tests.simulation.raw import ORIGIN
from tests.support.ledger import Prediction, columns

FAR = 1_000_000
OTHERS = (Lineage("another log", LINEAGE.config), Lineage(LINEAGE.log_id, "another configuration"))


def leave(broker: Broker, disks: list[Disk], specs: tuple[LedgerSpec, QualitySpec], rng: Random) -> None:
    """Leave some of each kind."""
    ledger_spec, quality_spec = specs
    ledgers, tallies = other_life(ledger_spec, rng.randint(2, 8))
    for p, records in enumerate(ledgers):
        join = Join(ledger_spec, p)
        for offset, record in enumerate(records):
            join.apply(offset, record)
        join.flush()
        _put(broker, disks, "join", p, join.position, records[-1], join.dump())
    for p, records in enumerate(tallies):
        judge = AlertingJudge(quality_spec, p)
        for offset, record in enumerate(records):
            judge.apply(offset, record)
        _put(broker, disks, "judge", p, judge.position, records[-1], judge.dump())


def other_life(spec: LedgerSpec, batches: int) -> tuple[list[list[bytes]], list[list[bytes]]]:
    """A ledger of other rows, and the tallies that it brought."""
    source = SourceId("p", 0, "t")
    intake = Intake(spec, "before")
    intake.assign(source, Kind.PREDICTION, 0, ORIGIN)
    ledgers: list[list[bytes]] = [[] for _ in range(spec.partitions)]
    for offset in range(batches):
        rows = columns([(offset, Prediction(f"before-{offset}", ORIGIN + 60_000 * offset))])
        for p, record in intake.blocks(source, rows, [], offset + 1, ORIGIN) + intake.progress([source]):
            ledgers[p].append(record)
    tallies: list[list[bytes]] = [[] for _ in range(spec.tallies_partitions)]
    for p, records in enumerate(ledgers):
        join = Join(spec, p)
        for offset, record in enumerate(records):
            join.apply(offset, record)
        for judge, chunk in join.flush("before"):
            tallies[judge].append(chunk)
    return ledgers, tallies


def _put(
    broker: Broker, disks: list[Disk], stage: str, p: int, position: int, record: bytes, state: Mapping[str, Any]
) -> None:
    def dump(at: int, writer: str) -> Dump:
        return Dump(CheckpointId(stage, p, at, writer), record, pack(state), 0)

    here = dump(position, "before")
    candidates = [(here, here.manifest)]
    for n, lineage in enumerate(OTHERS):
        for at in (position, FAR, 2 * FAR):
            other = dump(at, f"other-{n}")
            manifest = msgspec.structs.replace(other.manifest, log_id=lineage.log_id, config=lineage.config)
            candidates.append((other, manifest))
    for d, manifest in candidates:
        for n, chunk in enumerate(d.chunks):
            broker.checkpoints[p].append(d.id.key(n), chunk)
        broker.checkpoints[p].append(d.id.key(MANIFEST), msgspec.json.encode(manifest))
    for disk, (d, manifest) in zip(disks, candidates, strict=False):
        disk[stage, p] = manifest, dict(enumerate(d.chunks))
