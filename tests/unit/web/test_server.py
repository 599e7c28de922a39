"""The endpoints on Faust's own web server, asked over loopback."""

import asyncio
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import faust
import pytest
from aiohttp.test_utils import TestClient, TestServer
from faust.app.base import BootStrategy

from streams.runtime.telemetry import CONTENT_TYPE, Count, Telemetry
from streams.web.health import Health
from streams.web.pages import Page
from streams.web.routes import LONGEST_BODY, Asked, Route, json_page
from streams.web.server import mount

Answer = tuple[int, Mapping[str, str], str]


class WithoutKafka(BootStrategy):
    enable_kafka = False


class Application(faust.App):
    BootStrategy = WithoutKafka


def ask(
    folder: Path, health: Health, telemetry: Telemetry, *paths: str, routes: Sequence[Route] = ()
) -> dict[str, Answer]:
    """The answers of an application that has just the endpoints; a path with a space names a method first."""

    async def answers() -> dict[str, Answer]:
        app = Application("endpoints", datadir=str(folder))
        mount(app, lambda: health, telemetry.page, CONTENT_TYPE, routes)
        app.finalize()
        found: dict[str, Answer] = {}
        async with TestClient(TestServer(await app.web.wsgi())) as client:
            for path in paths:
                method, _, where = path.rpartition(" ")
                response = await client.request(method or "GET", where, data=b"posted" if method == "POST" else None)
                found[path] = (response.status, dict(response.headers), await response.text())
        return found

    return asyncio.run(answers())


def echo(asked: Asked) -> Page:
    """What a route is asked."""
    given = {
        "path": dict(asked.path),
        "query": {k: list(v) for k, v in asked.query.items()},
        "body": asked.body.decode(),
    }
    return json_page(given, headers=(("ETag", '"1"'),))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_routes_have_their_own_methods_names_and_headers(tmp_path: Path) -> None:
    health = Health(heartbeat_age_s=1.0, assigned=2, loaded=2, joined=True)
    routes = [Route("GET", "/v1/x/{name}", echo), Route("POST", "/v1/x/{name}", echo), Route("POST", "/v1/y", echo)]
    once, twice, posted, wrong = "/v1/x/a%20b%2Fc?q=1", "/v1/x/a?q=1&q=%22", "POST /v1/x/a", "PUT /v1/x/a"
    answers = ask(tmp_path, health, Telemetry(), once, twice, posted, wrong, "/v1/y", "/v1/x/a/b", routes=routes)
    assert [status for status, _, _ in answers.values()] == [200, 200, 200, 405, 405, 404]
    assert json.loads(answers[once][2]) == {"path": {"name": "a b/c"}, "query": {"q": ["1"]}, "body": ""}
    assert json.loads(answers[twice][2])["query"] == {"q": ["1", '"']}
    assert json.loads(answers[posted][2])["body"] == "posted"
    headers = {name.lower(): value for name, value in answers[once][1].items()}
    assert (headers["etag"], headers["cache-control"]) == ('"1"', "no-store")
    assert headers["content-type"] == "application/json"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_work_is_done_in_threads_bounded_and_not_for_pages_of_other_sites(tmp_path: Path) -> None:
    health = Health(heartbeat_age_s=1.0, assigned=2, loaded=2, joined=True)
    release = threading.Event()
    threads: set[str] = set()

    def work(asked: Asked) -> Page:
        threads.add(threading.current_thread().name)
        release.wait(30)
        return json_page({"bytes": len(asked.body)})

    routes = [Route("POST", "/v1/work", work, is_work=True), Route("DELETE", "/v1/work", work, is_work=True)]

    async def answers() -> dict[str, list[int]]:
        app = Application("endpoints", datadir=str(tmp_path))
        mount(app, lambda: health, Telemetry().page, CONTENT_TYPE, routes)
        app.finalize()
        async with TestClient(TestServer(await app.web.wsgi())) as client:

            async def post(body: bytes = b"", **headers: str) -> int:
                site = {name.replace("_", "-"): value for name, value in headers.items()}
                return (await client.post("/v1/work", data=body, headers=site)).status

            waiting = {asyncio.create_task(post()) for _ in range(12)}
            refused: set[asyncio.Task[int]] = set()
            while len(refused) < 4:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                refused |= done
            alive = (await client.get("/livez")).status
            release.set()
            found = {"refused": [task.result() for task in refused], "alive": [alive]}
            found["waited"] = [*await asyncio.gather(*waiting)]
            found["sites"] = [await post(Sec_Fetch_Site=site) for site in ("cross-site", "same-site", "same-origin")]
            found["sizes"] = [await post(b"x" * size) for size in (LONGEST_BODY, LONGEST_BODY + 1)]
            found["others"] = [(await client.delete("/v1/work")).status, (await client.get("/v1/work")).status]
            return found

    assert asyncio.run(answers()) == {
        "refused": [503] * 4, "waited": [200] * 8, "alive": [200], "sites": [403, 403, 200], "sizes": [200, 413],
        "others": [200, 405],
    }  # fmt: skip
    assert all(name.startswith("web") for name in threads)


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
