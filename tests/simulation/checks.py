"""What must hold at the end of every run, checked from the logs and the outputs alone.

The ledger, folded once without a break, must count what a plain recount of the raw rows counts; the tallies, read by
rule, must hold the same cells; the rows in the compacted outputs must be those of one unbroken judge, and their
numbers those of the recount. Nothing here asks a worker of the run.
"""

from collections import Counter
from collections.abc import Iterator
from math import isclose
from typing import Any

from msgspec.structs import replace

from streams.alerts.judge import AlertingJudge
from streams.alerts.orders import is_order
from streams.formats.columns import Group
from streams.ledger.audit import Audit
from streams.ledger.counts import GROUP_BITS
from streams.ledger.flush import Flush, decode
from streams.ledger.join import Join
from streams.ledger.samples import Sample
from streams.ledger.spec import NO_TIME
from streams.ledger.times import rfc3339
from streams.quality.rows import OutputRow
from tests.simulation.alert_checks import check_alerts, check_homes
from tests.simulation.ledger_rows import ledger_rows
from tests.simulation.logs import OF_ALERTS, Row, RowKey, SimulationError
from tests.simulation.world import World
from tests.support.details import Named, Recount, Slot, cell_of, held_cells, told_slots
from tests.support.ledger import Cells, confusion, recount

KEPT_BY_TIME = frozenset({"revision", "watermark", "corrected", "newest_label_at"})
"""Fields of final rows that may differ between two runs over the same rows."""

RECOUNTED = frozenset({"windows", "classes", "confusion"})
"""Streams whose rows are checked number by number; those of all streams must be an unbroken judge's."""

NamedCells = dict[Slot, dict[Named, int]]
"""Cells by (pane, group), with class names in place of codes."""

Place = tuple[str, str, str, str, int]
"""Model, version, segment, window, start of the window."""


def check(world: World) -> dict[RowKey, Row]:
    """Everything; the final rows without what time decides. Raises SimulationError with what was wrong."""
    joins = fold_ledger(world)
    expected = recount(world.raw.rows, world.ledger_spec)
    counted = confusion(joins)
    if counted != expected:
        raise SimulationError(f"counts: {dict(counted - expected)} too many, {dict(expected - counted)} missing")
    check_audits(world, [join.audit() for join in joins])
    for join in joins:
        check_details(world, join)
        check_tallies(world, join)
        check_samples(world, join.partition)
    rows = check_outputs(world)
    check_rows(world, rows, expected)
    # a bin of delays that became empty keeps the row that it had when its window settled
    # and samples are of what was known when it settled
    last = {
        key: row
        for key, row in rows.items()
        if key[0] != "samples" and (key[0] != "delays" or row["status"] == "final")
    }
    return {key: without_time(key, row) for key, row in last.items() if says_something(row)}


def demand(holds: bool, what: str) -> None:
    """Raise when something does not hold."""
    if not holds:
        raise SimulationError(what)


def fold_ledger(world: World) -> list[Join]:
    """One unbroken fold of every ledger partition, which never flushes and so forgets nothing."""
    joins = []
    for p in range(world.ledger_spec.partitions):
        join = Join(world.ledger_spec, p)
        for offset, record in enumerate(world.broker.logs["ledger", p].records):
            join.apply(offset, record)
            audit = join.audit()
            if not audit.balanced:
                raise SimulationError(f"the audit of partition {p} at {offset} does not balance: {audit}")
        for cells in join.counts.slots.values():
            if any(n <= 0 for n in cells.values()):
                raise SimulationError(f"a cell is counted less than once: {cells}")
        joins.append(join)
    return joins


def check_audits(world: World, audits: list[Audit]) -> None:
    """Every record sent is received once, and those that came when all was final are late."""
    sent = Counter(world.kinds[source] for source, log in world.logs.items() for _ in log)
    for kind, name in ((k, k.value + "s") for k in set(world.kinds.values())):
        received = sum(getattr(audit, f"{name}_received") for audit in audits)
        demand(received == sent[kind], f"{name}: {received} received of {sent[kind]}")
        rubbish = sum(r.row is None for s, log in world.logs.items() if world.kinds[s] is kind for r in log)
        rejected = sum(getattr(audit, f"{name}_rejected") for audit in audits)
        demand(rejected == rubbish, f"{name}: {rejected} rejected of {rubbish}")
        late = sum(getattr(audit, f"{name}_late") for audit in audits)
        stragglers = sum(len(rows) for s, rows in world.raw.stragglers.items() if world.kinds[s] is kind)
        demand(late >= stragglers, f"{name}: {late} late, but {stragglers} came when all was final")


