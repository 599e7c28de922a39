"""The rules of a worker while it runs: read again on demand, taken as a whole or not at all.

A file with errors changes nothing: alerts are judged by the old rules, and /metrics says so. Rules that are taken go
to every judge of the job, so one worker that reloads is enough for the alerts; what each worker answers of its rules,
and what it says again when it starts, is its own file's.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from streams.alerts.orders import Order, RulesOrder
from streams.alerts.rules.model import RuleSet
from streams.runtime.config.job import Config
from streams.runtime.config.problems import InvalidConfigError, Problem
from streams.runtime.control import RefusedError
from streams.runtime.errors import StreamsError
from streams.runtime.kafka.client import Log
from streams.runtime.rules.load import DEFAULT_RULES, Loaded, load_rules
from streams.runtime.telemetry import Level, Telemetry


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last time that rules were read: when (wall time, ms), and what was wrong."""

    at_ms: int
    problems: Sequence[Problem] = ()
    failure: str | None = None

    @property
    def ok(self) -> bool:
        """Whether they were taken."""
        return self.failure is None


class RulesInForce:
    """The rules that this worker last gave to the judges. Safe to use from any thread."""

    def __init__(
        self,
        config: Config,
        give: Callable[[Order], None],
        telemetry: Telemetry,
        *,
        clock_ms: Callable[[], int],
        log: Log,
    ) -> None:
        """`give` sends an order to every judge."""
        alerts = config.alerts
        self._config, self._give, self._telemetry, self._clock_ms, self._log = config, give, telemetry, clock_ms, log
        self._reloading = threading.Lock()
        self.enabled = alerts.enabled
        self._path = None if alerts.file == DEFAULT_RULES else Path(alerts.file)
        self.loaded = Loaded(alerts.file, alerts.rules, alerts.warnings)
        self.taken_ms = clock_ms()
        self.last = Attempt(self.taken_ms)

    @property
    def rules(self) -> RuleSet:
        """The rules."""
        return self.loaded.rules

    def begin(self) -> None:
        """Give the rules of the configuration to the judges, as every worker does when it starts."""
        if self.enabled:
            self._give(RulesOrder(self.rules))

    def reload(self) -> Loaded:
        """Read the file again, and give its rules to the judges.

        Raises:
            InvalidConfigError: The file has problems; the old rules hold.
            RefusedError: The configuration has no alerts.
            UnavailableError: No broker took the rules in time; they may still arrive, so ask again.
        """
        if not self.enabled:
            raise RefusedError("alerts are off in the configuration (alerts.enabled), so there are no rules to reload")
        with self._reloading:
            try:
                loaded = load_rules(self._path, self._config)
                self._give(RulesOrder(loaded.rules))
            except StreamsError as error:
                problems = error.problems if isinstance(error, InvalidConfigError) else ()
                self.last = Attempt(self._clock_ms(), problems, str(error))
                self._telemetry.set(Level.RELOAD_OK, 0)
                self._log.warning("rules were not reloaded; the old ones hold", file=self.loaded.file, why=str(error))
                raise
            self._take(loaded)
        self._log.info("rules were reloaded", file=loaded.file, hash=loaded.rules.hash)
        return loaded

    def reload_soon(self) -> None:
        """What SIGHUP does: reload in a thread of its own; the log and /metrics say what came of it."""
        threading.Thread(target=self._reload_quietly, name="reload", daemon=True).start()

    def _reload_quietly(self) -> None:
        try:
            self.reload()
        except RefusedError as error:
            self._log.warning("rules were not reloaded", why=str(error))
        except StreamsError:
            pass  # told where it happened

    def _take(self, loaded: Loaded) -> None:
        if loaded.rules.hash != self.rules.hash:
            self._telemetry.drop(Level.RULES_INFO, hash=self.rules.hash)
        self.loaded, self.taken_ms = loaded, self._clock_ms()
        self.last = Attempt(self.taken_ms)
        self._telemetry.set(Level.RULES_INFO, 1, hash=loaded.rules.hash)
        self._telemetry.set(Level.RELOAD_OK, 1)
        self._telemetry.set(Level.RELOAD_TIME, self.taken_ms / 1000)
