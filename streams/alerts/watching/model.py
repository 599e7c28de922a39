"""The alerts of one model: step by step, every rule is asked, every alert moves on, and rows say what changed."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

from streams.alerts.evidence.book import ModelBook
from streams.alerts.evidence.series import Series
from streams.alerts.instance import Ending, Instance, Phase
from streams.alerts.rows import ALERTS, Context, pulse_row
from streams.alerts.rules.model import About, Mute, Rollup, Rule, RuleSet, Slo
from streams.alerts.watching.asking import Asking
from streams.alerts.watching.found import dump_found, load_found
from streams.alerts.watching.grouped import Grouped
from streams.alerts.watching.roster import Roster
from streams.alerts.watching.said import Said
from streams.alerts.watching.service import Service
from streams.alerts.watching.standing import Standing
from streams.alerts.watching.waking import as_old_as
from streams.alerts.watching.wanted import Asked
from streams.ledger.spec import NO_TIME
from streams.quality.counts.names import Names
from streams.quality.listener import Settled
from streams.quality.rows import OutputRow


class ModelWatch:
    """Everything that is remembered of one model. A step is judged once, in the order of time."""

    def __init__(self, model: str, rules: RuleSet, dimensions: tuple[str, ...], since_ms: int = NO_TIME) -> None:
        """`dimensions` are the job's, in the order of `Names`; of what lies before `since_ms` nothing is counted."""
        asked = Asked(rules, model)
        self.model, self.rules = model, rules
        self.book = ModelBook(model, asked.windows(), asked.dimensions(dimensions), since_ms)
        self.roster = Roster()
        self._dimensions = dimensions
        self._service = Service(self.book)
        self._asking = Asking(asked, self.book, self.roster, self._service)
        self._grouped = Grouped(self.model, asked, self.roster)
        self._added: tuple[Mute, ...] = ()
        self._found: list[Settled] = []
        self._judged = NO_TIME  # the end of the newest step; where rules brought longer ones it is above the book's
        self._end_ms: int | None = None

    def settled(self, window: Settled) -> None:
        """A window was judged; the step it ends in is judged next or in this round."""
        self._found.append(window)

    def set_mutes(self, added: tuple[Mute, ...]) -> None:
        """The mutes that people added, from the next step on."""
        self._added = added
        self._grouped.set_mutes(added)

    def set_rules(self, rules: RuleSet) -> list[OutputRow]:
        """Other rules from the next step on; alerts of rules that are gone end."""
        asked = Asked(rules, self.model)
        if rules.step_ms != self.rules.step_ms:
            self.book.t = max(self.book.t, self._judged)  # no step is judged again
        before, now = _meanings(self.rules), _meanings(rules)
        self.roster.alter(name for name, rule in before.items() if now.get(name) != rule)
        self.rules = rules
        self.book.rewindow(asked.windows(), asked.dimensions(self._dimensions), self._dimensions)
        kept = self._asking.dump()
        self._asking = Asking(asked, self.book, self.roster, self._service)
        self._grouped = Grouped(self.model, asked, self.roster)
        self._asking.load(kept)
        self._grouped.set_mutes(self._added)
        gone = self.roster.others(asked.is_of)
        active = [one for one in gone if one.phase is not Phase.INACTIVE]
        self.roster.close(active, self._judged, Ending.RULE_REMOVED)
        rows = self._tell(self._judged, self._judged) if active else []
        self.roster.drop(gone)
        return rows

    def advance(
        self, settled_ms: int, settle_ms: int, names: Names, pane_ms: int, end_ms: int | None = None
    ) -> Iterator[list[OutputRow]]:
        """Judge every step that ends at or before `settled_ms`; the rows of each.

        `end_ms`: where a history ends. That nothing comes after it is no silence, and retires no version.
        """
        self._end_ms = end_ms
        step_ms = self.book.windows.step_ms
        last = settled_ms // step_ms * step_ms
        if not self._begun(last, pane_ms):
            return
        began = self.book.t
        while self.book.t + step_ms <= last:
            if self.book.idle and not self.roster.active():
                # nothing is there to be judged until the first step with a count
                first = self.book.first_step(pane_ms)
                ahead = last if first is None else min(last, first - step_ms)
                if ahead > self.book.t:
                    self.book.begin(ahead)
                    continue
            yield self._step(settle_ms, names, pane_ms)
        self._judged = max(self._judged, self.book.t)
        if self.book.t > began:
            settled = self.book.t + settle_ms
            counts = {**self.roster.counts(), "left_out": len(self.book.left_out)}
            pulse = pulse_row(self.model, self.book.t, settled, counts, self.rules.hash)
            yield [OutputRow(ALERTS, f"pulse|{self.model}", pulse)]

    def trained(self, request: str, became: str) -> None:
        """The trainer says what became of a request to retrain."""
        self._asking.trained(request, became)

    def standing(self) -> Iterator[Standing]:
        """How error budgets stand at the newest step."""
        return self._asking.standing()

    def dump(self) -> dict[str, object]:
        """Everything but the rules, of plain values; for `load`."""
        return {
            "book": self.book.dump(),
            "roster": self.roster.dump(),
            "asking": self._asking.dump(),
            "found": dump_found(self._found),
            "left": self._service.dump(),
            "judged": self._judged,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Fill an empty one with what `dump` gave. Raises ValueError when it is damaged."""
        self.book.load(state["book"])
        self.roster.load(state["roster"])
        self._asking.load(state["asking"])
        self._found = load_found(state["found"])
        self._service.load(state.get("left", ()))  # there was none once
        self._judged = state["judged"]

    def _begun(self, last: int, pane_ms: int) -> bool:
        """Whether there is a first step: that of the first prediction, or none yet."""
        if self.book.t != NO_TIME:
            return True
        first = self.book.first_step(pane_ms)
        if first is None or first > last:
            return False
        self.book.begin(first - self.book.windows.step_ms)
        return True

    def _step(self, settle_ms: int, names: Names, pane_ms: int) -> list[OutputRow]:
        t, step_ms = self.book.t + self.book.windows.step_ms, self.book.windows.step_ms
        self.book.apply(t + settle_ms, names, pane_ms)
        self.book.step(lambda series: self._grouped.excluded(series, t - step_ms, t))
        self._service.look(t)
        over = self._end_ms is not None and t > self._end_ms
        if not over:
            self._retire(t)
        found = [window for window in self._found if window.end_ms <= t]
        self._found = [window for window in self._found if window.end_ms > t]
        for said in self._asking.judge(t, settle_ms, found, over=over):
            self._take(said, t, settle_ms)
        for said in self._grouped.rollups(self._classes):
            self._take(said, t, settle_ms)
        for said, ending in self._asking.retrain(t, self._grouped.muted_retrains(t)):
            self.roster.take(said, t, step_ms)
            if ending is not None:
                self.roster.close([self.roster.of(said.rule)[said.labels]], t, ending)
        self.roster.hold_the_silent(t, step_ms)
        return [*self._asking.take_rows(), *self._tell(t, t + settle_ms)]

    def _take(self, said: Said, t: int, settle_ms: int) -> None:
        if self._service.is_out(dict(said.labels).get("version")):
            return
        judgement = as_old_as(said.judgement, settle_ms, self.rules.max_page_age_ms)
        self.roster.take(said._replace(judgement=judgement), t, self.book.windows.step_ms)

    def _classes(self) -> int:
        """How many classes the model has, by what is still counted of it."""
        counted = [hour for _, series in self._versions() for hour in series.ring.hours.values()]
        return int(np.any([hour.any(axis=1) for hour in counted], axis=0).sum()) if counted else 0

    def _tell(self, t: int, settled_at: int) -> list[OutputRow]:
        context = Context(self.rules.hash, settled_at)
        self._grouped.look(t)
        return self.roster.tell(
            t, context, self.rules.heartbeat_ms, lambda one: self._grouped.muted(one, t),
            lambda one: self._service.is_replaced(_version(one)),
        )  # fmt: skip

    def _retire(self, t: int) -> None:
        """The alerts of a version that another one took over from end; one without predictions for long is gone."""
        for version in self._service.leave(t, self.rules.replaced_after_ms):
            self._close(version, t)
        for version, series in list(self._versions()):
            if t - max(series.last_ms, series.began_ms) >= self.rules.retire_after_ms:
                self.book.retire(version)
                self._close(version, t)

    def _close(self, version: str, t: int) -> None:
        gone = [one for one in self.roster.active() if _version(one) == version]
        self.roster.close(gone, t, Ending.VERSION_RETIRED)

    def _versions(self) -> Iterator[tuple[str, Series]]:
        for (version, dimension, _), series in self.book.series.items():
            if not dimension:
                yield version, series


def _version(one: Instance) -> str:
    return dict(one.labels).get("version", "")


def _meanings(rules: RuleSet) -> dict[str, Slo | Rule | Rollup]:
    """The rules whose alerts can be corrected, by name; what is told with them is no part of what they say."""
    asked: tuple[Slo | Rule | Rollup, ...] = (*rules.slos, *rules.rules, *rules.rollups)
    return {rule.name: msgspec.structs.replace(rule, about=About()) for rule in asked}
