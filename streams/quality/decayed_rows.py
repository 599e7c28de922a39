"""The rows of decayed windows: a half-life instead of an edge. Told when the watermark passes their end, until settled.

Every bucket of a window has a weight, a whole number, so that what is told is the same in any order. A decayed window
has a window row for all predictions and for the largest values of each dimension, and nothing else: it overlaps the
ones before it, so that nothing is judged by it.
"""

from collections.abc import Iterator
from heapq import nsmallest

from streams.quality.aged import NOT_TOLD
from streams.quality.counts.buckets import Bucket
from streams.quality.counts.names import Line
from streams.quality.counts.table import Table
from streams.quality.measures.decayed import WEIGHT_ONE, DecayedClass, decayed_measures
from streams.quality.rows import ALL, VIEW, OutputRow, RowWriter
from streams.quality.spec import QualitySpec, WindowSpec

Weighted = list[tuple[int, Table]]
"""Tables of one segment and their weights."""


def decayed_rows(
    writer: RowWriter,
    window: WindowSpec,
    end_ms: int,
    buckets: dict[int, Bucket],
    spec: QualitySpec,
    line: Line,
    told: dict[tuple[str, str], set[int]],
) -> list[OutputRow]:
    """The rows of a decayed window that ends there; `buckets` by their start.

    `told` are the (view, segment) that had a row before: where nothing is left, their rows say so. It is brought up to
    date.
    """
    weighted = []
    for start in range(end_ms - window.size_ms, end_ms, window.bucket_ms):
        bucket = buckets.get(start)
        if bucket is not None:
            half_lives = (end_ms - window.bucket_ms - start) / window.half_life_ms
            weighted.append((round(WEIGHT_ONE * 2.0**-half_lives), bucket))
    segments = [(ALL, [(w, bucket.every) for w, bucket in weighted])]
    for d, dimension in enumerate(spec.dimensions):
        segments += [(f"{dimension}={value}", tables) for value, tables in _largest(weighted, d, spec)]
    named = {segment for segment, _ in segments}
    segments += [(segment, []) for _, segment in sorted(told) if segment not in named]
    rows = []
    for segment, tables in segments:
        predictions = sum(w * table.margins.predictions for w, table in tables)
        if _rounded(predictions) or (VIEW, segment) in told:
            told[VIEW, segment] = set()
            writer.turn_to(segment)
            labelled, corrected = (
                sum(w * getattr(table.margins, what) for w, table in tables) for what in ("labelled", "corrected")
            )
            known = window.is_of_details(spec.detail_ms)
            totals = (_rounded(predictions), _rounded(labelled), _rounded(corrected) if known else None)
            measures = decayed_measures(_classes(tables), predictions, spec.min_support)
            rows.append(writer.measured(totals, measures, line.classes_expected, *NOT_TOLD))
    return rows


def _largest(weighted: list[tuple[int, Bucket]], d: int, spec: QualitySpec) -> Iterator[tuple[str, Weighted]]:
    """The values of a dimension with the greatest weight, by name, as many as are told."""
    values: dict[str, Weighted] = {}
    for w, bucket in weighted:
        for value, table in bucket.values[d].items():
            values.setdefault(value, []).append((w, table))

    def weight(value: str) -> tuple[int, str]:
        return -sum(w * table.margins.predictions for w, table in values[value]), value

    for value in sorted(nsmallest(spec.max_segment_values, values, key=weight)):
        yield value, values[value]


def _classes(tables: Weighted) -> list[DecayedClass]:
    sums: dict[int, list[int]] = {}
    for w, table in tables:
        for cls, m in table.margins.support.items():
            mine = sums.setdefault(cls, [0, 0, 0])
            mine[0] += w * table.margins.hits.get(cls, 0)
            mine[1] += w * m
            mine[2] += w * w * m
    return [DecayedClass(*each) for each in sums.values()]


def _rounded(weight: int) -> int:
    return (weight + WEIGHT_ONE // 2) // WEIGHT_ONE
