"""Which alerts of one model are told, and which are spoken for: mutes, rollups and inhibition at each step."""

from collections.abc import Callable, Mapping

from streams.alerts.evidence.series import Series
from streams.alerts.grouping import groups, inhibitions, is_refuted, judge_rollup, muted_by_members, note_members
from streams.alerts.instance import Instance, labels_of
from streams.alerts.mutes import excluded, in_force, mutes_at
from streams.alerts.rules.model import Mute
from streams.alerts.watching.roster import Roster
from streams.alerts.watching.said import Said, identity
from streams.alerts.watching.wanted import Asked


class Grouped:
    """Looks at the alerts of a model together, after each was judged."""

    def __init__(self, model: str, asked: Asked, roster: Roster) -> None:
        self._model, self._asked, self._roster = model, asked, roster
        self._mutes = in_force(asked.mutes, ())
        self._excluding = False
        self._inhibited: Mapping[str, tuple[str, ...]] = {}
        self.set_mutes(())

    def set_mutes(self, added: tuple[Mute, ...]) -> None:
        """The mutes that were added while the job runs, besides those of the rules."""
        self._mutes = in_force(self._asked.mutes, added)
        self._excluding = any(mute.budget == "exclude" for mute in self._mutes)

    def rollups(self, classes: Callable[[], int]) -> list[Said]:
        """What rollups say after their members were judged; `classes` counts those of the model."""
        said = []
        for rollup in self._asked.rollups:
            members = [*self._roster.of(rollup.of).values(), *self._roster.of(rollup.name).values()]
            for group in groups(rollup, members):
                judgement = judge_rollup(rollup, group, classes())
                one = self._roster.of(rollup.name).get(group.labels)
                refuted = is_refuted(rollup, one, group)
                said.append(Said("rollup", rollup.name, group.labels, judgement, rollup.about, refuted))
        return said

    def look(self, t: int) -> None:
        """Find out who speaks for whom, once everything was judged at the step that ends at t."""
        active = self._roster.active()
        for rollup in self._asked.rollups:
            members = self._roster.of(rollup.of).values()
            for one in self._roster.of(rollup.name).values():
                note_members(one, members)
                one.member_mutes = muted_by_members(rollup, one, members, lambda member: self._by_mutes(member, t))
        self._inhibited = (
            inhibitions(active, self._asked.rollups, self._asked.inhibiting, lambda one: bool(self._by_mutes(one, t)))
            if len(active) > 1
            else {}
        )

    def muted(self, one: Instance, t: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the mutes of an alert at a step, and fingerprints of those that speak for it."""
        return self._by_mutes(one, t), self._inhibited.get(one.fingerprint, ())

    def _by_mutes(self, one: Instance, t: int) -> tuple[str, ...]:
        """Names of the mutes that cover an alert, and of a rollup those that take too many of its members away."""
        own = mutes_at(self._mutes, one.rule, one.labels, t) if self._mutes else ()
        return tuple(sorted({*own, *one.member_mutes})) if one.member_mutes else own

    def muted_retrains(self, t: int) -> frozenset[str]:
        """The rules about retraining that a mute covers at a step."""
        labels = labels_of(model=self._model)
        names = (retrain.name for retrain in self._asked.retrains)
        return frozenset(name for name in names if mutes_at(self._mutes, name, labels, t))

    def excluded(self, series: Series, start_ms: int, end_ms: int) -> bool:
        """Whether a step of a series counts in no budget: a mute that means all of the series says so."""
        if not self._excluding:
            return False
        return excluded(self._mutes, "", identity(series.model, series.version, series.segment), start_ms, end_ms)
