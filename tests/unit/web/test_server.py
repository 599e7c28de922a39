"""The endpoints on Faust's own web server, asked over loopback."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import faust
import pytest
from aiohttp.test_utils import TestClient, TestServer
from faust.app.base import BootStrategy

from streams.runtime.telemetry import CONTENT_TYPE, Count, Telemetry
from streams.web.health import Health
from streams.web.server import mount

Answer = tuple[int, Mapping[str, str], str]


class WithoutKafka(BootStrategy):
    enable_kafka = False


class Application(faust.App):
    BootStrategy = WithoutKafka


def ask(folder: Path, health: Health, telemetry: Telemetry, *paths: str) -> dict[str, Answer]:
    """The answers of an application that has just the endpoints."""

    async def answers() -> dict[str, Answer]:
        app = Application("endpoints", datadir=str(folder))
        mount(app, lambda: health, telemetry.page, CONTENT_TYPE)
        app.finalize()
        found: dict[str, Answer] = {}
        async with TestClient(TestServer(await app.web.wsgi())) as client:
            for path in paths:
                response = await client.get(path)
                found[path] = (response.status, dict(response.headers), await response.text())
        return found

    return asyncio.run(answers())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_probes_and_metrics_answer_over_http(tmp_path: Path) -> None:
    telemetry = Telemetry()
    telemetry.count(Count.EVENTS, 2, kind="label")
    health = Health(heartbeat_age_s=1.0, assigned=2, loaded=1, joined=True)
    answers = ask(tmp_path, health, telemetry, "/livez", "/startupz", "/readyz", "/readyz?verbose", "/metrics")
    assert {path: status for path, (status, _, _) in answers.items()} == {
        "/livez": 200, "/startupz": 503, "/readyz": 503, "/readyz?verbose": 503, "/metrics": 200,
    }  # fmt: skip
    assert answers["/readyz"][2] == "[-] state: 1 of 2 partitions are restored\nnot ok\n"
    assert answers["/readyz?verbose"][2].startswith("[+] config: ")
    assert all(headers["Cache-Control"] == "no-store" for _, headers, _ in answers.values())
    assert answers["/metrics"][1]["Content-Type"] == CONTENT_TYPE
    assert 'quality_events_total{kind="label"} 2.0' in answers["/metrics"][2]
