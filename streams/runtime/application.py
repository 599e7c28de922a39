"""The Faust application of a worker: one agent on one bounded channel for each stage, and the web server.

Only this file and `web/server.py` know Faust. Its Kafka is off (a documented hook): the sources are ours. Two rules
that Faust's own code demands: `resume` before anything is put, because it clears the queues, and nothing may escape an
agent, because Faust would start it again and lose the batch in its hand.
"""

import asyncio
import shutil
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, cast

import faust
from faust.app.base import BootStrategy

from streams.runtime.alerts_board import AlertsBoard
from streams.runtime.alerts_view import AlertsView
from streams.runtime.clock import wall_ms
from streams.runtime.config.job import Config
from streams.runtime.desk.desk import Desk
from streams.runtime.errors import ConfigError
from streams.runtime.kafka.client import Log
from streams.runtime.kafka.stage import Batch
from streams.runtime.logs import logger
from streams.runtime.telemetry import CONTENT_TYPE
from streams.web.alerts import alert_routes
from streams.web.gates import gate_routes
from streams.web.health import Health
from streams.web.server import mount

CHANNEL_BATCHES = 256
"""Batches that a channel holds; the sources' own bounds are far below."""

Take = Callable[[Batch], Awaitable[None]]


class _Boot(BootStrategy):
    """Faust without its Kafka."""

    enable_kafka = False


class _App(faust.App):
    """A Faust application that boots without Kafka."""

    BootStrategy = _Boot


class Application:
    """Agents that take the batches of stages, by name, and the pages of the worker."""

    def __init__(
        self,
        config: Config,
        takes: Mapping[str, Take],
        desk: Desk,
        *,
        health: Callable[[], Health],
        metrics: Callable[[], bytes],
        fail: Callable[[BaseException], None],
    ) -> None:
        """`takes` are the coroutines that apply a batch of a stage; what escapes one goes to `fail`."""
        self._config, self._fail = config, fail
        self._folder = tempfile.mkdtemp(prefix="streams-")
        self._app = _App(
            config.name,
            broker="kafka://127.0.0.1:1",  # never used: its Kafka is off
            topic_disable_leader=True,
            web_enabled=True,
            web_host=config.run.http_host,
            web_bind=config.run.http_host,
            web_port=config.run.http_port,
            datadir=self._folder,
        )
        self.board = board = AlertsBoard(lambda: desk.rules().canaries, wall_ms)
        self._alerts = AlertsView.of(config, board, cast("Log", logger("alerts")))
        routes = [*gate_routes(board), *alert_routes(board), *desk.routes(board)]
        mount(self._app, health, metrics, CONTENT_TYPE, routes)
        self._channels: dict[str, Any] = {}
        for name, take in takes.items():
            self._channels[name] = self._app.channel(maxsize=CHANNEL_BATCHES)
            self._app.agent(self._channels[name], name=name)(self._agent(take))

    async def start(self) -> None:
        """Start the agents and the web server. Raises ConfigError when its address is taken."""
        self._loop = asyncio.get_running_loop()
        self._app.flow_control.resume()
        try:
            await self._app.start()
        except OSError as error:
            raise ConfigError(
                f"{self._config.file}: the web server cannot listen on {self._config.run.http_host}:"
                f"{self._config.run.http_port}: {error.strerror}. Give each worker of a machine its own run.http_port"
            ) from error
        self._alerts.start()

    async def stop(self) -> None:
        """Stop them; what is still in a channel is dropped."""
        await asyncio.to_thread(self._alerts.stop)
        await self._app.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def deliver_to(self, name: str) -> Callable[[Batch], None]:
        """What puts a batch on a stage's channel, from any thread and without waiting.

        One wake-up of the loop brings all that came until it looks.
        """
        channel, inbox, turn = self._channels[name], deque[Batch](), asyncio.Lock()

        async def pour() -> None:
            async with turn:  # in order, also when the channel has no room
                while inbox:
                    await channel.put(inbox.popleft())

        def deliver(batch: Batch) -> None:
            inbox.append(batch)
            if len(inbox) == 1:  # with more a wake-up is on its way
                asyncio.run_coroutine_threadsafe(pour(), self._loop)

        return deliver

    def _agent(self, take: Take) -> Callable[[Any], Awaitable[None]]:
        async def agent(batches: AsyncIterator[Batch]) -> None:
            async for batch in batches:
                try:
                    await take(batch)
                except asyncio.CancelledError:
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever it is, the worker ends with it
                    self._fail(error)
                await asyncio.sleep(0)  # one batch at a time, then the others have their turn

        return agent
