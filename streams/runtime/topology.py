"""The topics of a job as this worker knows them: their ids, their sizes, and that they stay the same.

The job's own topics are made or checked at the start; the raw topics are the team's and must be there. Ids are
looked at again every minute: a topic that was deleted and made again has another id, and what was known of the old
one must not be mixed with it.
"""

from streams.ledger.position import SourceId
from streams.runtime.config.job import Config
from streams.runtime.config.values import Start
from streams.runtime.errors import StateError, StreamsError, TopicError
from streams.runtime.kafka.client import Log, TopicPartitionKey
from streams.runtime.kafka.topics import Topics
from streams.runtime.topic_plans import own_plans

_JUST_MADE_S = 2.0
"""How long a topic may be unknown to the broker that answers although somebody has just made it."""

_GONE_S = 60.0
"""How long a topic must be unknown to whichever broker answers, until it is deleted: a job ends then."""


class Topology:
    """What a worker knows of the topics. `prepare` first; safe to read from any thread afterwards."""

    def __init__(self, config: Config, *, log: Log, wait_s: float = 15.0) -> None:
        """`wait_s` bounds how long a broker may take to answer."""
        self._config, self._log = config, log
        self._topics = Topics(config.client, wait_s)
        self._raw = [s.topic for s in (*config.prediction_sources, *config.label_sources)]
        self._own = [plan.name for plan in own_plans(config)]
        self._ids: dict[str, str] = {}
        self._announced: tuple[SourceId, ...] = ()

    def prepare(self) -> None:
        """Make the job's own topics where they are missing, check all, learn ids and sizes."""
        states = self._topics.described(self._raw, _JUST_MADE_S)
        missing = [name for name in self._raw if not states[name].exists]
        if missing:
            raise TopicError(
                f"there is no topic {', '.join(missing)} on {self._config.client['bootstrap.servers']}. The job reads "
                f"topics that exist already: correct the name in {self._config.file}, or create it and start again"
            )
        self._topics.ensure(own_plans(self._config), create=self._config.create_topics)
        self._learn(_GONE_S)

    def look(self) -> None:
        """Learn ids and sizes without making anything: for commands beside a running job."""
        self._learn(_JUST_MADE_S)

    def refresh(self) -> None:
        """Look at the topics again; a silent broker is waited for elsewhere.

        Raises StateError when a topic was deleted or made again.
        """
        try:
            self._learn(_GONE_S, check=True)
        except StateError:
            raise
        except StreamsError as error:
            self._log.info("the topics could not be looked at; trying again in a minute", reason=str(error))

    def topic_id(self, topic: str) -> str:
        """The id of one life of a topic."""
        return self._ids[topic]

    def announced(self) -> tuple[SourceId, ...]:
        """All partitions of all raw topics."""
        return self._announced

    def start_offset(self, tp: TopicPartitionKey, start: Start) -> int:
        """Where a source begins that nobody has read: resolved once, then committed."""
        if start == "earliest":
            return self._topics.low_watermarks([tp])[tp]
        if start == "latest":
            return self._topics.end_offsets([tp])[tp]
        return self._topics.offsets_at([tp], start)[tp]

    def check_not_truncated(self, tp: TopicPartitionKey, offset: int) -> None:
        """Raise StateError when a partition ends below what was read of it."""
        end = self._topics.end_offsets([tp])[tp]
        if end < offset:
            raise StateError(
                f"{tp[0]}[{tp[1]}] ends at offset {end}, but it was read up to {offset}: its log was truncated. "
                f"Restore it; or, if those records are gone for good, delete the topic and make it again, so that it "
                f"is a new source, and take the old one out with `streams sources --retire`"
            )

    def end_positions(self) -> dict[SourceId, int]:
        """The end offset of every source at this moment."""
        tps = {(s.topic, s.partition): s for s in self._announced}
        return {tps[tp]: end for tp, end in self._topics.end_offsets(tps).items()}

    def _learn(self, patience_s: float, *, check: bool = False) -> None:
        states = self._topics.described([*self._raw, *self._own], patience_s)
        for name, state in states.items():
            if not state.exists:
                raise StateError(
                    f"topic {name} was deleted while the job ran. Restore it, or start a job with a new `name`"
                )
            if check and state.topic_id != self._ids[name]:
                raw = name in self._raw
                raise StateError(
                    f"topic {name} was deleted and made again while the job ran. "
                    + (
                        "Start the worker again: it reads the new one from its start as a new source; take the old one "
                        "out with `streams sources --retire`"
                        if raw
                        else "What it held is gone: give the job a new `name` and `prefix` to count from the start"
                    )
                )
        self._ids = {name: state.topic_id for name, state in states.items()}
        self._announced = tuple(
            SourceId(name, p, self._ids[name]) for name in self._raw for p in range(states[name].partitions)
        )
