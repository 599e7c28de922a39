"""The desk of one worker: the rules in force, and every page by which people steer alerts."""

from streams.alerts.orders import Order
from streams.alerts.rules.model import RuleSet
from streams.runtime.alerts_board import AlertsBoard
from streams.runtime.clock import wall_ms
from streams.runtime.config.job import Config
from streams.runtime.desk.mutes import MuteDesk
from streams.runtime.desk.rules import RulesDesk, SloDesk
from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.client import Log
from streams.runtime.kafka.producer import Producer
from streams.runtime.orders import give
from streams.runtime.reload import RulesInForce
from streams.runtime.telemetry import Telemetry
from streams.web.mutes import mute_routes
from streams.web.routes import RefusedError, Route
from streams.web.rules import rules_routes
from streams.web.slos import slo_routes


class Desk:
    """Made once the worker can write; `begin` before it reads."""

    def __init__(self, config: Config, tallies: Producer, telemetry: Telemetry, log: Log) -> None:
        """`tallies` writes to the judges."""
        self._config, self._tallies = config, tallies
        self._in_force = RulesInForce(config, self._write, telemetry, clock_ms=wall_ms, log=log)

    def begin(self) -> None:
        """Give the rules of the configuration to the judges. Raises UnavailableError when no broker takes them."""
        self._in_force.begin()

    def reload_soon(self) -> None:
        """Read the rules again, as SIGHUP asks."""
        self._in_force.reload_soon()

    def rules(self) -> RuleSet:
        """The rules that this worker last gave to the judges."""
        return self._in_force.rules

    def routes(self, board: AlertsBoard) -> list[Route]:
        """The pages of mutes, rules and budgets."""
        mutes = MuteDesk(board, self.rules, self._config, self._answer, wall_ms)
        rules, slos = RulesDesk(self._config, self._in_force, board), SloDesk(self._in_force, board)
        return [*mute_routes(mutes), *rules_routes(rules), *slo_routes(slos)]

    def _write(self, order: Order) -> None:
        give(order, self._config, self._tallies)

    def _answer(self, order: Order) -> None:
        try:
            self._write(order)
        except UnavailableError as error:
            raise RefusedError(503, f"{error}; it may still arrive: look at the mutes before you ask again") from None
