"""Rules and error budgets over the web: those of this worker, with what the alerts topic says of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from streams import __version__
from streams.alerts.budget.tiers import burn_threshold, floor_of
from streams.alerts.rules.model import Slo
from streams.ledger.times import rfc3339
from streams.runtime.alerts_board import AlertsBoard
from streams.runtime.config.job import Config
from streams.runtime.config.problems import InvalidConfigError
from streams.runtime.control import RefusedError as NotGivenError
from streams.runtime.errors import StreamsError
from streams.runtime.reload import RulesInForce
from streams.runtime.rules.answers import as_dict, right, wrong
from streams.runtime.rules.load import parse_rules
from streams.web.routes import RefusedError

POSTED = "(posted)"
"""What problems call rules that were posted."""

Row = Mapping[str, Any]


class RulesDesk:
    """See `streams.web.rules.RulesDesk`."""

    def __init__(self, config: Config, in_force: RulesInForce, board: AlertsBoard) -> None:
        self._config, self._in_force, self._board = config, in_force, board

    def config(self) -> Row:
        """Names, hashes and times; no value that could be a secret."""
        config, now = self._config, self._in_force
        last = now.last
        return {
            "version": __version__,
            "name": config.name,
            "prefix": config.prefix,
            "file": config.file,
            "config_hash": config.config_hash,
            "quality_hash": config.quality_hash,
            "rules": {
                "enabled": now.enabled,
                "file": now.loaded.file,
                "hash": now.rules.hash,
                "taken_at": rfc3339(now.taken_ms),
                "judged_by": dict(self._board.judged_by()),
            },
            "last_reload": {
                "ok": last.ok,
                "at": rfc3339(last.at_ms),
                "error": last.failure,
                "problems": [as_dict(problem, now.loaded.file) for problem in last.problems],
            },
        }

    def rules(self) -> Row:
        """Every rule with all that it says, and the warnings."""
        loaded = self._in_force.loaded
        warnings = [as_dict(warning, loaded.file) for warning in loaded.warnings]
        rules: dict[str, Any] = msgspec.to_builtins(loaded.rules)
        return {"file": loaded.file, "enabled": self._in_force.enabled, **rules, "warnings": warnings}

    def test(self, text: str) -> Row:
        """What `streams check` says of rules in this job."""
        try:
            return right(parse_rules(text, POSTED, self._config))
        except InvalidConfigError as error:
            return wrong(error)

    def reload(self) -> Row:
        """Read the rules again. Raises RefusedError: 400 with every problem, 409 without alerts, 503 without broker."""
        try:
            return right(self._in_force.reload())
        except InvalidConfigError as error:
            raise RefusedError(400, "the rules have errors; the old ones hold", **wrong(error)) from None
        except NotGivenError as error:
            raise RefusedError(409, str(error)) from None
        except StreamsError as error:
            raise RefusedError(503, str(error)) from None


class SloDesk:
    """See `streams.web.slos.SloDesk`."""

    def __init__(self, in_force: RulesInForce, board: AlertsBoard) -> None:
        self._in_force, self._board = in_force, board

    def names(self) -> Sequence[str]:
        """The budgets of the rules, by name."""
        return sorted(slo.name for slo in self._in_force.rules.slos)

    def slo(self, name: str) -> Row:
        """What a budget asks, and its alerts now. Raises RefusedError (503) while these are not known."""
        why = self._board.reading()
        if why is not None:
            raise RefusedError(503, why)
        slo = next(slo for slo in self._in_force.rules.slos if slo.name == name)
        alerts = [row for row in self._board.alerts() if row["rule"] in {name, f"{name}/no-data"}]
        return {
            "slo": slo.name,
            "sli": slo.sli,
            "match": dict(slo.match),
            "by": ["model", "version", "class", *slo.by],
            "target": slo.target,
            "class_target": dict(slo.class_target),
            "period_s": slo.period_ms // 1000,
            "tiers": [_tiers(slo, target) for target in sorted({slo.target, *dict(slo.class_target).values()})],
            "burning": [row for row in alerts if row["rule"] == name],
            "no_data": [row for row in alerts if row["rule"] != name],
            "judged": dict(self._board.judged()),
        }


def _tiers(slo: Slo, target: float) -> Row:
    """The tiers for one target: the burn above which each tells, and the value below which that is so."""
    tiers = [
        {
            "tier": tier.name, "severity": tier.severity.value, "long_s": tier.long_ms // 1000,
            "short_s": tier.short_ms // 1000, "burn": burn_threshold(tier, target), "floor": floor_of(tier, target),
            "alpha": tier.alpha,
        }
        for tier in slo.tiers
    ]  # fmt: skip
    return {"target": target, "tiers": tiers}
