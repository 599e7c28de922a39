"""Each inhibition rule that is shipped, in a real Alertmanager: what it hides, and what it must not hide."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import httpx
import orjson
import pytest

from streams.alerts.telling.told import Kind, Reason, Telling, batches_of
from streams.ledger.times import rfc3339
from streams.runtime.clock import wall_ms
from streams.runtime.deliver.credentials import receiver_of
from streams.runtime.deliver.receivers.call import Resolved
from tests.support.alertmanager import RealAlertmanager
from tests.support.debian_packages import MissingPackageError, binary, required
from tests.support.workers import wait_for

pytestmark = pytest.mark.system

NOBODY = "http://127.0.0.1:9/"
HOUR_MS = 3_600_000
FRAUD = {"model": "fraud"}
Alerts = Mapping[str, Mapping[str, Any]]
"""Alerts as Alertmanager takes them, by a name of the test."""


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAlertmanager]:
    try:
        binary("alertmanager")
    except MissingPackageError as missing:
        if required():
            pytest.fail(f"this test needs Debian's Alertmanager: {missing}")
        pytest.skip(f"no Alertmanager here: {missing}")
    with RealAlertmanager(tmp_path_factory.mktemp("alertmanager"), NOBODY) as running:
        yield running


JOBS = count()


@pytest.fixture
def job() -> str:
    """A job of the test's own, so that its alerts inhibit nothing of another test."""
    return f"job-{next(JOBS)}"


def of_prometheus(alertname: str, severity: str, **labels: str) -> dict[str, Any]:
    """An alert as Prometheus sends it."""
    now_ms = wall_ms()
    told = {"alertname": alertname, "severity": severity, **labels}
    return {"labels": told, "startsAt": rfc3339(now_ms), "endsAt": rfc3339(now_ms + HOUR_MS)}


def of_deliverer(
    job: str, rule: str, severity: str, fingerprint: str, labels: Mapping[str, str], kind: Kind = Kind.FIRING
) -> dict[str, Any]:
    """An alert as `streams deliver` sends it."""
    now_ms = wall_ms()
    telling = Telling(
        f"{fingerprint}-{severity}", kind, Reason.FIRST, fingerprint, rule, "slo",
        tuple(sorted(labels.items())),
        now_ms, severity, 0, now_ms, now_ms,
    )  # fmt: skip
    words = receiver_of(Resolved("am", "alertmanager", NOBODY, None), HOUR_MS, job)
    [batch] = batches_of("am", [telling], now_ms, now_ms)
    [call] = words.calls(batch, now_ms)
    [alert] = orjson.loads(call.body)
    found: dict[str, Any] = alert
    return found


def hidden(alertmanager: RealAlertmanager, alerts: Alerts, expected: Sequence[str]) -> None:
    """Post alerts, and fail unless exactly the expected ones are inhibited."""
    with httpx.Client(timeout=5, trust_env=False) as client:
        client.post(f"{alertmanager.url}/api/v2/alerts", json=list(alerts.values())).raise_for_status()

    def found() -> tuple[list[str], list[str]]:
        known = {frozenset(one["labels"].items()): bool(one["status"]["inhibitedBy"]) for one in alertmanager.alerts()}
        by_name = {name: known.get(frozenset(alert["labels"].items())) for name, alert in alerts.items()}
        return [n for n, is_hidden in by_name.items() if is_hidden], [
            n for n, known in by_name.items() if known is None
        ]

    wait_for(lambda: found()[1] == [] and set(found()[0]) >= set(expected), "it has all alerts, and hides some")
    assert found()[0] == list(expected)


def test_a_page_hides_the_ticket_that_it_was_and_no_other(alertmanager: RealAlertmanager, job: str) -> None:
    of_class = {"model": "fraud", "version": "42", "class": "chargeback"}
    germany, france = {**of_class, "segment.country": "DE"}, {**of_class, "segment.country": "FR"}
    seen = {"job": job, "rule": "recall", **of_class}
    hidden(
        alertmanager,
        {
            "page of Germany": of_deliverer(job, "recall", "page", "f-de", germany),
            "ticket that it was": of_deliverer(job, "recall", "ticket", "f-de", germany),
            "ticket of France": of_deliverer(job, "recall", "ticket", "f-fr", france),
            "ticket of another job": of_deliverer(f"{job}-b", "recall", "ticket", "f-de", germany),
            "ticket of another rule": of_deliverer(job, "precision", "ticket", "f-pr", germany),
            "seen page of Germany": of_prometheus("QualityErrorBudgetBurn", "page", segment="country=DE", **seen),
            "seen ticket that it was": of_prometheus("QualityErrorBudgetBurn", "ticket", segment="country=DE", **seen),
            "seen ticket of France": of_prometheus("QualityErrorBudgetBurn", "ticket", segment="country=FR", **seen),
            "seen ticket of a week": of_prometheus("QualityErrorBudgetBurn", "ticket", window="7d", **seen),
        },
        ["ticket that it was", "seen ticket that it was"],
    )


