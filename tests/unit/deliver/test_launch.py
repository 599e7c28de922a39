"""What was decided for a receiver that this deliverer does not have is a dead letter, and that is said."""

from typing import cast

from streams.alerts.telling.planner import Planner, Timing
from streams.alerts.telling.rows import Fate
from streams.alerts.telling.told import Kind, Telling, batches_of
from streams.runtime.config.job import parse
from streams.runtime.deliver.deliverer import NO_RECEIVER, Deliverer
from streams.runtime.deliver.part import Part
from streams.runtime.kafka.transactions import RoundProducer
from tests.support.workers import Journal

NOW = 1_767_225_600_000


def test_it_is_written_counted_and_told() -> None:
    telling = Telling("id", Kind.FIRING, "first", "fp", "recall", "slo", (("model", "m"),), NOW, "page", 0, NOW, NOW)
    [batch] = batches_of("gone", [telling], NOW, NOW)
    journal = Journal()
    deliverer = Deliverer(parse("", "job.toml", {}), (), log=journal)
    part = Part(0, Planner((), Timing()), cast("RoundProducer", None), due=[batch])
    deliverer._launch(part)
    [entry] = part.outcomes
    assert (entry.batch, entry.fate, entry.error) == (batch, Fate.DEAD, NO_RECEIVER)
    [(event, fields)] = journal.events
    assert (event, fields["receiver"], fields["why"]) == ("a telling is a dead letter", "gone", NO_RECEIVER)
    page = deliverer.telemetry.page().decode()
    assert 'quality_notifications_total{outcome="dead",receiver="gone"} 1.0' in page
