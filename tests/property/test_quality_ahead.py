"""Verdicts depend on each ledger partition's own order, not on how the flushes of several of them fell into rounds.

Partitions flush wherever the join flushes at once, and at any other place, in any interleaving.
"""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.quality.rows import Stream
from streams.quality.spec import QualitySpec
from tests.support.judged import ALL_ONLY, LONG, judge_all, random_histories, records, spec_of

SEEDS = st.integers(0, 1 << 32)
OF_THE_ROUND = {"revision", "watermark", "status"}
SPECS = (
    spec_of("2m", ledger_partitions=2, settings=ALL_ONLY),
    spec_of("3m", "4m/2m", ledger_partitions=3, models=(("m2", LONG),), settings=ALL_ONLY),
    spec_of("3m", ledger_partitions=2),
    spec_of("4m", ledger_partitions=2, max_segment_values=1),
)


def verdicts(log: list[bytes], spec: QualitySpec) -> dict[str, dict[str, Any]]:
    """What detectors said under each key, which they say once."""
    drift = [row for rows in judge_all(spec, log) for row in rows if row.stream == Stream.DRIFT]
    assert max(Counter(row.key for row in drift).values(), default=1) == 1
    return {row.key: {k: v for k, v in row.value.items() if k not in OF_THE_ROUND} for row in drift}


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, one=SEEDS, other=SEEDS)
def test_verdicts_are_the_same_in_any_cuts_and_interleaving(spec: QualitySpec, seed: int, one: int, other: int) -> None:
    def found(order: int) -> dict[str, dict[str, Any]]:
        histories = random_histories(Random(seed), spec, 20, finish=True)
        return verdicts(records(Random(order), histories, 3, crossings_of=spec), spec)

    assert found(one) == found(other)
