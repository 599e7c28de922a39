"""Writing down what was decided, with the position, before it is sent; and reading a partition back.

One transaction has both, under a transactional id of the partition: a deliverer that lost it cannot write any more.
"""

from streams.alerts.telling.planner import Address, Timing
from streams.alerts.telling.told import Batch
from streams.runtime.clock import wall_ms
from streams.runtime.config.job import Config
from streams.runtime.deliver.part import Part, look_at_topics, read_back
from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.client import Log
from streams.runtime.kafka.source import Source
from streams.runtime.kafka.transactions import FencedError, round_producer


def stall_ms(config: Config) -> int:
    """How old the newest pulse is when the job stands still: older than it ever is in a job that runs.

    Pulses are a step apart, and the watermark of a running job lies behind the wall clock by the disorder that is
    waited for, and by the time after which a silent source is idle.
    """
    usual_ms = config.ledger.max_disorder_ms + config.ledger.idle_after_ms + config.alerts.rules.step_ms
    return usual_ms + config.deliver.stall_for_ms


class TellingsLog:
    """The two logs of every partition. `partitions` is how many there are. Raises TopicError when one is wrong."""

    def __init__(self, config: Config, name: str, addresses: tuple[Address, ...], *, embedded: bool, log: Log) -> None:
        self._config, self._name, self._addresses, self._embedded, self._log = config, name, addresses, embedded, log
        deliver = config.deliver
        self._timing = Timing(deliver.repeat_interval_ms, deliver.max_notify_age_ms, stall_ms(config))
        self._alerts, self._tellings = config.topic("alerts"), config.topic("tellings")
        self._note, self.partitions = look_at_topics(config)

    def load(self, source: Source, number: int, upto: int | None = None) -> Part:
        """Shut out whoever told of a partition before, then read back what it wrote; see `read_back`."""
        transactional_id, name = f"{self._config.name}-deliver-{number}", f"{self._name}-{number}"
        client, fenced = self._config.client, not self._embedded
        producer = round_producer(name, transactional_id, client, fenced=fenced, log=self._log)
        producer.init()
        committed = source.committed([(self._alerts, number)])[self._alerts, number]
        offset = committed[0] if committed is not None and committed[1] == self._note else None
        return read_back(self._config, number, self._addresses, self._timing, producer, offset, upto, wall_ms)

    def write(self, source: Source, part: Part) -> list[Batch]:
        """Write what was decided and what arrived, with the position; what may be sent now.

        Nothing is written of a partition that was given up meanwhile. Raises FencedError when another deliverer shut
        this one out although the partition is its own.
        """
        key = (self._alerts, part.number)
        offsets, records = {key: (part.commit, self._note)}, part.records(self._tellings)
        if records and part.ready:
            try:
                part.producer.commit_round(records, offsets, source.group_metadata, owner=lambda: part.ready)
            except (FencedError, UnavailableError):
                if part.ready:
                    raise
        if not part.ready:
            return []
        if part.commit != part.kept and (self._embedded or not records):
            source.commit(offsets)
        part.kept = part.commit
        return part.written()
