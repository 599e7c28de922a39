"""Alerts of every model of one judge: counts, settled windows and orders in, rows of alerts out.

A fold like the judge's own: what it says is a function of the log. Without rules it keeps nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from streams.alerts.evidence.book import by_model
from streams.alerts.mutes import applied, taken_out
from streams.alerts.orders import EndOrder, MuteOrder, Order, RulesOrder
from streams.alerts.rows import ALERTS, mute_row
from streams.alerts.rules.model import Mute, RuleSet
from streams.alerts.watching.model import ModelWatch
from streams.alerts.watching.standing import Standing
from streams.ledger.spec import NO_TIME
from streams.quality.counts.names import Names
from streams.quality.counts.shares import Changes
from streams.quality.listener import Settled
from streams.quality.rows import OutputRow
from streams.quality.spec import QualitySpec


class Alerts:
    """Listens to a judge. Rows wait in it until they are taken."""

    def __init__(self, spec: QualitySpec) -> None:
        self._spec = spec
        self._rules: RuleSet | None = None
        self._mutes: tuple[Mute, ...] = ()  # added while the job runs
        self._watches: dict[str, ModelWatch] = {}
        self._longest_ms = max(window.size_ms for window in spec.windows)
        self._end_ms: int | None = None  # where a history ends that does not go on
        self._unwatched_ms = NO_TIME  # the end of the last pane that was counted before there were rules
        self._rows: list[OutputRow] = []

    def order(self, order: Order) -> None:
        """What people say holds from the next step on."""
        if isinstance(order, RulesOrder):
            if self._rules is not None and order.rules == self._rules:
                return
            gone = () if self._rules is None else taken_out(self._rules.mutes, order.rules.mutes)
            self._rows += [OutputRow(ALERTS, f"mute|{mute.name}", mute_row(mute)) for mute in gone]
            self._rules = order.rules
            for model in sorted(self._watches):
                self._rows += self._watches[model].set_rules(order.rules)
        elif isinstance(order, MuteOrder):
            configured = () if self._rules is None else self._rules.mutes
            self._mutes = applied(order.change, self._mutes, configured)
        elif isinstance(order, EndOrder):
            self._end_ms = order.newest_ms
        elif order.model in self._watches:
            self._watches[order.model].trained(order.request, order.became)
        if isinstance(order, RulesOrder | MuteOrder):
            self._set_mutes()

    def counted(self, stood: int, changes: Changes, names: Names) -> None:
        """See `Listener`."""
        if self._rules is None:
            self.skip(changes)
            return
        if self._end_ms is not None and (changes.pane * self._spec.pane_ms > self._end_ms).any():
            self._end_ms = None  # it goes on after all
        for model, some in by_model(changes, names).items():
            self._watch(model).book.take(stood, some)

    def skip(self, changes: Changes) -> None:
        """Counts that no rule has seen: what changes of them later is not counted either."""
        if len(changes.pane):
            self._unwatched_ms = max(self._unwatched_ms, (int(changes.pane.max()) + 1) * self._spec.pane_ms)

    def settled(self, window: Settled) -> None:
        """See `Listener`."""
        if self._rules is not None:
            self._watch(window.model).settled(window)

    def closing(self, watermark: int, names: Names) -> Iterator[None]:
        """See `Listener`: judge every step that has settled, a step at a time."""
        for model in sorted(self._watches):
            settle_ms = self._spec.timing_of(model).settle_ms
            settled_ms = watermark - settle_ms
            if self._end_ms is not None:  # no window that ends later has anything in it
                settled_ms = min(settled_ms, self._end_ms + self._longest_ms)
            watch = self._watches[model]
            for rows in watch.advance(settled_ms, settle_ms, names, self._spec.pane_ms, self._end_ms):
                self._rows += rows
                yield

    def take_rows(self) -> list[OutputRow]:
        """The rows since the last time."""
        rows, self._rows = self._rows, []
        return rows

    def standing(self) -> Iterator[Standing]:
        """How the error budgets of every model stand at its newest step."""
        for model in sorted(self._watches):
            yield from self._watches[model].standing()

    def dump(self) -> dict[str, object]:
        """Everything, of plain values; for `load`."""
        return {
            "rules": None if self._rules is None else msgspec.json.encode(self._rules),
            "mutes": msgspec.json.encode(self._mutes),
            "end": self._end_ms,
            "unwatched": self._unwatched_ms,
            "models": {model: watch.dump() for model, watch in self._watches.items()},
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Fill an empty one with what `dump` gave. Raises ValueError when it is damaged."""
        try:
            self._mutes = msgspec.json.decode(state["mutes"], type=tuple[Mute, ...])
            if state["rules"] is not None:
                self._rules = msgspec.json.decode(state["rules"], type=RuleSet)
        except msgspec.MsgspecError as error:
            raise ValueError(f"damaged rules: {error}") from error
        self._end_ms, self._unwatched_ms = state["end"], state["unwatched"]
        for model, dumped in state["models"].items():
            self._watch(model).load(dumped)

    def _watch(self, model: str) -> ModelWatch:
        watch = self._watches.get(model)
        if watch is None:
            assert self._rules is not None  # noqa: S101 - nothing is watched without rules
            watch = self._watches[model] = ModelWatch(model, self._rules, self._spec.dimensions, self._unwatched_ms)
            watch.set_mutes(self._mutes)
        return watch

    def _set_mutes(self) -> None:
        for watch in self._watches.values():
            watch.set_mutes(self._mutes)
        configured = () if self._rules is None else self._rules.mutes
        by_name = {mute.name: mute for mute in (*configured, *self._mutes)}
        for name in sorted(by_name):
            self._rows.append(OutputRow(ALERTS, f"mute|{name}", mute_row(by_name[name])))
