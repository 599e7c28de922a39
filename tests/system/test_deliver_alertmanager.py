"""A real Alertmanager is told of alerts, is killed, comes back, and notifies of each firing and each end once."""

import queue
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.alerts.telling.rows import Entry, Fate
from streams.alerts.telling.told import Kind, Reason, Telling, batches_of, firing_id, resolved_id
from streams.runtime.deliver.credentials import receiver_of
from streams.runtime.deliver.mailbox import Mailbox, Timing
from streams.runtime.deliver.present import Present
from streams.runtime.deliver.receivers.call import Resolved, Watchdog
from streams.runtime.kafka.client import SILENCE
from streams.runtime.telemetry import Telemetry
from tests.support.alertmanager import SHIPPED, RealAlertmanager
from tests.support.debian_packages import MissingPackageError, binary, home, required
from tests.support.receiver import LoopbackReceiver
from tests.support.workers import wait_for

pytestmark = pytest.mark.system

RESEND_MS = 1_000


class Told:
    """An Alertmanager, who it notifies, and the mailbox that tells it."""

    def __init__(self, alertmanager: RealAlertmanager, hook: LoopbackReceiver) -> None:
        self.alertmanager, self.hook = alertmanager, hook
        self.finished: queue.SimpleQueue[Entry] = queue.SimpleQueue()
        self.failures: list[BaseException] = []
        resolved = Resolved("am", "alertmanager", alertmanager.url, None, rate=6_000, attempts=100, watchdog=True)
        self.mailbox = Mailbox(
            Watchdog("job"), resolved, receiver_of(resolved, RESEND_MS, "job"), Present(60_000),
            Timing(5.0, RESEND_MS / 1000),
            finished=lambda _, entry: self.finished.put(entry), fail=self.failures.append, telemetry=Telemetry(),
            log=SILENCE,
        )  # fmt: skip
        self.mailbox.start()
        self.t = int(time.time() * 1000) - 600_000

    def tell(self, telling: Telling) -> None:
        """Put it in the mailbox, and wait until it was taken."""
        for batch in batches_of("am", [telling], telling.t, telling.t):
            self.mailbox.put(0, batch)
            assert self.finished.get(timeout=30).fate == Fate.SENT

    def fires(self, cls: str, severity: str = "ticket", was: str | None = None) -> None:
        reason = Reason.FIRST if was is None else Reason.ESCALATED
        self.tell(
            Telling(
                firing_id(cls, self.t, "am", severity, 0), Kind.FIRING, reason, cls, "recall", "slo", self.labels(cls),
                self.t, severity, 0, self.t + 1_000, self.t, was=was,
            )
        )  # fmt: skip

    def ends(self, cls: str, severity: str = "ticket") -> None:
        self.tell(
            Telling(
                resolved_id(cls, self.t, "am"), Kind.RESOLVED, "recovered", cls, "recall", "slo", self.labels(cls),
                self.t, severity, 0, self.t + 2_000, self.t, self.t + 2_000,
            )
        )  # fmt: skip

    def labels(self, cls: str) -> tuple[tuple[str, str], ...]:
        return (("class", cls), ("model", "fraud"), ("version", "42"))

    def notified(self) -> Counter[tuple[str, str, str]]:
        """How often each class was notified of, by severity and status."""
        found = [alert for got in self.hook.got for alert in got.json["alerts"] if "class" in alert["labels"]]
        return Counter((a["labels"]["class"], a["labels"]["severity"], a["status"]) for a in found)

    def inhibited(self) -> dict[tuple[str, str], bool]:
        alerts = [a for a in self.alertmanager.alerts() if "class" in a["labels"]]
        return {(a["labels"]["class"], a["labels"]["severity"]): bool(a["status"]["inhibitedBy"]) for a in alerts}


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    try:
        binary("alertmanager")
    except MissingPackageError as missing:
        if required():
            pytest.fail(f"this test needs Debian's Alertmanager: {missing}")
        pytest.skip(f"no Alertmanager here: {missing}")
    with LoopbackReceiver() as hook, RealAlertmanager(tmp_path, hook.url) as alertmanager:
        made = Told(alertmanager, hook)
        try:
            yield made
        finally:
            made.mailbox.stop()
            made.mailbox.join(10)
        assert made.failures == []


@pytest.mark.usefixtures("told")
def test_the_shipped_configuration_is_one() -> None:
    command = [str(binary("amtool")), "check-config", str(SHIPPED)]
    done = subprocess.run(command, capture_output=True, check=False, cwd=home("amtool"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_firing_and_each_end_is_notified_once_also_when_alertmanager_is_killed(told: Told) -> None:
    told.fires("a")
    wait_for(lambda: told.notified()["a", "ticket", "firing"], "it notifies that it fires")
    moment_s = time.time()
    wait_for(lambda: told.alertmanager.noted_since(moment_s), "it noted that it did")
    told.alertmanager.kill()
    told.alertmanager.start()
    wait_for(lambda: ("a", "ticket") in told.inhibited(), "it is told again after its restart")
    told.ends("a")
    wait_for(lambda: told.notified()["a", "ticket", "resolved"], "it notifies of the end")
    assert told.notified() == {("a", "ticket", "firing"): 1, ("a", "ticket", "resolved"): 1}


def test_an_alert_that_is_told_again_and_again_does_not_time_out(told: Told) -> None:
    told.fires("a")
    told.fires("b")
    began_s = time.monotonic()
    told.ends("b")
    wait_for(lambda: time.monotonic() - began_s > 6 * RESEND_MS / 1000, "it would have timed out", 30)
    assert told.notified()["a", "ticket", "resolved"] == 0
    assert ("a", "ticket") in told.inhibited()


def test_an_escalation_begins_a_page_and_its_end_is_that_of_the_ticket(told: Told) -> None:
    told.fires("a")
    wait_for(lambda: told.notified()["a", "ticket", "firing"], "it notifies of the ticket")
    told.fires("a", "page", was="ticket")
    wait_for(lambda: told.notified()["a", "page", "firing"], "it notifies of the page")
    told.ends("a", "page")
    wait_for(lambda: told.notified()["a", "page", "resolved"], "the page is over")
    wait_for(lambda: told.notified()["a", "ticket", "resolved"], "the ticket is over, too")
    assert set(told.notified().values()) == {1}
    assert len(told.notified()) == 4


def test_the_watchdog_rings_where_the_deliverer_leads(told: Told) -> None:
    told.mailbox.leads = True
    wait_for(
        lambda: any(a["labels"]["alertname"] == "QualityWatchdog" for got in told.hook.got for a in got.json["alerts"]),
        "the watchdog is notified",
    )
