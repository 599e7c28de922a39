"""`streams mute` and `streams trained` over a board: what they write, what they say, what they refuse."""

import json
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from streams.alerts.instance import Instance, Phase, fingerprint, labels_of
from streams.alerts.orders import MuteOrder, Order, TrainedOrder
from streams.alerts.rows import Context, alert_row, mute_row, pulse_row
from streams.alerts.rules.model import DAY, HOUR, Mute, Severity, Weekly
from streams.cli import mute_orders
from streams.cli.main import main
from streams.runtime import orders
from streams.runtime.alerts_board import AlertsBoard
from streams.runtime.config.job import Config
from streams.runtime.desk import reading

NOW = 20_000 * DAY
RULES = 'schema = 1\n[[slo]]\nname = "recall"\ntarget = 0.9\nrunbook = "x"\n'
Ask = Callable[..., tuple[int, str, str]]


class Desk:
    """What the commands read and write instead of topics."""

    def __init__(self) -> None:
        self.board = AlertsBoard(tuple, lambda: NOW)
        self.orders: list[Order] = []
        self.say(pulse_row("clf", NOW - HOUR, NOW, {}, "0" * 16), "pulse|clf")

    def say(self, row: dict[str, object], key: str) -> None:
        self.board.take("alerts", key, orjson.dumps(row))

    def read(self, _config: Config) -> AlertsBoard:
        return self.board

    def order(self, order: Order, _config: Config) -> None:
        self.orders.append(order)

    def fire(self, cls: str, rule: str = "recall", kind: str = "slo", **evidence: str) -> str:
        labels = labels_of(model="clf", version="1", **{"class": cls})
        one = Instance(
            rule, kind, labels, fingerprint(rule, labels), Phase.FIRING, NOW, NOW, severity=Severity.PAGE,
            fired_evidence={**evidence},
        )  # fmt: skip
        row = alert_row("quality.alert.v1", one, NOW - HOUR, Context("0" * 16, NOW), None)
        self.say(row, one.fingerprint)
        return one.fingerprint


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()
    for module in (mute_orders, reading):
        monkeypatch.setattr(module, "read_board", made.read)
    for module in (mute_orders, orders):
        monkeypatch.setattr(module, "order", made.order)
    monkeypatch.setattr(mute_orders, "wall_ms", lambda: NOW)
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    monkeypatch.setenv("COLUMNS", "160")
    return made


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    (tmp_path / "rules.toml").write_text(RULES)
    file = tmp_path / "job.toml"
    file.write_text('[[predictions]]\ntopic = "p"\n[[labels]]\ntopic = "l"\n[alerts]\nrules = "rules.toml"\n')

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*arguments, "-c", str(file)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


QUIET = ("mute", "quiet", "--match", "class=spam|eggs", "--match", "rule=recall", "--for", "2h", "--reason", "INC-7")


def test_a_mute_is_an_order_and_says_what_it_covers(desk: Desk, ask: Ask) -> None:
    desk.fire("spam")
    desk.fire("ham")
    code, out, err = ask(*QUIET)
    assert (code, err) == (0, "")
    match = (("class", "spam|eggs"), ("rule", "recall"))
    [order] = desk.orders
    assert isinstance(order, MuteOrder)
    assert order.change.mute == Mute("quiet", match, NOW - HOUR, NOW + 2 * HOUR, reason="INC-7", author="ada")
    assert "nobody is told of class=spam|eggs rule=recall from now on until 2024-10-04 02:00 UTC (event time)" in out
    assert "It covers now: recall of clf 1 spam (firing)." in out


def test_a_mute_by_event_time_says_where_that_is(desk: Desk, ask: Ask) -> None:
    past = NOW - 4_000 * DAY
    desk.say(pulse_row("clf", past, past, {}, "0" * 16), "pulse|clf")
    out = ask("mute", "m", "--match", "model=clf", "--for", "2h", "--reason", "r")[1]
    assert "what happened from 2013-10-22 00:00 to 2013-10-22 02:00; event time is now at 2013-10-22 00:00." in out
    assert (
        "event time is"
        not in ask("mute", "m", "--match", "model=clf", "--for", "2h", "--reason", "r", "--clock", "wall")[1]
    )
    code, _, err = ask("mute", "m", "--match", "model=clf", "--until", "2024-10-04T06:00:00Z", "--reason", "r")
    assert code == 1
    assert "without a begin it begins at 2013-10-22T00:00:00.000Z, where event time is" in err