def test_a_broken_join_hides_what_is_said_of_models_of_its_job(alertmanager: RealAlertmanager, job: str) -> None:
    fraud = {"model": "fraud", "version": "42"}
    other = f"{job}-b"
    hidden(
        alertmanager,
        {
            "join": of_prometheus("QualityLabelJoinBroken", "page", inhibits="quality", job=job),
            "page of a class": of_deliverer(job, "recall", "page", "f-1", {**fraud, "class": "spam"}),
            "ticket of a model": of_prometheus("QualityBalancedAccuracyLow", "ticket", job=job, **fraud),
            "page of another job": of_deliverer(other, "recall", "page", "f-2", fraud),
            "ticket of another job": of_prometheus("QualityBalancedAccuracyLow", "ticket", job=other, **fraud),
            "another broken join": of_prometheus("QualityLabelJoinBroken", "page", inhibits="quality", job=f"{job}-c"),
            "late labels": of_prometheus("QualityLabelsLate", "ticket", job=job, model="fraud"),
            "a judge": of_prometheus("QualityJudgeStuck", "page", job=job, model="fraud"),
            "a mute": of_prometheus("QualityMutedAlertFiring", "ticket", job=job, rule="recall", **fraud),
            "what was missed": of_deliverer(job, "QualityEpisodesMissed", "ticket", "t-1", FRAUD, Kind.NOTICE),
            "nobody to tell": of_prometheus("QualityDelivererDown", "page"),
            "the pipeline": of_prometheus("QualityPipelineStalled", "page", job=job),
        },
        ["page of a class", "ticket of a model"],
    )


def test_a_version_that_fails_as_a_whole_hides_its_classes(alertmanager: RealAlertmanager, job: str) -> None:
    version = {"job": job, "rule": "recall", "model": "fraud", "version": "42"}
    of_class = {"class": "spam", "segment": "country=DE"}
    hidden(
        alertmanager,
        {
            "version": of_prometheus("QualityModelVersionDegraded", "page", inhibits="members", **version),
            "class": of_prometheus("QualityErrorBudgetBurn", "page", **version, **of_class),
            "class by a threshold": of_prometheus("QualityAlertActive", "page", **version, **of_class),
            "all classes": of_prometheus("QualityAlertActive", "ticket", **version),
            "another version": of_prometheus(
                "QualityErrorBudgetBurn", "page", **{**version, "version": "41"}, **of_class
            ),
            "another rule": of_prometheus(
                "QualityErrorBudgetBurn", "page", **{**version, "rule": "precision"}, **of_class
            ),
            "another job": of_prometheus(
                "QualityErrorBudgetBurn", "page", **{**version, "job": f"{job}-b"}, **of_class
            ),
            "no data": of_prometheus("QualityNoData", "ticket", **version, **of_class),
            "a mute": of_prometheus("QualityMutedAlertFiring", "ticket", **version, **of_class),
        },
        ["class", "class by a threshold"],
    )


def test_a_job_that_stands_hides_that_its_mutes_end(alertmanager: RealAlertmanager, job: str) -> None:
    ends = {"model": "fraud", "mute": "reindex"}
    hidden(
        alertmanager,
        {
            "stall": of_deliverer(job, "QualityPipelineStalled", "page", "stall", {}),
            "mute": of_deliverer(job, "QualityMuteEnds", "ticket", "t-1", ends, Kind.NOTICE),
            "mute of another job": of_deliverer(f"{job}-b", "QualityMuteEnds", "ticket", "t-1", ends, Kind.NOTICE),
            "page": of_deliverer(job, "recall", "page", "f-1", {"model": "fraud", "version": "42"}),
        },
        ["mute"],
    )


def test_two_gaps_within_the_hour_are_two_notices(alertmanager: RealAlertmanager, job: str) -> None:
    gaps = [of_deliverer(job, "QualityEpisodesMissed", "ticket", f"t-{n}", FRAUD, Kind.NOTICE) for n in (1, 2)]
    hidden(alertmanager, {f"gap {n}": gap for n, gap in enumerate(gaps)}, [])
    assert sum(one["labels"].get("job") == job for one in alertmanager.alerts()) == 2
