"""Writing down what was decided, with the position, before it is sent; and reading a partition back.

One transaction has both, under a transactional id of the partition: a deliverer that lost it cannot write any more.
"""

from streams.alerts.telling.planner import Address, Planner, Timing
from streams.alerts.telling.rows import Fate
from streams.alerts.telling.told import Batch
from streams.runtime.clock import wall_ms
from streams.runtime.config.job import Config
from streams.runtime.deliver.note import difference, note_of, read_note
from streams.runtime.deliver.part import Part, read_back
from streams.runtime.deliver.runbooks import runbooks_of
from streams.runtime.deliver.topics import Found
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
    """The two logs of every partition. `note` is what stands beside the positions of this deliverer."""

    def __init__(
        self, config: Config, name: str, found: Found, addresses: tuple[Address, ...], *, embedded: bool, log: Log
    ) -> None:
        self._config, self._name, self._addresses, self._embedded, self._log = config, name, addresses, embedded, log
        deliver = config.deliver
        self._timing = Timing(deliver.repeat_interval_ms, deliver.max_notify_age_ms, stall_ms(config))
        self._alerts, self._tellings = config.topic("alerts"), config.topic("tellings")
        self._runbooks = runbooks_of(config)
        self.note, self.partitions = note_of(found.alerts_id, config.receivers), found.partitions

    def load(self, source: Source, number: int, upto: int | None = None) -> Part:
        """Shut out whoever told of a partition before, then read back what it wrote; see `read_back`."""
        transactional_id, name = f"{self._config.name}-deliver-{number}", f"{self._name}-{number}"
        client, fenced = self._config.client, not self._embedded
        producer = round_producer(name, transactional_id, client, fenced=fenced, log=self._log)
        producer.init()
        committed = source.committed([(self._alerts, number)])[self._alerts, number]
        before = read_note(committed[1]) if committed is not None else None
        known = committed is not None and before is not None and before.alerts_id == self.note.alerts_id
        offset = committed[0] if committed is not None and known else None
        planner = Planner(self._addresses, self._timing, wall_ms() if offset is None else None, self._runbooks)
        part = read_back(self._config, number, planner, producer, offset, upto, wall_ms)
        differs = difference(self.note, before) if before is not None else None
        if differs is not None:
            self._log.info(
                "the deliverer before told other receivers; who is new is told of what is active",
                partition=number, only_before=differs.only_there, only_now=differs.only_here,
            )  # fmt: skip
        if before != self.note:
            part.kept = -1  # whom this deliverer tells is to be known at once
        return part

    def write(self, source: Source, part: Part) -> list[Batch]:
        """Write what was decided and what arrived, with the position; what may be sent now.

        Nothing is written of a partition that was given up meanwhile. Raises FencedError when another deliverer shut
        this one out although the partition is its own.
        """
        key = (self._alerts, part.number)
        offsets, records = {key: (part.commit, self.note.text)}, part.records(self._tellings)
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
        for entry in part.outcomes:
            if entry.fate == Fate.WITHDRAWN:
                self._log.info(
                    "a dead letter is withdrawn", receiver=entry.batch.receiver, why=entry.error, batch=entry.batch.id
                )
        return part.written()
