"""`status`, `sources` and `advance` beside a real worker that reads a piece of history."""

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streams.cli import status_report
from streams.cli.demo_job import LOGS
from streams.cli.demo_stage import DemoStage
from streams.cli.main import main
from streams.cli.options import load_config
from streams.runtime.kafka.embedded import EmbeddedBroker
from streams.runtime.kafka.producer import Producer
from streams.runtime.play import Delivery, deliveries, play
from streams.runtime.state import newest_rows
from tests.support.workers import wait_for

pytestmark = pytest.mark.embedded

RECORDS = 3_000
DEADLINE_S = 240.0

Ask = Callable[..., dict[str, Any]]


class Job:
    """A job on an embedded broker, with one worker; `load` plays the next records of the history."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.stage = DemoStage(stack, folder, None)
        self._history: Iterator[Delivery] = deliveries(LOGS)
        self.loaded = 0

    @property
    def config(self) -> str:
        return str(self.stage.path)

    @property
    def worker(self) -> int:
        return self.stage._children[1].pid

    def load(self, count: int) -> None:
        failures: list[BaseException] = []
        producer = Producer("test", self.stage.job.config.client, fail=failures.append)
        self.loaded += play(islice(self._history, count), producer, self.stage.job.topics)
        assert producer.close(DEADLINE_S)
        assert not failures


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # a worker that is killed leaves files
    with ExitStack() as stack:
        made = Job(stack, tmp_path)
        made.load(RECORDS)
        yield made


@pytest.fixture
def ask(capfdbinary: pytest.CaptureFixture[bytes]) -> Ask:
    """The JSON of a command, and its exit code as `code`."""

    def command(*arguments: str) -> dict[str, Any]:
        code = main([*arguments, "--json"])
        shown = capfdbinary.readouterr()
        text = shown.out or b"{}"
        return {**json.loads(text), "code": code, "error": shown.err.decode()}

    return command


def is_read(ask: Ask, job: Job) -> bool:
    found = ask("status", "-c", job.config)
    return sum(s["applied"] or 0 for s in found.get("sources", [])) == job.loaded


def status_when(holds: Callable[[dict[str, Any]], bool], what: str, ask: Ask, job: Job) -> dict[str, Any]:
    """The first status of which something holds. A later one is of another moment, when it may not hold."""
    found: dict[str, Any] = {}

    def look() -> bool:
        found.update(ask("status", "-c", job.config))
        return holds(found)

    try:
        wait_for(look, what, DEADLINE_S)
    except AssertionError as error:
        raise AssertionError(f"{error}: {found}") from error
    return found


def is_at_its_end(found: dict[str, Any]) -> bool:
    """Everything is read, said and audited, and time stands because a history does not move by itself."""
    lags = [s["lag"] for s in found.get("sources", [])]
    balanced = [p["balanced"] for p in found.get("partitions", [])]
    headline = found.get("headline", "")
    said = "everything is read; time is held back by demo." in headline
    # right after the last record a source may still be called behind
    return (
        said and "a history is ended with `streams advance" in headline and lags == [0] * 6 and balanced == [True] * 4
    )


def test_a_history_is_read_advanced_and_final(job: Job, ask: Ask, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    found = status_when(is_at_its_end, "the records are read", ask, job)
    assert (found["ok"], found["code"]) == (True, 0)
    assert sum(s["applied"] for s in found["sources"]) == job.loaded
    (owned,) = found["workers"].values()
    assert owned == [0, 1, 2, 3]

    written = ask("advance", "-c", job.config)
    assert written["code"] == 0
    assert (written["unread"], sum(written["ends"].values())) == (0, RECORDS)
    found = status_when(lambda it: "history was ended" in it.get("headline", ""), "the history is ended", ask, job)
    assert {p["watermark"] for p in found["partitions"]} == {written["to"]}
    assert {s["why"] for s in found["sources"]} == {""}

    assert main(["status", "-c", job.config]) == 0
    shown = capfdbinary.readouterr().out.decode()
    assert "demo.predictions/3" in shown
    assert shown.count("balances") == 4


def test_an_advance_that_would_do_harm_is_refused(job: Job, ask: Ask) -> None:
    wait_for(lambda: is_read(ask, job), "the records are read", DEADLINE_S)
    refused = ask("advance", "-c", job.config, "--to", "2033-01-01T00:00:00Z")
    assert refused["code"] == 1
    assert "after which no window of the events read so far can change" in refused["error"]
    assert ask("advance", "-c", job.config, "--to", "2033-01-01T00:00:00")["code"] == 2
    forced = ask("advance", "-c", job.config, "--to", "2033-01-01T00:00:00Z", "--force")
    assert (forced["code"], forced["to"]) == (0, "2033-01-01T00:00:00.000Z")
    status_when(lambda it: {p["watermark"] for p in it.get("partitions", [])} == {forced["to"]}, "moved", ask, job)


def test_the_end_of_a_history_is_not_guessed_before_all_of_it_is_read(job: Job, ask: Ask) -> None:
    wait_for(lambda: is_read(ask, job), "the records are read", DEADLINE_S)
    os.kill(job.worker, signal.SIGSTOP)
    try:
        job.load(500)
        refused = ask("advance", "-c", job.config)
        assert refused["code"] == 1
        count, _, rest = refused["error"].partition(" ")
        assert rest.startswith("records of the topics are not read yet")
        # more when the worker stood still before every ledger partition had told how far it is
        assert 500 <= int(count.replace(",", "")) <= RECORDS + 500
    finally:
        os.kill(job.worker, signal.SIGCONT)
    wait_for(lambda: ask("advance", "-c", job.config)["code"] == 0, "the end is written", DEADLINE_S)


def test_a_source_is_retired_by_its_full_name_only(
    job: Job, ask: Ask, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    wait_for(lambda: is_read(ask, job), "the records are read", DEADLINE_S)
    names = [s["source"] for s in ask("sources", "-c", job.config)["sources"]]
    assert len(names) == 6
    assert main(["sources", "-c", job.config]) == 0
    assert all(name in capfdbinary.readouterr().out.decode() for name in names[:1])
    assert ask("sources", "-c", job.config, "--retire", "labels")["code"] == 2
    unknown = ask("sources", "-c", job.config, "--retire", "demo.labels/7@none")
    assert unknown["code"] == 1
    assert "there is no source demo.labels/7@none" in unknown["error"]
    assert ask("sources", "-c", job.config, "--retire", names[0])["retired"] == names[0]

    def is_retired() -> bool:
        found = ask("sources", "-c", job.config).get("sources", [])
        return [s["why"] == "retired" for s in found] == [name == names[0] for name in names]

    wait_for(is_retired, "the source is retired", DEADLINE_S)


def test_a_worker_that_is_gone_is_noticed(job: Job, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for(lambda: is_read(ask, job), "the records are read", DEADLINE_S)
    monkeypatch.setattr(status_report, "QUIET_S", 2.0)
    os.kill(job.worker, signal.SIGKILL)
    words = "not running: no worker has written for"
    found = status_when(lambda it: it.get("headline", "").startswith(words), "nobody is seen to write", ask, job)
    assert found["code"] == 1


def test_a_job_that_never_ran_is_a_sentence(tmp_path: Path, ask: Ask) -> None:
    path = tmp_path / "c.toml"
    topics = "".join(f'[[{table}]]\ntopic = "{table}"\n' for table in ("predictions", "labels"))
    with EmbeddedBroker() as broker:
        path.write_text(f'name = "never"\n[kafka]\nbootstrap = "{broker.bootstrap}"\n{topics}')
        for command in ("status", "advance", "sources"):
            found = ask(command, "-c", str(path))
            assert found["code"] == 76, command
            assert found["error"].count("\n") == 1
            assert "has the job run" in found["error"]


def test_watching_prints_a_line_a_look_where_nobody_sees_pictures(
    job: Job, ask: Ask, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    wait_for(lambda: is_read(ask, job), "the records are read", DEADLINE_S)
    looks = iter([None, None])

    def pause(_seconds: float) -> None:
        if next(looks, "over") == "over":
            raise KeyboardInterrupt

    monkeypatch.setattr("streams.cli.status.time", SimpleNamespace(sleep=pause))  # its own clock, not everybody's
    with contextlib.suppress(KeyboardInterrupt):
        assert main(["status", "-c", job.config, "--watch"]) == 130
    assert len(capfdbinary.readouterr().out.splitlines()) == 3


def test_the_newest_row_of_each_key_is_found_however_far_back_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    with EmbeddedBroker() as broker:
        broker.create_topic("q.audit.v1", 1)
        path.write_text(f'name = "q"\n[kafka]\nbootstrap = "{broker.bootstrap}"\n')
        config = load_config(path)
        producer = Producer("test", config.client, fail=lambda error: pytest.fail(str(error)))
        for n in range(4_000):
            producer.send("q.audit.v1", 0, b'{"n":%d}' % n, key=b"1" if n else b"0")
        assert producer.close(DEADLINE_S)
        found = newest_rows(config, "audit", ["0", "1"])
        assert {key: row["n"] for key, (row, _) in found.items()} == {"0": 0, "1": 3_999}
        assert set(newest_rows(config, "audit", ["1"])) == {"1"}, "what nobody asks for is not looked for"
        assert set(newest_rows(config, "audit", ["1", "never"])) == {"0", "1"}
        assert set(newest_rows(config, "audit")) == {"0", "1"}