def named(join: Join) -> NamedCells:
    """All cells that a fold holds."""
    names = join.names
    return {
        (key >> GROUP_BITS, names.groups[key & ((1 << GROUP_BITS) - 1)]): {
            cell_of(code, names.classes, names.label_sources, names.versions): n for code, n in cells.items()
        }
        for key, cells in join.counts.slots.items()
        if cells
    }


def check_details(world: World, join: Join) -> None:
    """Every kind of cell of a ledger partition is a recount of its rows in its order, and so is its newest label."""
    expected = Recount(world.ledger_spec).take(ledger_rows(world, join.partition))
    counted = held_cells([join])
    cells = expected.cells()
    if counted != cells:
        raise SimulationError(f"details: {dict(counted - cells)} too many, {dict(cells - counted)} missing")
    newest = dict(zip(join.names.groups, join.counts.newest_ms, strict=True))
    wrong = {group: ms for group, ms in newest.items() if ms != expected.newest.get(group, NO_TIME)}
    demand(not wrong, f"newest labels {wrong} of {join.partition}, but the recount says {expected.newest}")


def check_tallies(world: World, join: Join) -> None:
    """What the tallies say of a ledger partition, read by the rule of ranges, is what the fold counts."""
    told: NamedCells = {}
    newest: dict[Group, int] = {}
    for judge in range(world.ledger_spec.tallies_partitions):
        applied = 0
        for chunks in whole_flushes(world, judge, join.partition):
            begin, end = chunks[0].begin, chunks[0].end
            demand(begin <= applied, f"judge {judge}: [{applied}, {begin}) of {join.partition} is missing")
            if end <= applied:
                continue
            applied = end
            parts: NamedCells = {}
            for chunk in chunks:
                newest |= dict(zip(chunk.groups, chunk.newest, strict=True))
                for slot, cells in told_slots(chunk).items():  # a slot may be cut over chunks
                    parts[slot] = parts.get(slot, {}) | cells
            told |= parts
        demand(applied > 0, f"judge {judge} was never told of ledger partition {join.partition}")
    counted = named(join)
    told = {slot: cells for slot, cells in told.items() if cells}
    if told != counted:
        raise SimulationError(f"tallies of {join.partition}: {told} but the ledger counts {counted}")
    held = dict(zip(join.names.groups, join.counts.newest_ms, strict=True))
    demand(newest == {group: held[group] for group in newest}, f"tallies of {join.partition}: newest labels {newest}")


def check_samples(world: World, partition: int) -> None:
    """The tallies tell the samples of an unbroken fold; what another worker tells again is equal."""
    told: set[tuple[Group, Sample]] = set()
    for judge in range(world.ledger_spec.tallies_partitions):
        applied = 0
        for chunks in whole_flushes(world, judge, partition):
            if chunks[0].end > applied:
                applied = chunks[0].end
                told |= {(chunk.groups[s.group], replace(s, group=0)) for chunk in chunks for s in chunk.samples}
    join, expected = Join(world.ledger_spec, partition), set[tuple[Group, Sample]]()
    for offset, record in enumerate(world.broker.logs["ledger", partition].records):
        join.apply(offset, record)
        if join.flush_allowed:
            flushed = [decode(chunk) for _, chunk in join.flush()]
            expected |= {(chunk.groups[s.group], replace(s, group=0)) for chunk in flushed for s in chunk.samples}
    demand(told == expected, f"samples of {partition}: {told - expected} too many, {expected - told} missing")


def whole_flushes(world: World, judge: int, partition: int) -> Iterator[list[Flush]]:
    """The flushes of a ledger partition that are there with all their chunks."""
    open_: dict[tuple[str, int, int], list[Flush]] = {}
    for record in world.broker.logs["tallies", judge].records:
        if is_order(record):
            continue
        flush = decode(record)
        if flush.ledger_partition != partition:
            continue
        key = (flush.writer, flush.begin, flush.end)
        if flush.chunk == 0:
            open_[key] = []
        open_[key].append(flush)
        if flush.last:
            yield open_.pop(key)