@pytest.mark.parametrize(
    ("match", "says"),
    [
        ("model=cfl", 'no model "cfl" was judged so far; there are clf. Did you mean "clf"?'),
        ("class=spma", 'no class "spma" has an alert now; there are ham, spam. Did you mean "spam"?'),
        ("version=2|3", 'no version "2" or "3" has an alert now; there are 1.'),
    ],
)
def test_a_name_that_nothing_has_is_warned_of_and_may_be_ahead(desk: Desk, ask: Ask, match: str, says: str) -> None:
    desk.fire("spam")
    desk.fire("ham")
    code, _, err = ask("mute", "m", "--match", match, "--for", "2h", "--reason", "r")
    assert (code, len(desk.orders)) == (0, 1)
    word = "warning" if match.startswith("model") else "note"
    assert err == f"{word}: {says} The mute is written, and covers such alerts if they come.\n"
    label, _, names = match.partition("=")
    out = ask("mute", "m", "--match", match, "--for", "2h", "--reason", "r", "--json")[1]
    assert json.loads(out)["unknown"] == {label: names.split("|")}


@pytest.mark.usefixtures("desk")
def test_nothing_is_said_of_what_nobody_can_know(ask: Ask) -> None:
    assert ask("mute", "m", "--match", "class=x", "--match", "model=!clf", "--for", "2h", "--reason", "r")[2] == ""


def test_a_mute_of_many_names_some(desk: Desk, ask: Ask) -> None:
    for n in range(7):
        desk.fire(f"c{n}")
    _, out, _ = ask("mute", "all", "--match", "model=*", "--for", "1h", "--reason", "r", "--clock", "wall")
    assert "nobody is told of everything" in out
    assert "(wall clock)" in out
    assert "and 2 more." in out


def test_a_planned_mute_covers_nothing_yet(desk: Desk, ask: Ask) -> None:
    desk.fire("spam")
    times = ("--from", "2024-10-05T00:00:00Z", "--until", "2024-10-05T06:00:00+02:00", "--budget", "exclude")
    code, out, _ = ask("mute", "plan", "--match", "class=spam", *times, "--reason", "r", "--author", "bob")
    assert code == 0
    assert "from 2024-10-05 00:00 until 2024-10-05 04:00 UTC" in out
    assert "does not burn error budgets" in out
    assert "It covers no alert that is active now." in out
    assert ask("mute", "plan", "--match", "class=spam", *times, "--reason", "r", "--json")[0] == 0
    [_, second] = desk.orders
    assert isinstance(second, MuteOrder)
    assert second.change.mute is not None
    assert second.change.mute.author == "ada"


def test_what_is_wrong_is_told_at_once_in_one_line(desk: Desk, ask: Ask) -> None:
    code, out, err = ask("mute", "a b", "--match", "rule=recal", "--for", "31d")
    assert (code, out, desk.orders) == (1, "", [])
    assert err.startswith("not muted: ")
    assert err.count("\n") == 1
    assert all(
        text in err for text in ('"a b" cannot be a name', 'Did you mean "recall"?', "31.0d, more than 30d", "reason")
    )
    assert "a mute needs an author" in ask(*QUIET, "--author", "")[2]
    code, _, err = ask("mute", "quiet", "--match", "model=clf", "--reason", "r")
    assert (code, "it has no end" in err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "say one of"),
        (("x", "--list"), "say one of"),
        (("x", "--end", "x"), "say one of"),
        (("x", "--match", "model"), "LABEL=PATTERN"),
        (("x", "--match", "=a"), "LABEL=PATTERN"),
        (("x", "--match", "model=a", "--match", "model=b"), "is there twice"),
    ],
)
def test_wrong_usage(desk: Desk, ask: Ask, arguments: tuple[str, ...], says: str) -> None:
    code, _, err = ask("mute", *arguments)
    assert (code, desk.orders) == (2, [])
    assert says in " ".join(err.replace("│", " ").split())


