"""Who is to be told what, now? A fold over the rows of alerts of one partition, and over what was told before.

A decision is a function of the present states, of what was told, and of the wall clock; it is made at the ends of
steps and again whenever the clock asks. Whatever is decided counts as told at once: the caller writes it to the log of
tellings before it sends it, and after a crash `adopt`s that log, so nothing is decided twice. While the newest step of
a model settled longer ago than `max_age_ms` nobody is told of the model.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from streams.alerts.rules.model import DAY, HOUR, MINUTE, Match
from streams.alerts.telling import notices
from streams.alerts.telling.decision import is_for, told_firing, told_resolved
from streams.alerts.telling.model_alerts import ModelAlerts, Step
from streams.alerts.telling.muting import Muting
from streams.alerts.telling.redrive import REDRIVE, Standing, redriven, standing
from streams.alerts.telling.rows import Entry
from streams.alerts.telling.stall import STALLED, stall_state
from streams.alerts.telling.state import ALERT, MUTE, PULSE, State, ms_of, state_of
from streams.alerts.telling.told import Batch, Kind, Telling, ToldBook, batches_of

TICK_MS = 10_000
"""How often mutes by the wall clock are looked at, at most."""


REMEMBERED_MS = 7 * DAY
"""Of a model that never catches up: for how long the position waits for what nobody was told of."""


class Timing(NamedTuple):
    """When tellings are repeated, too old, or missing; ms. Repeats go by event time, ages by the wall clock."""

    repeat_ms: int = 4 * HOUR
    max_age_ms: int = 2 * HOUR
    stall_ms: int = 15 * MINUTE


class Address(NamedTuple):
    """A receiver as far as deciding goes: its name, and which alerts it wants."""

    name: str
    match: Match = ()


_NO_RUNBOOKS: Mapping[str, str | None] = {}


class Planner:
    """The fold. Not safe for several threads.

    `began_ms`: when telling began (wall clock), None where others told of this partition before. What was too old to
    be told by then was not missed by anybody. `runbooks` are the addresses for what is told of no rule, by its name.
    """

    def __init__(
        self,
        addresses: tuple[Address, ...],
        timing: Timing,
        began_ms: int | None = None,
        runbooks: Mapping[str, str | None] = _NO_RUNBOOKS,
    ) -> None:
        self._addresses, self._timing, self._runbooks = addresses, timing, runbooks
        self._since_ms = 0 if began_ms is None else began_ms - timing.max_age_ms
        self._models: dict[str, ModelAlerts] = {}
        self._of_fingerprint: dict[str, str] = {}  # model
        self._missing: set[str] = set()  # models of which somebody missed something
        self._muting = Muting()
        self._ticked_ms: int | None = None
        self.told = ToldBook()
        self.watermark = 0  # the newest time at which something settled, ms of event time
        self.passed_over = 0  # rows of schemas that this version does not know

    def misses(self, now_ms: int) -> bool:
        """Whether episodes of the last week wait for a summary: rows since the first are needed after a crash."""
        since_ms = now_ms - REMEMBERED_MS
        missed = (state for model in self._missing for state in self._models[model].missed.values())
        return any(state.settled_at > since_ms for state in missed)

    def adopt(self, batch: Batch) -> None:
        """A batch out of the log of tellings: it was decided before."""
        self.told.take(batch)

    def recall(self, key: str, row: Mapping[str, Any] | None) -> None:
        """A row before the position: it makes up the present, and nothing is told of it."""
        for _ in self._fold(key, row, now_ms=0, recalled=True):
            pass

    def take(self, key: str, row: Mapping[str, Any] | None, now_ms: int) -> list[Batch]:
        """A row of the alerts topic, None for a tombstone; what is told because of it. `now_ms` is the wall clock."""
        batches: list[Batch] = []
        for model in self._fold(key, row, now_ms, recalled=False):
            batches += self._plan(model, now_ms)
        return batches

    def tick(self, now_ms: int) -> list[Batch]:
        """What is told because time went on by the wall clock: at first of the present, then where mutes go by it."""
        due = self._muting.by_wall and now_ms - (self._ticked_ms or 0) >= TICK_MS
        if self._ticked_ms is not None and not due:
            return []
        self._ticked_ms = now_ms
        return [batch for model in sorted(self._models) for batch in self._plan(model, now_ms)]

    def watch(self, job: str, watermark: int, now_ms: int) -> list[Batch]:
        """Whether the whole job stands still; `watermark` is the newest of all partitions. By the wall clock alone."""
        open_told = [self.told.get(a.name, fp) for a in self._addresses for fp in self.told.open_of("")]
        episode = max((told.episode for told in open_told if told is not None and not told.over), default=None)
        state = stall_state(job, watermark, now_ms, self._timing.stall_ms, episode, self._runbooks.get(STALLED))
        alerts = self._alerts(state)
        alerts.put(state, missable=False)
        alerts.end_step(Step(now_ms, now_ms))
        return self._plan(state.model, now_ms)

    def redrive(self, letter: Entry, now_ms: int) -> list[Entry]:
        """What is written instead of a dead letter that is to be sent again: see `telling/redrive.py`."""
        return redriven(letter, lambda telling: self._standing(letter.batch, telling, now_ms), now_ms)

    def _standing(self, batch: Batch, telling: Telling, now_ms: int) -> Standing:
        if batch.receiver not in {address.name for address in self._addresses}:
            return Standing.UNKNOWN
        alerts = self._models.get(dict(telling.labels).get("model", ""), ModelAlerts())
        state, told = alerts.states.get(telling.fingerprint), self.told.get(batch.receiver, telling.fingerprint)
        if telling.rule == STALLED and state is None and telling.kind == Kind.FIRING:
            return Standing.BEHIND  # nobody has looked yet whether the job stands still
        how = standing(batch, telling, told, state, now_ms)
        if how != Standing.TRUE or telling.kind != Kind.FIRING or state is None:
            return how
        if alerts.step is None or not self._is_live(alerts.step.settled_at, now_ms):
            return Standing.BEHIND
        if state.replaced:
            return Standing.REPLACED
        return Standing.MUTED if state.muted or self._muting.covers(state, now_ms) else how

    # ------------------------------------------------------------------ folding

    def _fold(self, key: str, row: Mapping[str, Any] | None, now_ms: int, *, recalled: bool) -> Iterator[str]:
        """Bring a row into the states; the models of which a step ended by it, while they are as of its end."""
        if row is None:
            model = self._of_fingerprint.pop(key, None)
            if model is not None:
                self._models[model].drop(key)
            self._muting.drop(key)
            return
        schema = row.get("schema")
        if schema == ALERT:
            state = state_of(row)
            alerts = self._alerts(state)
            if alerts.closes(state.t):
                alerts.end_step()
                yield state.model
            self.watermark = max(self.watermark, state.settled_at)
            known = recalled or state.settled_at < self._since_ms or self._muting.covers(state, now_ms)
            alerts.put(state, missable=not known)
            if alerts.missed:
                self._missing.add(state.model)
        elif schema == PULSE:
            step = Step(ms_of(row["t"]), ms_of(row["settled_at"]))
            self.watermark = max(self.watermark, step.settled_at)
            self._models.setdefault(row["model"], ModelAlerts()).end_step(step)
            yield row["model"]
        elif schema == MUTE:
            self._muting.put(key, row)
        elif schema != REDRIVE:
            self.passed_over += 1

    def _alerts(self, state: State) -> ModelAlerts:
        self._of_fingerprint[state.fingerprint] = state.model
        return self._models.setdefault(state.model, ModelAlerts())

    def _is_live(self, settled_at: int, now_ms: int) -> bool:
        return now_ms - settled_at <= self._timing.max_age_ms

    # ------------------------------------------------------------------ deciding

    def _plan(self, model: str, now_ms: int) -> list[Batch]:
        alerts = self._models[model]
        open_told = self.told.open_of(model)
        if not (alerts.active or alerts.missed or open_told):
            return []
        step = alerts.step
        if step is None or not alerts.between_steps or not self._is_live(step.settled_at, now_ms):
            return []
        fingerprints = sorted(alerts.active | open_told)
        covered = {fp for fp in alerts.active if self._muting.covers(alerts.states[fp], now_ms)}
        batches: list[Batch] = []
        for address in self._addresses:
            tellings = [
                telling
                for fp in fingerprints
                for telling in self._of_alert(address, fp, alerts.states.get(fp), step, muted=fp in covered)
            ]
            tellings += self._notices(address, model, alerts, step, now_ms)
            batches += batches_of(address.name, tellings, step.t, now_ms)
        for batch in batches:
            self.told.take(batch)
        alerts.missed, alerts.missed_more = {}, 0
        self._missing.discard(model)
        return batches

    def _of_alert(
        self, address: Address, fingerprint: str, state: State | None, step: Step, *, muted: bool
    ) -> Iterator[Telling]:
        """That an old episode is over, then that a new one fires."""
        told = self.told.get(address.name, fingerprint)
        over = told_resolved(address.name, state, told, step)
        if over is not None:
            yield over
        if state is not None:
            firing = told_firing(
                address.name, state, told, step, muted=muted or state.muted, wanted=is_for(address.match, state),
                repeat_ms=self._timing.repeat_ms,
            )  # fmt: skip
            if firing is not None:
                yield firing

    def _notices(self, address: Address, model: str, alerts: ModelAlerts, step: Step, now_ms: int) -> Iterator[Telling]:
        missed = [state for state in alerts.missed.values() if is_for(address.match, state)]
        missed = [state for state in missed if not self._was_told(address, state)]
        book = self._runbooks.get(notices.MISSED_RULE)
        found = [notices.missed(address.name, model, missed, alerts.missed_more, step, book)] if missed else []
        active = [alerts.states[fp] for fp in sorted(alerts.active) if is_for(address.match, alerts.states[fp])]
        endings = self._muting.ending(active, step.t, now_ms)
        book = self._runbooks.get(notices.MUTE_RULE)
        found += [notices.mute_ends(address.name, model, ending, step, book) for ending in endings]
        yield from (telling for telling in found if not self.told.noticed(telling.id))

    def _was_told(self, address: Address, state: State) -> bool:
        told = self.told.get(address.name, state.fingerprint)
        return told is not None and told.episode >= state.episode
