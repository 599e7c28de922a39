"""The judge against a plain recount, and against itself under other cuts, chunks, repeats and zombies.

Each example is a seed: it makes the ledger partitions, and another makes the log they are told in.
"""

from collections import Counter
from math import isclose
from random import Random
from typing import TYPE_CHECKING, Any

import jsonschema
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.ledger.times import rfc3339
from streams.quality.rows import SCHEMAS, Stream
from streams.quality.spec import QualitySpec
from tests.support.judged import (
    SPECS,
    Counts,
    Rows,
    judge_all,
    newest,
    random_histories,
    records,
    recount,
)
from tests.support.schemas import schema

if TYPE_CHECKING:
    from streams.quality.rows import OutputRow

SEEDS = st.integers(0, 1 << 32)
KEPT_BY_TIME = {"revision", "watermark"}


def counted(row: dict[str, Any]) -> bool:
    """Whether a row says more than: there is nothing here any more."""
    return any(row.get(field) for field in ("predictions", "count", "predictions_of_class", "support"))


def assert_equal_to_recount(spec: QualitySpec, rows: Rows, expected: Counts) -> None:
    seen: dict[str, set[Any]] = {"windows": set(), "classes": set(), "confusion": set()}
    wanted: dict[str, set[Any]] = {"windows": set(), "classes": set(), "confusion": set()}
    ends = {w.name: w.size_ms for w in spec.windows}
    for (model, version, segment, window, start), (cells, corrected) in expected.items():
        place = (model, version, segment, window, rfc3339(start), rfc3339(start + ends[window]))
        labelled = Counter({k: n for k, n in cells.items() if k[1] is not None})
        hits = {p: n for (p, a), n in cells.items() if a == p}
        supports = Counter[str]()
        for (_, a), n in labelled.items():
            supports[str(a)] += n
        recalls = [hits.get(a, 0) / m for a, m in supports.items()]
        balanced = sum(recalls) / len(recalls) if recalls else None
        wanted["windows"].add((*place, cells.total(), labelled.total(), corrected, len(supports), balanced))
        for c in {p for p, _ in cells} | set(supports):
            predicted = sum(n for (p, _), n in labelled.items() if p == c)
            everything = sum(n for (p, _), n in cells.items() if p == c)
            wanted["classes"].add((*place, c, hits.get(c, 0), predicted, supports[c], everything))
        wanted["confusion"] |= {(*place, a, p, n) for (p, a), n in labelled.items()}
    for (stream, _), row in rows.items():
        if not counted(row):
            continue
        names = ("model", "model_version", "segment", "window", "window_start", "window_end")
        place = tuple(row[x] for x in names)
        if stream == "windows":
            numbers = (row["predictions"], row["labelled"], row["corrected"], row["classes_with_support"])
            balanced = row["balanced_accuracy"]
            near = [w for w in wanted["windows"] if w[:-1] == (*place, *numbers)]
            if near and balanced is not None and isclose(near[0][-1], balanced, rel_tol=1e-12):
                balanced = near[0][-1]
            seen["windows"].add((*place, *numbers, balanced))
        elif stream == "classes":
            counts = (row["tp"], row["predicted"], row["support"], row["predictions_of_class"])
            seen["classes"].add((*place, row["class"], *counts))
            assert (row["fp"], row["fn"]) == (row["predicted"] - row["tp"], row["support"] - row["tp"])
        elif stream == "confusion":
            seen["confusion"].add((*place, row["actual"], row["predicted"], row["count"]))
    assert seen == wanted


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, finish=st.booleans())
def test_every_row_is_what_a_recount_finds(spec: QualitySpec, seed: int, *, finish: bool) -> None:
    rng = Random(seed)
    histories = random_histories(rng, spec, 25, finish=finish)
    rows = newest(row for rows in judge_all(spec, records(rng, histories)) for row in rows)
    assert_equal_to_recount(spec, rows, recount(spec, histories))


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, one=SEEDS, other=SEEDS)
@example(seed=119, one=0, other=1)  # `other` lost the corrections of a value without predictions a round too late
def test_cuts_chunks_repeats_and_zombies_do_not_show_in_final_rows(
    spec: QualitySpec, seed: int, one: int, other: int
) -> None:
    def final(order: int) -> dict[Any, dict[str, Any]]:
        histories = random_histories(Random(seed), spec, 20, finish=True)
        log = records(Random(order), histories, writers=3)
        rows = newest(row for rows in judge_all(spec, log) for row in rows)
        # A cell's row is written when the cell changes, so its status is the one at that time.
        hidden = KEPT_BY_TIME | {"status"}
        return {
            key: {k: v for k, v in row.items() if k not in (hidden if key[0] == "confusion" else KEPT_BY_TIME)}
            for key, row in rows.items()
            if counted(row) and key[0] != "drift"  # what detectors find depends on what was known, and when
        }

    first = final(one)
    assert first == final(other)
    assert all(row["status"] == "final" for (stream, _), row in first.items() if stream != "confusion")


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_the_same_log_gives_the_same_bytes(seed: int) -> None:
    spec = SPECS[3]
    log = records(Random(seed), random_histories(Random(seed), spec, 20, finish=True))
    judged = (judge_all(spec, log, 7) for _ in range(2))
    one, two = (orjson.dumps([tuple(row) for rows in each for row in rows]) for each in judged)
    assert one == two


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_every_row_is_as_the_schema_says_and_grows_in_revision(spec: QualitySpec, seed: int) -> None:
    rng = Random(seed)
    log = records(rng, random_histories(rng, spec, 20, finish=True))
    validators = {stream: jsonschema.Draft202012Validator(schema(name_of(stream))) for stream in Stream}
    last: dict[tuple[str, str], OutputRow] = {}
    for offset, rows in enumerate(judge_all(spec, log)):
        assert len({(row.stream, row.key) for row in rows}) == len(rows)
        for row in rows:
            value = orjson.loads(orjson.dumps(row.value))
            validators[Stream(row.stream)].validate(value)
            assert list(value) == list(schema_fields(row.stream))
            assert value["revision"] == offset
            assert row.key.startswith(value["metric_key"])
            before = last.get((row.stream, row.key))
            if before is not None:
                # A window row also says that its classes changed, at times with the same sums.
                assert row.stream == "windows" or unequal(before.value, value), "nothing new"
                assert before.value["status"] != "final"
            last[row.stream, row.key] = row


def name_of(stream: str) -> str:
    """What the schema of a stream is called."""
    return SCHEMAS[Stream(stream)].split(".")[1]


def schema_fields(stream: str) -> list[str]:
    """The fields of a row in the order the contract gives them."""
    required: list[str] = schema(name_of(stream))["required"]
    return required


def unequal(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """Whether two rows differ in more than the round they were written in."""
    return any(one[k] != two[k] for k in one if k not in KEPT_BY_TIME)