def check_outputs(world: World) -> dict[RowKey, Row]:
    """The newest rows, which must be those of one unbroken judge and must have been there before the stragglers."""
    rows: dict[RowKey, Row] = {}
    for p, outputs in enumerate(world.broker.outputs):
        judge, all_rows = AlertingJudge(world.quality_spec, p), list[OutputRow]()
        for offset, record in enumerate(world.broker.logs["tallies", p].records):
            all_rows += judge.apply(offset, record)
        unbroken = {(row.stream, row.key): row.value for row in all_rows if row.stream not in OF_ALERTS}
        wrong = [key for key in unbroken.keys() | outputs.newest.keys() if unbroken.get(key) != outputs.newest.get(key)]
        demand(not wrong, f"rows of judge {p} differ from an unbroken fold's: {wrong[:3]}")
        demand(outputs.newest == world.before_stragglers[p], f"judge {p}: stragglers changed a row")
        check_alerts(p, outputs, all_rows)
        rows |= outputs.newest
    check_homes(world.broker.outputs)
    return rows


def places_of(world: World, expected: Cells) -> dict[Place, Counter[tuple[str, str | None]]]:
    """The recount by model, version, segment and window: (predicted, actual or None) cells."""
    places: dict[Place, Counter[tuple[str, str | None]]] = {}
    pane_ms = world.ledger_spec.pane_ms
    for (pane, group, predicted, actual), n in expected.items():
        for window in world.quality_spec.windows:
            for begin in range((pane * pane_ms) // window.step_ms * window.step_ms, -1, -window.step_ms):
                if begin + window.size_ms <= pane * pane_ms:
                    break
                for segment in ("all", f"segment={group.segments[0]}"):
                    place = (group.model, group.version, segment, window.name, begin)
                    places.setdefault(place, Counter())[predicted, actual] += n
    return places


def check_rows(world: World, rows: dict[RowKey, Row], expected: Cells) -> None:
    """Rows say what the recount says, every window of it is final, and nothing else is there."""
    wanted: dict[tuple[object, ...], tuple[object, ...]] = {}
    for (model, version, segment, window, begin), cells in places_of(world, expected).items():
        place = (model, version, segment, window, rfc3339(begin))
        labelled = Counter({key: n for key, n in cells.items() if key[1] is not None})
        hits = {p: n for (p, a), n in labelled.items() if p == a}
        support, predicted = Counter[str | None](), Counter[str]()
        for (p, a), n in labelled.items():
            support[a] += n
            predicted[p] += n
        recalls = [hits.get(str(a), 0) / n for a, n in support.items()]
        balanced = sum(recalls) / len(recalls) if recalls else None
        wanted["windows", *place] = ("final", cells.total(), labelled.total(), len(support), balanced)
        for c in {p for p, _ in cells} | {a for a in support if a is not None}:
            everything = sum(n for (p, _), n in cells.items() if p == c)
            wanted["classes", *place, c] = ("final", hits.get(c, 0), support[c], predicted[c], everything)
        wanted |= {("confusion", *place, a, p): (n,) for (p, a), n in labelled.items()}
    seen: dict[tuple[object, ...], tuple[object, ...]] = {}
    for (stream, _), row in rows.items():
        if stream in RECOUNTED and says_something(row):
            found, numbers = _numbers(stream, row)
            seen[stream, *found] = numbers
    for key in sorted(wanted.keys() | seen.keys(), key=str):
        one, other = seen.get(key), wanted.get(key)
        same = one is not None and other is not None and all(map(_equal, one, other))
        if not same:
            raise SimulationError(f"row {key}: {one}, but the recount says {other}")


def _numbers(stream: str, row: Row) -> tuple[tuple[object, ...], tuple[object, ...]]:
    place = tuple(row[f] for f in ("model", "model_version", "segment", "window", "window_start"))
    if stream == "windows":
        fields = ("status", "predictions", "labelled", "classes_with_support", "balanced_accuracy")
        return place, tuple(row[f] for f in fields)
    if stream == "classes":
        fields = ("status", "tp", "support", "predicted", "predictions_of_class")
        return (*place, row["class"]), tuple(row[f] for f in fields)
    return (*place, row["actual"], row["predicted"]), (row["count"],)


def _equal(one: Any, other: Any) -> bool:
    return isclose(one, other) if isinstance(one, float) and isinstance(other, float) else bool(one == other)


def says_something(row: Row) -> bool:
    """Whether a row says more than: there is nothing here any more."""
    return any(row.get(field) for field in ("predictions", "count", "predictions_of_class", "support"))


def without_time(key: RowKey, row: Row) -> Row:
    """A row without what depends on when things came. A cell's row has the status of its last change."""
    hidden = KEPT_BY_TIME | {"status"} if key[0] == "confusion" else KEPT_BY_TIME
    return {name: value for name, value in row.items() if name not in hidden}
