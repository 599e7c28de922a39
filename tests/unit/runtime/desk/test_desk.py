"""The pages by which people steer alerts, over a board and rules, without a broker."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.alerts.instance import Instance, Phase, fingerprint, labels_of
from streams.alerts.orders import MuteOrder, Order, RulesOrder
from streams.alerts.rows import Context, alert_row, mute_row, pulse_row
from streams.alerts.rules.model import HOUR, Mute, Severity
from streams.ledger.times import rfc3339
from streams.runtime.alerts_board import AlertsBoard
from streams.runtime.config.job import Config, load
from streams.runtime.control import RefusedError
from streams.runtime.desk.mutes import MuteDesk
from streams.runtime.desk.rules import RulesDesk, SloDesk
from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.client import SILENCE
from streams.runtime.reload import RulesInForce
from streams.runtime.telemetry import Level, Telemetry
from streams.web.mutes import mute_routes
from streams.web.pages import Page
from streams.web.routes import Asked, Route, answered
from streams.web.rules import rules_routes
from streams.web.slos import slo_routes

NOW = 1_800_000_000_000
SECRET = "hunter2-of-the-broker"  # noqa: S105 - what must not be shown
RULES = """
schema = 1
[[slo]]
name = "recall"
target = 0.9
class_target = { rare = 0.8 }
runbook = "ErrorBudgetBurn"
"""
OTHER = RULES.replace('"recall"', '"misses"')
WRONG = RULES.replace("0.9", "1.9").replace("runbook", "runbok")


class Job:
    """A desk, its rules file, and the orders that it gave."""

    def __init__(self, folder: Path, *, enabled: bool = True, given: Callable[[], None] = lambda: None) -> None:
        self.file = folder / "rules.toml"
        self.file.write_text(RULES)
        path = folder / "job.toml"
        path.write_text(
            '[kafka]\nbootstrap = "127.0.0.1:1"\n[kafka.client]\n"sasl.mechanism" = "PLAIN"\n'
            '"security.protocol" = "SASL_PLAINTEXT"\n"sasl.username" = "u"\n"sasl.password" = "$PASSWORD"\n'
            '[[predictions]]\ntopic = "p"\n[[labels]]\ntopic = "l"\n'
            f'[alerts]\nrules = "rules.toml"\nenabled = {str(enabled).lower()}\n'
        )
        self.config: Config = load(path, {"PASSWORD": SECRET})
        self.orders: list[Order] = []
        self.telemetry = Telemetry()
        self.telemetry.set(Level.RULES_INFO, 1, hash=self.config.alerts.rules.hash)  # as every worker does
        self.board = AlertsBoard(tuple, lambda: NOW)
        self.given = given

        def give(order: Order) -> None:
            self.given()
            self.orders.append(order)

        self.in_force = RulesInForce(self.config, give, self.telemetry, clock_ms=lambda: NOW, log=SILENCE)
        mutes = MuteDesk(self.board, lambda: self.in_force.rules, self.config, give, lambda: NOW)
        self.routes: list[Route] = [
            *mute_routes(mutes),
            *rules_routes(RulesDesk(self.config, self.in_force, self.board)),
            *slo_routes(SloDesk(self.in_force, self.board)),
        ]
        self.say(pulse_row("clf", NOW - HOUR, NOW, {}, self.in_force.rules.hash), "pulse|clf")
        self.board.caught_up()

    def say(self, row: Mapping[str, Any], key: str) -> None:
        self.board.take("alerts", key, orjson.dumps(row))

    def ask(self, method: str, path: str, body: Any = b"", name: str | None = None, **query: str) -> tuple[int, Any]:
        [route] = [route for route in self.routes if (route.method, route.pattern) == (method, path)]
        sent = body if isinstance(body, bytes) else orjson.dumps(body)
        given = {} if name is None else {"name": name}
        page: Page = answered(route, Asked(given, {key: (value,) for key, value in query.items()}, None, sent))
        return page.status, json.loads(page.body)

    def level(self, name: Level) -> list[str]:
        return [line for line in self.telemetry.page().decode().splitlines() if line.startswith(name.value)]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def alert(cls: str, rule: str = "recall") -> dict[str, object]:
    labels = labels_of(model="clf", version="1", **{"class": cls})
    one = Instance(
        rule, "slo", labels, fingerprint(rule, labels), Phase.FIRING, NOW, NOW, severity=Severity.PAGE, tier="fast"
    )
    return alert_row("quality.alert.v1", one, NOW - HOUR, Context("0" * 16, NOW), None)


GOOD = {"name": "quiet", "match": {"class": "spam"}, "for": "2h", "reason": "r", "author": "a"}


def test_a_mute_that_is_posted_is_an_order(job: Job) -> None:
    row = alert("spam")
    job.say(row, str(row["fingerprint"]))
    status, said = job.ask("POST", "/v1/mutes", GOOD)
    assert (status, said["state"], said["covers"]) == (202, "now", [row["fingerprint"]])
    [order] = job.orders
    assert isinstance(order, MuteOrder)
    assert order.change.mute == Mute("quiet", (("class", "spam"),), NOW - HOUR, NOW + 2 * HOUR, reason="r", author="a")
    assert job.ask("GET", "/v1/mutes") == (200, {"mutes": []})  # until a judge says so
    job.say(mute_row(order.change.mute), "mute|quiet")
    assert job.ask("GET", "/v1/mutes") == (200, {"mutes": [said]})
    assert job.ask("GET", "/v1/mutes", state="later") == (200, {"mutes": []})


def test_a_mute_that_is_wrong_is_told_whole_and_no_order(job: Job) -> None:
    status, said = job.ask("POST", "/v1/mutes", {**GOOD, "for": "40d", "reason": "", "color": "red"})
    assert status == 400
    assert {problem["key"] for problem in said["problems"]} == {"end", "reason", "color"}
    assert {problem["code"] for problem in said["problems"]} == {"E127", "E115", "E103"}
    assert job.orders == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", b'"x"', b"{" * 5000, b"[" * 100_000, b'{"name": 1, "name": 2}', b'{"for": NaN}',
     b'{"reason": "\\ud800"}', b'{"\\udfff": 1}', b'{"name": 1e999}'],
)  # fmt: skip
def test_what_is_no_json_object_is_refused(job: Job, body: bytes) -> None:
    status, said = job.ask("POST", "/v1/mutes", body)
    assert (status, job.orders) == (400, [])
    assert "JSON" in said["error"] or "twice" in said["error"]


@pytest.mark.parametrize("key", ["name", "match", "for", "start", "end", "clock", "budget", "reason", "author"])
@pytest.mark.parametrize(
    "value", [None, 1, 1.5, True, [], {}, {"a": {"b": {}}}, "\x00", "x" * 1000, ["a"], 10**30, "-1h"]
)
def test_whatever_a_key_has_is_answered(job: Job, key: str, value: object) -> None:
    status, said = job.ask("POST", "/v1/mutes", json.dumps({**GOOD, key: value}).encode())
    assert status in {202, 400}
    assert status == 202 or said["problems"]


def test_a_mute_is_ended_by_its_name(job: Job) -> None:
    mute = Mute("quiet", (("class", "spam"),), NOW - 2 * HOUR, NOW + HOUR)
    job.say(mute_row(mute), "mute|quiet")
    job.say(mute_row(Mute("old", (), 0, 0)), "mute|old")
    status, said = job.ask("DELETE", "/v1/mutes/{name}", name="quiet")
    assert (status, said["end"]) == (202, rfc3339(NOW - HOUR))
    [order] = job.orders
    assert isinstance(order, MuteOrder)
    assert (order.change.end, order.change.at_ms) == ("quiet", NOW - HOUR)
    for name in ("old", "nobody"):
        status, said = job.ask("DELETE", "/v1/mutes/{name}", name=name)
        assert (status, said["mutes"]) == (404, ["quiet"])
    job.board.take("alerts", "mute|quiet", None)
    assert job.ask("DELETE", "/v1/mutes/{name}", name="quiet")[0] == 404


def test_nothing_is_said_of_mutes_before_the_topic_was_read(job: Job) -> None:
    job.board = job.board.__class__(tuple, lambda: NOW)
    desk = MuteDesk(job.board, lambda: job.in_force.rules, job.config, job.orders.append, lambda: NOW)
    job.routes = mute_routes(desk)
    asked = [job.ask("GET", "/v1/mutes"), job.ask("POST", "/v1/mutes", GOOD)]
    asked.append(job.ask("DELETE", "/v1/mutes/{name}", name="x"))
    assert [status for status, _ in asked] == [503, 503, 503]
    assert job.orders == []


def test_rules_that_are_right_are_given_to_the_judges(job: Job) -> None:
    before = job.in_force.rules
    job.file.write_text(OTHER)
    status, said = job.ask("POST", "/-/reload")
    assert (status, said["ok"], said["slos"]) == (200, True, ["misses"])
    assert job.orders == [RulesOrder(job.in_force.rules)]
    assert job.in_force.rules.hash == said["rules_hash"] != before.hash
    assert job.level(Level.RULES_INFO) == [f'quality_rules_info{{hash="{said["rules_hash"]}"}} 1.0']
    assert job.level(Level.RELOAD_OK) == ["quality_config_last_reload_successful 1.0"]
    assert [float(line.split()[1]) for line in job.level(Level.RELOAD_TIME)] == [NOW / 1000]


def test_rules_that_are_wrong_change_nothing(job: Job) -> None:
    before = job.ask("GET", "/v1/rules")
    job.file.write_text(WRONG)
    status, said = job.ask("POST", "/-/reload")
    assert (status, said["ok"]) == (400, False)
    assert {problem["code"] for problem in said["problems"]} == {"E103", "E117"}
    assert all(problem["file"] == str(job.file) and problem["line"] > 1 for problem in said["problems"])
    assert (job.orders, job.ask("GET", "/v1/rules")) == ([], before)
    assert job.level(Level.RELOAD_OK) == ["quality_config_last_reload_successful 0.0"]
    assert job.level(Level.RELOAD_TIME) == []
    last = job.ask("GET", "/v1/config")[1]["last_reload"]
    assert (last["ok"], last["problems"]) == (False, said["problems"])
    job.file.write_text(RULES)
    assert job.ask("POST", "/-/reload")[0] == 200
    assert job.ask("GET", "/v1/config")[1]["last_reload"] == {
        "ok": True, "at": rfc3339(NOW), "error": None, "problems": [],
    }  # fmt: skip


def test_a_rules_file_that_is_gone_is_a_wrong_one(job: Job) -> None:
    job.file.unlink()
    status, said = job.ask("POST", "/-/reload")
    assert (status, said["problems"][0]["code"]) == (400, "E113")


def test_rules_that_no_broker_took_are_not_in_force(tmp_path: Path) -> None:
    def away() -> None:
        raise UnavailableError("no broker took the order")

    job = Job(tmp_path, given=away)
    before = job.in_force.rules
    job.file.write_text(OTHER)
    assert job.ask("POST", "/-/reload") == (503, {"error": "no broker took the order"})
    assert job.in_force.rules == before
    assert job.level(Level.RELOAD_OK) == ["quality_config_last_reload_successful 0.0"]


def test_a_job_without_alerts_has_nothing_to_reload(tmp_path: Path) -> None:
    job = Job(tmp_path, enabled=False)
    job.in_force.begin()
    assert job.ask("POST", "/-/reload")[0] == 409
    with pytest.raises(RefusedError):
        job.in_force.reload()
    assert (job.orders, job.level(Level.RELOAD_OK)) == ([], [])


def test_posted_rules_are_checked_and_nothing_is_changed(job: Job) -> None:
    before = job.ask("GET", "/v1/rules")
    status, said = job.ask("POST", "/v1/rules/test", OTHER.encode())
    assert (status, said["ok"], said["slos"], said["problems"]) == (200, True, ["misses"], [])
    status, said = job.ask("POST", "/v1/rules/test", WRONG.encode())
    assert (status, said["ok"], len(said["problems"])) == (400, False, 2)
    assert (job.orders, job.ask("GET", "/v1/rules")) == ([], before)


@pytest.mark.parametrize(
    "body",
    [b"", b" \n", b"\xff\xfe", b"schema = ", b"a = " + b"[" * 50_000, b"a = " + b"[" * 300 + b"]" * 300,
     b"a." * 20_000 + b"b = 1", b"a = " + b"{b = " * 400 + b"1" + b"}" * 400, b"\x00", b"schema = 1\n[[slo]]\n" * 500],
)  # fmt: skip
def test_hostile_rules_are_refused(job: Job, body: bytes) -> None:
    status, said = job.ask("POST", "/v1/rules/test", body)
    assert status == 400
    assert said.get("problems") or said["error"]


def test_the_configuration_is_told_without_its_secrets(job: Job) -> None:
    said = {path: job.ask("GET", path)[1] for path in ("/v1/config", "/v1/rules", "/v1/slos")}
    assert job.config.client["sasl.password"] == SECRET
    assert SECRET not in json.dumps(said)
    config = said["/v1/config"]
    assert (config["config_hash"], config["quality_hash"]) == (job.config.config_hash, job.config.quality_hash)
    rules = {"file": str(job.file), "hash": job.in_force.rules.hash, "taken_at": rfc3339(NOW), "enabled": True}
    assert config["rules"] == {**rules, "judged_by": {"clf": job.in_force.rules.hash}}
    assert said["/v1/rules"]["slos"][0]["class_target"] == [["rare", 0.8]]


def test_a_budget_tells_its_floors_and_what_burns(job: Job) -> None:
    fires, silent = alert("spam"), alert("ham", "recall/no-data")
    for row in (fires, silent, alert("spam", "other")):
        job.say(row, str(row["fingerprint"]))
    assert job.ask("GET", "/v1/slos") == (200, {"slos": ["recall"]})
    status, said = job.ask("GET", "/v1/slos/{name}", name="recall")
    assert status == 200
    assert (said["burning"], said["no_data"]) == ([fires], [silent])
    first = {tiers["target"]: tiers["tiers"][0] for tiers in said["tiers"]}
    assert first[0.9]["floor"] == pytest.approx(0.63)
    assert first[0.9]["burn"] == pytest.approx(3.7)
    assert first[0.8]["floor"] == pytest.approx(0.56)
    assert job.ask("GET", "/v1/slos/{name}", name="recal") == (
        404, {"error": "there is no error budget of this name; known: recall", "slos": ["recall"]},
    )  # fmt: skip


def test_what_burns_is_not_said_before_the_topic_was_read(job: Job) -> None:
    job.routes = slo_routes(SloDesk(job.in_force, AlertsBoard(tuple, lambda: NOW)))
    assert job.ask("GET", "/v1/slos/{name}", name="recall")[0] == 503
    assert job.ask("GET", "/v1/slos/{name}", name="nobody")[0] == 404
    assert job.ask("GET", "/v1/slos")[0] == 200


@pytest.mark.parametrize("path", ["/v1/mutes", "/v1/config", "/v1/rules", "/v1/slos"])
def test_unknown_parameters_are_refused(job: Job, path: str) -> None:
    assert job.ask("GET", path, nonsense="1")[0] == 400


@pytest.mark.parametrize("name", ["", "x" * 1000, "a\x00b", "\u202ex"])
def test_hostile_names_are_refused(job: Job, name: str) -> None:
    assert job.ask("GET", "/v1/slos/{name}", name=name)[0] == 400
    assert job.ask("DELETE", "/v1/mutes/{name}", name=name)[0] == 400
