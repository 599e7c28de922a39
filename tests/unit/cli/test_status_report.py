"""What `streams status` concludes from statuses, audits and ends."""

from typing import Any

import pytest

from streams.cli.status import as_dict
from streams.cli.status_report import JobReport, report
from streams.ledger.audit import Audit
from streams.ledger.position import start
from streams.runtime.kafka.groups import Group, Member
from streams.runtime.state import PartitionStatus, SourceStatus

NOW = 1_700_000_000_000
HOUR = 3_600_000
HISTORY = "at its end, and not live: a history is ended with `streams advance --to TIME`"


def source(
    applied: int | None = 100, clock_ms: int | None = NOW, *, live: bool | None = True, why: str = ""
) -> SourceStatus:
    position = None if applied is None else start(applied)
    return SourceStatus(position, clock_ms, live, False, why)  # noqa: FBT003 - idle


def status(
    partition: int = 0,
    *,
    age_s: float = 1,
    watermark_ms: int | None = NOW - HOUR,
    waiting: tuple[int, ...] = (),
    worker: str = "w1",
    **sources: SourceStatus,
) -> PartitionStatus:
    named = {f"{name}/0@id": s for name, s in (sources or {"p": source(), "l": source()}).items()}
    written_ms = NOW - round(age_s * 1000)
    return PartitionStatus(partition, worker, 7, watermark_ms, 3, 4, 500, waiting, written_ms, named)


def audit(**changes: int) -> dict[str, Any]:
    names = [name for name in Audit.__dataclass_fields__ if name != "watermark_ms"]
    counts = dict.fromkeys(names, 0) | {
        "predictions_received": 5,
        "predictions_counted": 5,
        "predictions_waiting": 5,
    }
    _, row = Audit(**(counts | changes), watermark_ms=0).row()
    return row


def of(
    *statuses: PartitionStatus,
    ends: dict[str, int] | None = None,
    audits: dict[str, dict[str, Any]] | None = None,
    partitions: int = 1,
    groups: list[Group] | None = None,
) -> JobReport:
    ends = {"p/0@id": 100, "l/0@id": 100} if ends is None else ends
    return report(
        statuses, ends, {"0": audit()} if audits is None else audits, groups, partitions=partitions, now_ms=NOW
    )


def test_a_job_that_has_read_everything_runs_and_says_how_far_its_time_is() -> None:
    found = of(status())
    assert found.ok
    assert found.headline == "running (1 worker), everything is read; the watermark is 1h ago"


def test_a_job_without_any_status_does_not_run() -> None:
    found = of()
    assert not found.ok
    assert found.headline.startswith("not running: no worker has ever written a status")
    assert [s.why for s in found.sources] == ["not in the ledger yet"] * 2


def test_a_job_that_nobody_writes_for_does_not_run() -> None:
    found = of(status(age_s=95), status(1, age_s=100), partitions=2)
    assert not found.ok
    assert found.headline == "not running: no worker has written for 95s"


@pytest.mark.parametrize(("age_s", "ok"), [(14.9, True), (15.1, False)])
def test_a_partition_is_silent_after_a_quarter_of_a_minute(age_s: float, ok: bool) -> None:
    found = of(status(), status(1, age_s=age_s), partitions=2)
    assert found.ok is ok
    assert ok or "nobody writes for ledger partitions 1;" in found.headline


def test_a_partition_that_never_wrote_is_missing() -> None:
    found = of(status(), partitions=3)
    assert not found.ok
    assert found.missing == (1, 2)
    assert "nobody writes for ledger partitions 1, 2;" in found.headline


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"predictions_received": 6}, "predictions received 6 but 5 told of"),
        ({"predictions_waiting": 4}, "predictions counted 5 but 4 told of"),
        ({"labels_received": 3, "labels_late": 2}, "labels received 3 but 2 told of"),
    ],
)
def test_an_audit_that_does_not_balance_is_the_headline_with_its_numbers(changes: dict[str, int], words: str) -> None:
    found = of(status(age_s=99), audits={"0": audit(**changes)})
    assert not found.ok
    assert found.headline == f"WRONG: the audit of ledger partition 0 does not balance: {words}"
    assert as_dict(found)["partitions"][0]["imbalance"] == words  # type: ignore[index]


def test_lag_is_to_the_end_of_now_from_the_least_of_all_ledger_partitions() -> None:
    found = of(
        status(p=source(5_000), l=source()), status(1, p=source(4_000), l=source()),
        ends={"p/0@id": 6_000, "l/0@id": 100}, partitions=2,
    )  # fmt: skip
    assert {s.name: s.lag for s in found.sources} == {"l/0@id": 0, "p/0@id": 2_000}
    assert found.ok
    assert found.headline == "running (1 worker), 2,000 records behind"


def test_a_source_that_nobody_reads_holds_time_back_by_name() -> None:
    why = "never read: no worker owns it, or it is not in reach"
    found = of(status(watermark_ms=None, p=source(None, None, live=None, why=why), l=source()))
    assert found.ok
    assert found.headline == f"running (1 worker), but time is held back by p/0: {why}"


def test_a_history_waits_for_an_advance() -> None:
    old = source(clock_ms=NOW - HOUR, live=False, why=HISTORY)
    found = of(status(watermark_ms=NOW - HOUR, p=old, l=source(live=False)))
    assert found.headline == f"running (1 worker), everything is read; time is held back by p/0: {HISTORY}"


def test_a_history_that_was_ended_holds_nothing_back() -> None:
    old = source(clock_ms=NOW - 3 * HOUR, live=False, why=HISTORY)
    found = of(status(watermark_ms=NOW - HOUR, p=old, l=source(clock_ms=NOW - 2 * HOUR, live=False)))
    assert [s.why for s in found.sources] == ["", ""]
    assert "the history was ended, event time is 2023-11-14T21:13:20.000Z" in found.headline


def test_an_advance_that_waits_is_said() -> None:
    assert "an `advance` waits" in of(status(waiting=(NOW,))).headline


def test_a_retired_source_holds_nothing_back_and_stays_listed() -> None:
    found = of(status(p=source(None, None, live=None, why="retired"), l=source()), ends={"l/0@id": 100})
    assert found.headline.endswith("the watermark is 1h ago")
    assert [(s.name, s.end, s.lag, s.why) for s in found.sources][1] == ("p/0@id", None, None, "retired")


def test_workers_and_groups_are_told_with_what_they_have() -> None:
    groups = [Group("q-join", "stable", (Member("rdkafka", "/10.0.0.1", (("ledger", 0),)),))]
    found = of(status(worker="b"), status(1, worker="a"), status(2, worker="b"), partitions=3, groups=groups)
    assert found.workers == {"a": (1,), "b": (0, 2)}
    assert found.headline.startswith("running (2 workers)")
    assert as_dict(found)["groups"] == [{"group": "q-join", "state": "stable", "members": 1}]