def test_a_user_without_a_name_must_say_one(desk: Desk, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert ask(*QUIET)[0] == 2
    assert ask(*QUIET, "--author", "bob")[0] == 0
    assert len(desk.orders) == 1


def test_the_mutes_are_a_table(desk: Desk, ask: Ask) -> None:
    assert ask("mute", "--list")[1] == "no mutes: everybody is told of everything\n"
    print_of_spam = desk.fire("spam")
    weekly = Weekly(6, 120, 240, "Europe/Berlin")
    for mute in (
        Mute("quiet", (("class", "spam"),), NOW - 2 * HOUR, NOW + HOUR, reason="INC-7", author="ada"),
        Mute("weekly", (("model", "clf"),), weekly=weekly, reason="reindex"),
        Mute("old", (), 0, 0),
        Mute("gone", (), NOW - 5 * HOUR, NOW - HOUR),
    ):
        desk.say(mute_row(mute), f"mute|{mute.name}")
    code, out, _ = ask("mute", "--list")
    [quiet] = [line.split() for line in out.splitlines() if " quiet " in line]
    assert quiet == ["quiet", "class=spam", "2024-10-04", "01:00", "event", "ada", "INC-7", "1", "alert"]
    assert "sun 02:00-04:00 Europe/Berlin" in out
    assert code == 0
    assert "old" not in out
    assert "gone" not in out
    mutes = json.loads(ask("mute", "--list", "--json")[1])["mutes"]
    assert [(one["name"], one["state"], one["covers"]) for one in mutes] == [
        ("quiet", "now", [print_of_spam]), ("weekly", "later", []),
    ]  # fmt: skip


def test_a_mute_is_ended_now(desk: Desk, ask: Ask) -> None:
    desk.fire("spam")
    desk.say(mute_row(Mute("quiet", (), NOW - 2 * HOUR, NOW + HOUR)), "mute|quiet")
    code, out, _ = ask("mute", "--end", "quiet")
    assert (code, "Beneath it: 1 alert;" in out) == (0, True)
    [order] = desk.orders
    assert isinstance(order, MuteOrder)
    assert (order.change.end, order.change.at_ms, order.change.mute) == ("quiet", NOW - HOUR, None)
    code, out, err = ask("mute", "--end", "quite")
    assert (code, out, err) == (1, "", "there is no mute 'quite' to end; there are quiet.\n")


def test_an_answer_to_a_request_to_retrain_is_an_order(desk: Desk, ask: Ask) -> None:
    for digit in ("0f", "0e"):
        desk.fire(digit, f"retrain-{digit}", "retrain", request_id=digit * 16)
    desk.fire("spam")
    code, out, err = ask("trained", "clf", "0f0f", "--became", "completed")
    assert (code, err) == (0, "")
    assert f"The request {'0f' * 16} of clf is completed" in out
    assert desk.orders == [TrainedOrder("clf", "0f" * 16, "completed")]


@pytest.mark.parametrize(
    ("model", "request_id", "says"), [("clf", "1", "no request"), ("clf", "0", "several"), ("x", "0f", "none is open")]
)
def test_an_answer_to_nothing_is_refused(desk: Desk, ask: Ask, model: str, request_id: str, says: str) -> None:
    for digit in ("0f", "0e"):
        desk.fire(digit, f"retrain-{digit}", "retrain", request_id=digit * 16)
    code, out, err = ask("trained", model, request_id, "--became", "rejected")
    assert (code, out, desk.orders) == (1, "", [])
    assert says in err
    assert err.count("\n") == 1


def test_an_answer_is_one_of_three(desk: Desk, ask: Ask) -> None:
    assert ask("trained", "clf", "0f", "--became", "done")[0] == 2
    assert desk.orders == []
