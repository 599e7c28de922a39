"""What `load` makes of a file: specs, pins, and problems with their places."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.formats.reasons import Kind
from streams.formats.spec import default_mapping
from streams.ledger.spec import LedgerSpec, Timing
from streams.runtime.config.job import Config, load, parse
from streams.runtime.config.pins import differences
from streams.runtime.config.problems import Code, InvalidConfigError, Problem
from streams.runtime.errors import ConfigError

BOTH = '[[predictions]]\ntopic = "p"\n[[labels]]\ntopic = "l"\n'


def read(text: str, env: Mapping[str, str] | None = None) -> Config:
    return parse(text, "c.toml", env or {})


def problems_of(text: str, env: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
    with pytest.raises(InvalidConfigError) as raised:
        read(text, env)
    return raised.value.problems


def test_without_a_file_everything_has_its_default() -> None:
    config = load(None, {})
    defaults = LedgerSpec()
    assert config.ledger.partitions == defaults.partitions
    assert config.ledger.timing == defaults.timing
    assert [window.name for window in config.quality.windows] == ["1h", "24h", "7d"]
    assert config.dimensions == ("segment",)
    assert config.topic("windows") == "quality.windows.v1"
    assert config.client == {"bootstrap.servers": "localhost:9092"}
    assert config.ledger.config_hash


def test_a_source_without_a_map_has_the_built_in_mapping() -> None:
    config = read(BOTH)
    assert config.prediction_sources[0].mapping == default_mapping(Kind.PREDICTION)
    assert config.label_sources[0].mapping == default_mapping(Kind.LABEL)


def test_a_map_replaces_single_fields_and_an_empty_list_switches_one_off() -> None:
    config = read('[[predictions]]\ntopic = "p"\nmap = { id = "header.x", class = ["value.a", "value.b"], score = [] }')
    fields = dict(config.prediction_sources[0].mapping.fields)
    assert fields["id"] == ("header.x",)
    assert fields["class"] == ("value.a", "value.b")
    assert "score" not in fields
    assert fields["time"] == dict(default_mapping(Kind.PREDICTION).fields)["time"]


def test_dimensions_are_those_of_all_prediction_topics_in_the_order_of_the_file() -> None:
    text = (
        '[[predictions]]\ntopic = "a"\nsegments = { region = "value.r", tier = "value.t" }\n'
        '[[predictions]]\ntopic = "b"\nsegments = { channel = "value.c", region = "value.geo" }\n'
    )
    config = read(text)
    assert config.dimensions == ("region", "tier", "channel") == config.quality.dimensions


def test_a_required_model_has_no_default() -> None:
    mapping = read('[[predictions]]\ntopic = "p"\nrequired = ["model"]').prediction_sources[0].mapping
    assert (mapping.default_model, mapping.default_version) == (None, "(none)")


def test_labels_carry_ranks_and_deletions() -> None:
    text = (
        '[[labels]]\ntopic = "l"\nranks = { review = 2, chargeback = 1 }\n'
        'delete_when = { "value.kind" = "gone", "value.n" = [0, true] }'
    )
    mapping = read(text).label_sources[0].mapping
    assert mapping.ranks == (("chargeback", 1), ("review", 2))
    assert mapping.delete_when == (("value.kind", ("gone",)), ("value.n", (0, True)))


def test_a_model_overrides_only_what_it_says() -> None:
    config = read('[models.fraud]\nhorizon = "60d"\nexpected_classes = ["a", "b"]\n[models.same]\nhorizon = "30d"')
    usual = LedgerSpec().timing
    assert config.ledger.timing_of("fraud") == Timing(60 * 86_400_000, usual.slack_ms, usual.settle_ms)
    assert config.ledger.models == config.quality.models
    assert [name for name, _ in config.ledger.models] == ["fraud"]
    assert config.quality.classes_expected("fraud") == 2
    assert config.ledger.paired == ()
    assert read("[models]\nb = { paired = true }\na = { paired = true }\nc = {}").ledger.paired == ("a", "b")


@pytest.mark.parametrize(
    ("written", "start"),
    [
        ('"earliest"', "earliest"),
        ('"latest"', "latest"),
        ('"2026-01-31T01:00:00+01:00"', 1_769_817_600_000),
        ("2026-01-31T00:00:00.5Z", 1_769_817_600_500),
    ],
)
def test_a_start_is_an_end_of_the_log_or_a_moment(written: str, start: str | int) -> None:
    assert datetime.fromtimestamp(1_769_817_600, UTC).isoformat() == "2026-01-31T00:00:00+00:00"
    assert read(f'[[labels]]\ntopic = "l"\nstart = {written}').label_sources[0].start == start


def test_the_prefix_follows_the_name_unless_it_is_set() -> None:
    assert read('name = "b"').topic("ledger") == "b.ledger.v1"
    assert read('name = "b"\nprefix = "x-"').topic("ledger") == "x-ledger.v1"


def test_running_needs_a_topic_of_each_kind() -> None:
    read(BOTH).require_topics()
    with pytest.raises(ConfigError, match=r"no topic of labels"):
        read('[[predictions]]\ntopic = "p"').require_topics()
    with pytest.raises(ConfigError, match=r"no topic of predictions"):
        load(None, {}).require_topics()


ONE_OF_EACH: list[tuple[Code, str, int, str]] = [
    (Code.SYNTAX, 'name = "a"\nx = = 1', 2, "not TOML"),
    (Code.UNKNOWN_KEY, '[windows]\n\nhorizn = "1d"', 3, 'Did you mean "horizon"?'),
    (Code.UNKNOWN_KEY, '[models."a b"]\nsetle = "1d"', 2, 'Did you mean "settle"?'),
    (Code.UNKNOWN_KEY, "[[labels]]\ntopic = 'l'\nmap.clas = 'value.x'", 3, 'Did you mean "class"?'),
    (Code.MISSING_KEY, "\n[[labels]]\nstart = 'latest'", 2, '"topic" is missing'),
    (Code.WRONG_TYPE, '[ledger]\npartitions = "8"', 2, "not a whole number"),
    (Code.WRONG_TYPE, "[windows]\nsizes = [\n'1h',\n60]", 4, "60 is not text in quotes"),
    (Code.WRONG_VALUE, "\n[run]\nhttp_port = 0", 3, "greater than or equal to 1"),
    (Code.WRONG_VALUE, "[ledger]\npartitions = 0", 2, "greater than or equal to 1"),
    (Code.WRONG_VALUE, "[[labels]]\ntopic = 'l'\nstart = 2026-01-31T00:00:00", 3, "has no zone"),
    (Code.WRONG_VALUE, "[[labels]]\ntopic = 'a b'", 2, "cannot be a topic"),
    (Code.WRONG_VALUE, "[[predictions]]\ntopic = 'p'\nsegments.all = 'value.x'", 3, "cannot be a segment dimension"),
    (Code.DURATION, "[time]\nidle_after = 5", 2, "has no unit"),
    (Code.DURATION, "[time]\nidle_after = '5 minutes'", 2, "not a duration"),
    (Code.DURATION, "[run]\ntick = '1ms'", 2, "too short"),
    (Code.WINDOW, "[windows]\nsizes = ['1h', '1 week']", 2, "not a window"),
    (Code.WINDOW, "[windows]\npane = '7m'\nsizes = ['7h',\n'24h']", 4, "pane 7m does not divide the size 1d"),
    (Code.WINDOW, "[windows]\norigin = '30s'\nsizes = ['1h']", 3, "divide the origin 30s"),
    (Code.EXPRESSION, "[[labels]]\ntopic = 'l'\n[labels.map]\nid = ['key',\n'value..id']", 5, "character 7 of"),
    (Code.EXPRESSION, "[[labels]]\ntopic = 'l'\nmap.time = 'value.t | tz(Europe/Berln)'", 3, "zone"),
    (Code.EXPRESSION, "[[labels]]\ntopic = 'l'\n[labels.map]\nclass = []", 3, "class"),
    (Code.CLIENT_OWNED, '[kafka.client]\n"enable.auto.commit" = true', 2, "counts are exact only by them"),
    (Code.CLIENT_INVALID, '[kafka.client]\n"sasl.mechansim" = "PLAIN"', 2, 'Did you mean "sasl.mechanism"?'),
    (Code.CLIENT_INVALID, '[kafka.client]\n"fetch.min.bytes" = -1', 2, "outside allowed range"),
    (
        Code.CLIENT_INVALID,
        '\n[kafka.client]\n"security.protocol" = "SASL_SSL"\n"sasl.mechanism" = "PLAIN"',
        2,
        "username",
    ),
    (Code.SECRET_UNSET, '[kafka.client]\n"sasl.password" = "${NOT_THERE}"', 2, "NOT_THERE is not set"),
    (Code.SECRET_MISPLACED, '[kafka.client]\n"sasl.password" = "open"', 2, "stands in the file"),
    (Code.SECRET_MISPLACED, '[kafka]\nbootstrap = "$BROKERS"', 2, "only in kafka.client and privacy_key"),
    (Code.CONFLICT, "[[predictions]]\ntopic = 'p'\n[[labels]]\ntopic = 'p'", 4, "read on line 2 already"),
    (Code.CONFLICT, "[[predictions]]\ntopic = 'quality.windows.v1'", 2, "one of the job's own"),
    (Code.CONFLICT, "[windows]\nhorizon = '1d'\nslack = '1h'\nsettle = '26h'", 4, "longer than horizon + slack (25h)"),
    (Code.CONFLICT, "[models.m]\nsettle = '40d'", 2, "longer than horizon + slack (32d)"),
    (Code.CONFLICT, "[classes]\naliases = { a = ['1'], b = ['1'] }", 2, "'1' is"),
    (Code.CONFLICT, "[classes]\nunknown = 'reject'", 2, "no class would be known"),
]


@pytest.mark.parametrize(("code", "text", "line", "says"), ONE_OF_EACH)
def test_a_problem_is_told_with_its_line_and_code(code: Code, text: str, line: int, says: str) -> None:
    (problem,) = problems_of(text)
    assert (problem.code, problem.line) == (code, line)
    assert says in problem.text
    assert "\n" not in problem.text
    assert problem.text.endswith((".", "?"))


def test_a_window_may_settle_when_it_is_final_but_not_later() -> None:
    read("[windows]\nhorizon = '1d'\nslack = '1h'\nsettle = '25h'")
    assert problems_of("[windows]\nhorizon = '1d'\nslack = '1h'\nsettle = '90001s'")


def test_every_code_has_a_file_that_produces_it() -> None:
    assert {code for code, *_ in ONE_OF_EACH} | {Code.UNREADABLE} == set(Code)


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    codes, text = [], ""
    for code, part, _, _ in ONE_OF_EACH:
        if part.startswith(("[windows]\n\n", "[time]\nidle_after = 5", "[run]")) or "bootstrap" in part:
            text += part + "\n"
            codes.append(code)
    problems = problems_of(text.replace("[time]\nidle_after = '5 minutes'\n", ""))
    lines = [problem.line for problem in problems]
    assert lines == sorted(lines)
    assert sorted({problem.code for problem in problems}) == sorted(set(codes))
    assert len(problems) == 4


def test_the_message_of_the_error_has_a_line_for_each_problem() -> None:
    with pytest.raises(ConfigError) as raised:
        read("[run]\ntick = 5\nhttp_prot = 1")
    assert raised.value.exit_code == 78
    first, second = str(raised.value).split("\n")
    assert first.startswith("c.toml:2: C107 run.tick: ")
    assert second.startswith("c.toml:3: C103 run.http_prot: ")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"nothing\.toml:1: {Code.UNREADABLE} the file cannot be read"):
        load(tmp_path / "nothing.toml", {})


def test_more_groups_than_can_be_numbered_are_refused_with_the_bound() -> None:
    with pytest.raises(InvalidConfigError) as raised:
        read("[limits]\nmax_groups = 1_040_000\n" + BOTH)
    (found,) = raised.value.problems
    assert (found.code, found.key) == (Code.CONFLICT, "limits.max_groups")
    assert "max_groups + max_models is 1050000, more than 1048575" in found.text


def test_a_file_that_is_not_utf_8_says_the_line(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'name = "a"\n# caf\xe9\n')
    with pytest.raises(InvalidConfigError) as raised:
        load(tmp_path / "latin.toml", {})
    assert [(problem.line, problem.code) for problem in raised.value.problems] == [(2, Code.SYNTAX)]


HIDDEN = "correct-horse-battery"


def test_secrets_come_from_the_environment_and_are_shown_nowhere() -> None:
    text = (
        'privacy_key = "$KEY"\n[kafka.client]\n"security.protocol" = "SASL_SSL"\n"sasl.mechanism" = "PLAIN"\n'
        '"sasl.username" = "u"\n"sasl.password" = "${PASSWORD}"\n'
    )
    config = read(text + BOTH, {"KEY": HIDDEN + "-key", "PASSWORD": HIDDEN})
    assert config.client["sasl.password"] == HIDDEN
    assert config.ledger.privacy_key == HIDDEN + "-key"
    assert set(config.secrets) == {HIDDEN, HIDDEN + "-key"}
    for shown in (repr(config), str(config), str(config.pinned())):
        assert HIDDEN not in shown


@pytest.mark.parametrize(
    "wrong",
    ['"security.protocol" = "$SECRET"', '"fetch.min.bytes" = "$SECRET"', '"ssl.key.pem" = "$SECRET"\n"nope" = 1'],
)
def test_a_problem_never_shows_a_value_of_the_environment(wrong: str) -> None:
    for problem in problems_of(f"[kafka.client]\n{wrong}\n", {"SECRET": HIDDEN}):
        assert HIDDEN not in problem.text


def test_a_short_privacy_key_is_refused_without_showing_it() -> None:
    (problem,) = problems_of('privacy_key = "$KEY"', {"KEY": "hunter2"})
    assert (problem.code, "hunter2" in problem.text) == (Code.WRONG_VALUE, False)


def test_an_empty_variable_is_as_bad_as_none() -> None:
    (problem,) = problems_of('privacy_key = "$KEY"', {"KEY": ""})
    assert "KEY is empty" in problem.text


NOT_PINNED = [
    '[windows]\nsizes = ["2h"]',
    "[windows]\nmin_support = 1",
    "[segments]\nmax_values = 3",
    '[models.m]\nexpected_classes = ["a"]',
    "[models.m]\npaired = false",
    '[kafka]\nbootstrap = "b:1"\nreplication = 3\nstatic_member = "m"\ngroup_protocol = "consumer"',
    '[kafka.client]\n"client.rack" = "a"',
    '[run]\ntick = "2s"\nflush_interval = "3s"\nhttp_port = 1\nhttp_host = "0.0.0.0"\nlog_level = "debug"',
    '[run]\nmax_ahead = "2h"\nmax_held_bytes = 1_000_000',
]

PINNED = [
    "[ledger]\npartitions = 9",
    "[ledger]\ntallies_partitions = 5",
    '[windows]\npane = "1m"',
    '[windows]\nhorizon = "31d"',
    '[windows]\nslack = "3d"',
    '[windows]\nsettle = "7h"',
    '[models.m]\nhorizon = "31d"',
    "[models.m]\npaired = true",
    '[time]\nmax_disorder = "16m"',
    '[time]\nlabel_disorder = "2m"',
    '[time]\nidle_after = "6m"',
    '[time]\nlive_within = "2h"',
    '[time]\nmax_skew = "1m"',
    "[limits]\nvalue_bytes = 2000",
    "[limits]\nid_bytes = 99",
    "[limits]\nname_chars = 99",
    "[limits]\nmax_classes = 99",
    "[limits]\nmax_groups = 99",
    "[limits]\nmax_models = 99",
    '[classes]\naliases = { a = ["1"] }',
    '[classes]\nexpected = ["a"]',
    '[classes]\nexpected = ["a"]\nunknown = "reject"',
    '[classes]\npositive = "a"',
    'privacy_key = "$KEY"',
]


@pytest.mark.parametrize("text", NOT_PINNED)
def test_what_the_logs_do_not_depend_on_can_be_changed(text: str) -> None:
    assert read(text + "\n" + BOTH).config_hash == read(BOTH).config_hash


@pytest.mark.parametrize("text", PINNED)
def test_what_the_logs_depend_on_changes_the_hash_and_is_named(text: str) -> None:
    ours, theirs = read(text + "\n" + BOTH, {"KEY": HIDDEN}), read(BOTH)
    assert ours.config_hash != theirs.config_hash
    named = differences(ours.pinned(), theirs.pinned())
    key = text.rpartition("\n")[2].split(" ")[0]
    assert any(key in sentence for sentence in named)
    assert not any(HIDDEN in sentence for sentence in named)


@pytest.mark.parametrize(
    "change",
    [
        'map.id = "key"', 'map.scope = "value.tenant"', 'segments = { a = "value.a" }', 'required = ["version"]',
        'default_model = "m"', 'default_version = "v"',
    ],
)  # fmt: skip
def test_every_part_of_a_prediction_mapping_is_pinned(change: str) -> None:
    changed = BOTH.replace('topic = "p"', f'topic = "p"\n{change}')
    assert read(changed).config_hash != read(BOTH).config_hash


@pytest.mark.parametrize(
    "change",
    ['map.class = "value.c"', "ranks = { a = 1 }", 'delete_when = { "value.d" = true }', 'required = ["source"]'],
)
def test_every_part_of_a_label_mapping_is_pinned(change: str) -> None:
    assert read(f"{BOTH}{change}").config_hash != read(BOTH).config_hash


def test_the_start_of_a_source_and_the_order_of_topics_are_not_pinned() -> None:
    two = '[[predictions]]\ntopic = "a"\n[[predictions]]\ntopic = "b"\nstart = "latest"\n'
    turned = '[[predictions]]\ntopic = "b"\n[[predictions]]\ntopic = "a"\n'
    assert read(two).config_hash == read(turned).config_hash


def test_windows_and_expected_classes_change_the_quality_hash() -> None:
    usual = read(BOTH).quality_hash
    for text in NOT_PINNED[:4]:
        assert read(text + "\n" + BOTH).quality_hash != usual
    assert read(NOT_PINNED[-1] + "\n" + BOTH).quality_hash == usual


def test_differences_name_what_is_set_on_one_side_only() -> None:
    assert differences({"a": "1", "b": "2"}, {"a": "1", "c": "3"}) == [
        "b is 2 here and not set in the job's logs",
        "c is not set here and 3 in the job's logs",
    ]
