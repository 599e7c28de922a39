"""How a mailbox sends: in order in a group, again until it is taken, past a group that has to wait, not for ever."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from streams.alerts.telling.rows import Entry, Fate
from streams.alerts.telling.told import Batch, Kind, Telling, batches_of
from streams.runtime.deliver.credentials import receiver_of
from streams.runtime.deliver.mailbox import Mailbox, Timing
from streams.runtime.deliver.present import Present
from streams.runtime.deliver.receivers.call import Resolved, Watchdog
from streams.runtime.telemetry import Telemetry
from tests.support.receiver import Answer, Got, LoopbackReceiver
from tests.support.workers import Journal, wait_for

NOW = 1_767_225_600_000


class Post:
    """A mailbox, and what it said of batches."""

    def __init__(
        self, hook: LoopbackReceiver, kind: Any = "webhook", attempts: int = 30, timeout_s: float = 5.0
    ) -> None:
        self.finished: queue.SimpleQueue[Entry] = queue.SimpleQueue()
        self.failures: list[BaseException] = []
        self.telemetry, self.journal = Telemetry(), Journal()
        resolved = Resolved("r", kind, hook.url, "a-key", rate=6_000, attempts=attempts)
        self.mailbox = Mailbox(
            Watchdog("job"), resolved, receiver_of(resolved, 60_000, "job"), Present(60_000), Timing(timeout_s, 3_600),
            finished=lambda _, entry: self.finished.put(entry), fail=self.failures.append, telemetry=self.telemetry,
            log=self.journal,
        )  # fmt: skip

    def next(self) -> Entry:
        return self.finished.get(timeout=30)


@contextmanager
def post(hook: LoopbackReceiver, **options: Any) -> Iterator[Post]:
    made = Post(hook, **options)
    made.mailbox.start()
    try:
        yield made
    finally:
        made.mailbox.stop()
        made.mailbox.join(10)
    assert made.failures == []


def batch(name: str, model: str = "fraud", count: int = 1) -> Batch:
    tellings = [
        Telling(f"{name}{n}", Kind.FIRING, "first", f"{name}{n}", "recall", "slo", (("model", model),), NOW, "page", 0,
                NOW, NOW)
        for n in range(count)
    ]  # fmt: skip
    [made] = batches_of("r", tellings, NOW, NOW)
    return made


def failing(times: int, status: int = 503, when: Callable[[Got], bool] = lambda _: True) -> Callable[[Got], Answer]:
    """An answer that fails so many times where `when` holds."""
    left, lock = [times], threading.Lock()

    def answer(got: Got) -> Answer:
        with lock:
            if when(got) and left[0] > 0:
                left[0] -= 1
                return status, {}
        return 200, {}

    return answer


def names(hook: LoopbackReceiver) -> list[str]:
    return [told["telling_id"] for told in hook.tellings()]


def test_batches_of_a_group_arrive_in_order_although_the_first_has_to_wait() -> None:
    with LoopbackReceiver(failing(1)) as hook, post(hook) as made:
        batches = [batch(name) for name in "abc"]
        for one in batches:
            made.mailbox.put(0, one)
        assert [made.next().batch for _ in batches] == batches
        assert names(hook) == ["a0", "b0", "c0"]
        first, again = hook.got[:2]
        assert first.headers["idempotency-key"] == again.headers["idempotency-key"]
        assert made.mailbox.pending() == (0, 0.0)


def test_a_group_that_has_to_wait_holds_up_no_other() -> None:
    def of_fraud(got: Got) -> bool:
        return bool(got.json["group"]["model"] == "fraud")

    with LoopbackReceiver(failing(10**9, when=of_fraud)) as hook, post(hook) as made:
        made.mailbox.put(0, batch("a"))
        for name in "bcd":
            made.mailbox.put(0, batch(name, "churn"))
        assert [made.next().batch.tellings[0].id for _ in "bcd"] == ["b0", "c0", "d0"]
        assert made.mailbox.pending()[0] == 1


def test_what_is_refused_is_dead_at_once_and_the_next_goes() -> None:
    with LoopbackReceiver(failing(1, 400)) as hook, post(hook) as made:
        made.mailbox.put(0, batch("a"))
        made.mailbox.put(0, batch("b"))
        dead, sent = made.next(), made.next()
        assert (dead.fate, dead.attempts, dead.error) == (Fate.DEAD, 1, "it answered 400")
        assert (sent.fate, sent.attempts, sent.error) == (Fate.SENT, 1, None)
        assert made.journal.count("a telling is a dead letter") == 1
        page = made.telemetry.page().decode()
        assert 'quality_notifications_total{outcome="dead",receiver="r"} 1.0' in page
        assert 'quality_notifications_total{outcome="taken",receiver="r"} 1.0' in page


def test_what_is_not_taken_in_so_many_tries_is_dead() -> None:
    with LoopbackReceiver(failing(10**9)) as hook, post(hook, attempts=2) as made:
        made.mailbox.put(0, batch("a"))
        entry = made.next()
        assert (entry.fate, entry.attempts, entry.error) == (Fate.DEAD, 2, "it answered 503")
        assert len(hook.got) == 2


def test_a_receiver_that_does_not_answer_is_tried_again() -> None:
    gate = threading.Event()

    def slow(_: Got) -> Answer:
        gate.wait(20)
        return 200, {}

    with LoopbackReceiver(slow) as hook, LoopbackReceiver() as other:
        try:
            with post(hook, attempts=1, timeout_s=0.2) as made, post(other) as quick:
                made.mailbox.put(0, batch("a"))
                quick.mailbox.put(0, batch("b"))
                assert quick.next().fate == Fate.SENT  # another one is not held up
                assert made.next().error == "no answer (ReadTimeout)"
        finally:
            gate.set()


def test_requests_of_a_batch_that_were_taken_are_not_sent_again() -> None:
    seen: list[str] = []

    def second_fails(got: Got) -> bool:
        seen.append(got.json["dedup_key"])
        return len(seen) == 2

    with LoopbackReceiver(failing(1, when=second_fails)) as hook, post(hook, kind="pagerduty") as made:
        made.mailbox.put(0, batch("a", count=3))
        assert made.next().fate == Fate.SENT
        assert [key.partition("-")[0] for key in seen] == ["a0", "a1", "a1", "a2"]


def test_a_partition_that_goes_away_takes_its_batches_along() -> None:
    with LoopbackReceiver(failing(10**9)) as hook, post(hook) as made:
        made.mailbox.put(0, batch("a"))
        wait_for(lambda: hook.got, "it is tried")
        made.mailbox.forget(0)
        made.mailbox.put(1, batch("b", "churn"))
        wait_for(lambda: len(hook.got) > 1, "the other one is tried")
        assert made.mailbox.pending()[0] == 1
