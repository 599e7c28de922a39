"""One test alert for one receiver, and its end: does the way to it work? Nothing is kept of it."""

from typing import NamedTuple

import httpx

from streams.alerts.instance import fingerprint, labels_of
from streams.alerts.rules.model import Severity
from streams.alerts.telling.told import Kind, Reason, Telling, batches_of, firing_id, resolved_id
from streams.runtime.clock import wall_ms
from streams.runtime.config.job import Config
from streams.runtime.deliver.answers import Meaning, meaning_of
from streams.runtime.deliver.credentials import receiver_of
from streams.runtime.deliver.receivers.call import Resolved

RULE = "QualityDeliveryTest"


class Said(NamedTuple):
    """Whether everything was taken, and one sentence."""

    taken: bool
    said: str


def try_out(config: Config, receiver: Resolved) -> Said:
    """Send the test alert and its end, once, and say what came of it."""
    now_ms = wall_ms()
    labels = labels_of(job=config.name)
    known = fingerprint(RULE, labels)
    firing = Telling(
        firing_id(known, now_ms, receiver.name, Severity.TICKET.value, 0), Kind.FIRING, Reason.TEST, known, RULE,
        "test", labels, now_ms, Severity.TICKET.value, 0, now_ms, now_ms, summary="a test; nothing is wrong",
    )  # fmt: skip
    resolved = Telling(
        resolved_id(known, now_ms, receiver.name), Kind.RESOLVED, Reason.TEST, known, RULE, "test", labels, now_ms,
        Severity.TICKET.value, 0, now_ms, now_ms, now_ms, summary="a test; nothing is wrong",
    )  # fmt: skip
    words = receiver_of(receiver, config.deliver.resend_ms, config.name)
    with httpx.Client(timeout=config.deliver.timeout_ms / 1000) as client:
        for telling in (firing, resolved):
            for batch in batches_of(receiver.name, [telling], now_ms, now_ms):
                for call in words.calls(batch, wall_ms()):
                    try:
                        answer = client.post(call.url, content=call.body, headers=dict(call.headers))
                    except httpx.HTTPError as error:
                        return Said(taken=False, said=f"no answer ({type(error).__name__})")
                    if meaning_of(answer.status_code) != Meaning.TAKEN:
                        return Said(taken=False, said=f"it answered {answer.status_code} to the {telling.kind} alert")
    return Said(taken=True, said="it took a test alert and its end")
