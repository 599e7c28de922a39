"""How quality is judged, from the file to the judge's settings: every key, what can be changed, and what is refused."""

from dataclasses import replace

import pytest

from streams.ledger.spec import DAY, HOUR, MINUTE
from streams.quality.settings import (
    CostSpec,
    GroupsSpec,
    ModelSettings,
    ReferenceKind,
    ReferenceSpec,
    SamplesSpec,
    Settings,
    Training,
)
from streams.runtime.config.job import Config, load, parse
from streams.runtime.config.pins import differences
from streams.runtime.config.problems import Code, InvalidConfigError, Problem
from streams.runtime.config.settings_tables import MAX_KEPT_SCORES, SCORE_BINS
from streams.runtime.config.values import MAX_AGES, maturity_ms

BOTH = '[[predictions]]\ntopic = "p"\n[[labels]]\ntopic = "q"\n'
TRAINED = '[reference.training]\nversion = "a"\n'


def read(text: str) -> Config:
    return parse(text, "c.toml", {})


def settings(text: str) -> Settings:
    return read(text).quality.settings


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidConfigError) as raised:
        read(text)
    return raised.value.problems


def test_without_a_file_settings_have_their_defaults() -> None:
    quality = load(None, {}).quality
    assert quality.settings == Settings()
    assert (quality.detail_ms, quality.label_time, quality.maturities_ms) == (HOUR, False, ())


def test_a_reference_of_all_models() -> None:
    bins = list(range(SCORE_BINS))
    text = (
        f'[reference]\nkind = "first"\nwindows = 30\nweeks = 5\n{TRAINED}predicted = {{ b = 1, a = 2 }}\n'
        f"recall = {{ b = [1, 2], a = [3, 3] }}\nscores = {bins}\n"
    )
    training = Training("a", (("a", 2), ("b", 1)), (("a", 3, 3), ("b", 1, 2)), tuple(bins))
    assert settings(text).reference == ReferenceSpec(ReferenceKind.FIRST, 30, 5, training)


@pytest.mark.parametrize("kind", list(ReferenceKind))
def test_every_kind_of_reference_can_be_written(kind: ReferenceKind) -> None:
    assert settings(f'[reference]\nkind = "{kind}"\n{TRAINED}scores = {[1] * SCORE_BINS}').reference.kind is kind


def test_a_model_has_its_own_reference_where_it_says_so_and_else_that_of_all() -> None:
    text = (
        f"[reference]\nwindows = 30\n{TRAINED}predicted = {{ a = 1 }}\n"
        '[models.m.reference]\nkind = "training"\n'
        '[models.n.reference.training]\nversion = "b"\npredicted = { x = 1 }\n[models.o]\nexpected_classes = ["a"]\n'
    )
    found = settings(text)
    of_all = ReferenceSpec(ReferenceKind.AUTO, 30, 4, Training("a", (("a", 1),)))
    assert found.reference_of("other") == found.reference_of("o") == of_all
    assert found.reference_of("m") == replace(of_all, kind=ReferenceKind.TRAINING)
    assert found.reference_of("n") == replace(of_all, training=Training("b", (("x", 1),)))
    assert [name for name, _ in found.models] == ["m", "n"]


def test_costs_are_by_label_and_prediction_and_a_model_can_have_its_own() -> None:
    text = (
        "[cost]\nwrong = 2\n[cost.matrix.b]\na = 25\nb = -1.5\n[cost.matrix.a]\nb = 0.5\n"
        "[models.m.cost.matrix.x]\ny = 3.0\n[models.n.cost]\n"
    )
    found = settings(text)
    assert found.cost == CostSpec((("a", "b", 0.5), ("b", "a", 25.0), ("b", "b", -1.5)), 2.0)
    assert found.cost_of("m") == CostSpec((("x", "y", 3.0),), 1.0)
    assert found.cost_of("n") == CostSpec((), 1.0)
    assert settings("[models.m.cost.matrix.x]\ny = 3.0").cost_of("other") is None


def test_groups_drift_samples_and_people() -> None:
    text = (
        '[groups]\nprotected = ["tier", "region"]\nfavourable = "yes"\n[drift]\nsegments = false\n'
        "[samples]\nper_window = 3\nconfident = 1\nnear = 0\n"
        '[[predictions]]\ntopic = "p"\nsegments = { region = "value.r", tier = "value.t" }\n'
        '[[labels]]\ntopic = "l"\nhuman = ["review", "call"]\n[[labels]]\ntopic = "k"\nhuman = ["review"]\n'
    )
    assert settings(text) == Settings(
        drift_segments=False,
        groups=GroupsSpec(("region", "tier"), "yes"),
        human_sources=("call", "review"),
        samples=SamplesSpec(3, 1.0, 0.0),
    )


def test_the_ledger_holds_what_scores_and_samples_need() -> None:
    ledger = read("[scores]\nkeep = 3\n[samples]\nper_window = 4\nconfident = 0.75\nnear = 0.125\n").ledger
    assert (ledger.keep_scores, ledger.samples) == (3, 4)
    assert (ledger.sample_confident, ledger.sample_near) == (0.75, 0.125)
    assert read("").ledger.keep_scores == 0


def test_a_model_that_says_nothing_of_quality_has_no_settings() -> None:
    assert settings('[models.m]\nhorizon = "3d"').models == ()
    assert settings("[models.m.reference]\nweeks = 3").models == (("m", ModelSettings(ReferenceSpec(weeks=3))),)


def test_the_order_in_the_file_is_no_other_setting() -> None:
    trained = f"{TRAINED}predicted = {{ %s }}\n"
    one = trained % "a = 1, b = 2" + "[models.m.cost]\n[models.k.cost.matrix]\na = { b = 1, c = 2 }\n"
    two = "[models.k.cost.matrix]\na = { c = 2, b = 1 }\n[models.m.cost]\n" + trained % "b = 2, a = 1"
    assert read(one).quality_hash == read(two).quality_hash


@pytest.mark.parametrize(
    ("text", "detail_ms"),
    [
        ("", HOUR),
        ('[windows]\npane = "2h"\nsizes = ["24h"]', 2 * HOUR),
        ('[windows]\npane = "7m"\nsizes = ["7h"]', 63 * MINUTE),
        ('[windows]\ndetail = "15m"', 15 * MINUTE),
        ('[windows]\ndetail = "1d"', DAY),
    ],
)
def test_details_are_counted_by_the_hour_or_by_the_next_multiple_of_the_pane(text: str, detail_ms: int) -> None:
    assert read(text).quality.detail_ms == detail_ms


def test_views_name_a_label_age_whatever_the_spelling_and_order() -> None:
    quality = read('[windows]\nviews = ["maturity-7d", "label_time", "maturity-60m", "maturity-1d"]').quality
    assert quality.label_time
    assert quality.maturities_ms == (HOUR, DAY, 7 * DAY)
    assert read('[windows]\nviews = ["maturity-90s"]').quality.maturities_ms == (90_000,)


def test_a_view_of_no_label_age_has_none() -> None:
    assert maturity_ms("label_time") is None
    with pytest.raises(ValueError, match="whole seconds"):
        maturity_ms("maturity-1500ms")


def test_the_largest_values_are_possible() -> None:
    read(f"[scores]\nkeep = {MAX_KEPT_SCORES}\n[samples]\nper_window = 100\nconfident = 1.0\nnear = 0.5\n")
    read("[reference]\nwindows = 1000\nweeks = 52\n")
    read(f"{TRAINED}recall = {{ a = [5, 5] }}")
    ages = [f"maturity-{hours}h" for hours in range(1, 9)]
    assert len(read(f"[windows]\nviews = {['label_time', *ages]}").ledger.maturities_ms) == MAX_AGES
    read("[cost]\nwrong = 1e12\nmatrix.a.b = -1e12")
    read('[windows]\nhorizon = "1d"\nslack = "0s"\nsettle = "1h"\nviews = ["maturity-86399s"]')


def test_windows_can_decay() -> None:
    (window,) = read('[windows]\nsizes = ["decayed-6h"]').quality.windows
    assert (window.name, window.half_life_ms) == ("decayed-6h", 6 * HOUR)


CLOSED = '[classes]\nexpected = ["late", "on_time"]\naliases = { late = ["L"] }\n'

REFUSED: list[tuple[Code, str, int, str]] = [
    (Code.WINDOW, "[windows]\npane = '10m'\ndetail = '15m'", 3, "not a multiple of the pane 10m"),
    (Code.WINDOW, "[windows]\ndetail = '2m'", 2, 'Write "5m"'),
    (Code.WINDOW, "[windows]\nsizes = ['decayed-20m']", 2, 'divide the step 200s of window "decayed-20m"'),
    (Code.DURATION, "[windows]\ndetail = 60", 2, "has no unit"),
    (Code.WINDOW, "[windows]\nviews = ['label_time',\n'maturity']", 3, '"maturity" is not a view'),
    (Code.WINDOW, "[windows]\nviews = ['maturity-soon']", 2, "no label age"),
    (Code.WINDOW, "[windows]\nviews = ['maturity-0s']", 2, "no label age"),
    (Code.CONFLICT, "[windows]\nviews = ['maturity-1d',\n'maturity-24h']", 3, "is there twice"),
    (Code.CONFLICT, "[windows]\nviews = ['label_time',\n'maturity-32d']", 3, "are final already (horizon + slack 32d)"),
    (
        Code.CONFLICT,
        "[windows]\nviews = ['maturity-7d']\n[models.m]\nhorizon = '5d'",
        2,
        "windows of models.m are final already (horizon + slack 7d)",
    ),
    (Code.CONFLICT, "[models.m.cost]\nwrong = 2\n[windows]\nviews = ['maturity-32d']", 4, "windows are final already"),
    (Code.WRONG_VALUE, f"[windows]\nviews = {[f'maturity-{hours}h' for hours in range(1, 10)]}", 2, "9 label ages"),
    (Code.CONFLICT, "[windows]\nsizes = ['24h',\n'1d']", 3, 'the window "24h" is there twice'),
    (Code.CONFLICT, "[windows]\nsizes = ['decayed-60m',\n'decayed-1h']", 3, '"decayed-1h" is there twice'),
    (Code.CONFLICT, "[models.m]\nhorizon = '40d'\n[models.n]\n[windows]\nsettle = '33d'", 5, "is longer than"),
    (Code.WRONG_VALUE, "[scores]\nkeep = 17", 2, "less than or equal to 16"),
    (Code.WRONG_TYPE, "[scores]\nkeep = true", 2, "not a whole number"),
    (Code.WRONG_VALUE, "[samples]\nper_window = 101", 2, "less than or equal to 100"),
    (Code.WRONG_VALUE, "[samples]\nconfident = 0", 2, "greater than 0"),
    (Code.WRONG_VALUE, "[samples]\nnear = 0.6", 2, "less than or equal to 0.5"),
    (Code.WRONG_VALUE, "[samples]\nnear = nan", 2, "not possible"),
    (Code.UNKNOWN_KEY, "[reference]\nwindow = 3", 2, 'Did you mean "windows"?'),
    (Code.UNKNOWN_KEY, "[models.m.reference.training]\nversion = 'a'\nscore = []\nscores = [1]", 3, '"scores"?'),
    (Code.WRONG_VALUE, "[reference]\nkind = 'frist'", 2, "'auto', 'first', 'training' or 'hour_of_week'"),
    (Code.WRONG_VALUE, "[reference]\nweeks = 1", 2, "greater than or equal to 2"),
    (Code.CONFLICT, "[reference]\nkind = 'training'", 2, "Describe it in [reference.training]"),
    (Code.CONFLICT, "[models.m.reference]\nkind = 'training'", 2, "Describe it in [models.m.reference.training]"),
    (Code.MISSING_KEY, "[reference.training]\npredicted = { a = 1 }", 1, '"version" is missing'),
    (Code.CONFLICT, TRAINED, 1, "nothing to compare with"),
    (Code.WRONG_VALUE, f"{TRAINED}predicted = {{ a = 0 }}", 3, "every count is 0"),
    (Code.WRONG_VALUE, f"{TRAINED}predicted = {{ a = -1 }}", 3, "greater than or equal to 0"),
    (Code.WRONG_TYPE, f"{TRAINED}predicted = {{ a = 0.5 }}", 3, "not a whole number"),
    (Code.WRONG_VALUE, f"{TRAINED}scores = [1, 2]", 3, "2 counts, not 20"),
    (Code.WRONG_VALUE, f"{TRAINED}scores = {[0] * SCORE_BINS}", 3, "every count is 0"),
    (Code.WRONG_VALUE, f"{TRAINED}recall = {{ a = [3, 2] }}", 3, "there cannot be more hits"),
    (Code.WRONG_VALUE, f"{TRAINED}recall = {{ a = [0, 0] }}", 3, "a support of 0"),
    (Code.WRONG_VALUE, f"{TRAINED}recall = {{ a = [1] }}", 3, "[1] is no pair of counts"),
    (Code.WRONG_VALUE, "[cost]\nwrong = inf", 2, "finite"),
    (Code.WRONG_VALUE, "[cost.matrix.a]\nb = -1.1e12", 2, "greater than or equal to -1"),
    (Code.WRONG_TYPE, "[cost.matrix.a]\nb = '3'", 2, "not a number"),
    (Code.CONFLICT, f"{CLOSED}{TRAINED}predicted = {{ lat = 1 }}", 6, 'Did you mean "late"?'),
    (Code.CONFLICT, f"{CLOSED}{TRAINED}recall = {{ on_time = [1, 1], lost = [1, 1] }}", 6, '"lost" is not in classes.'),
    (Code.CONFLICT, f"{CLOSED}{TRAINED}predicted = {{ L = 1 }}", 6, '"L" is another spelling of "late"'),
    (Code.CONFLICT, f"{CLOSED}[cost.matrix.late]\nearly = 1", 5, '"early" is not in classes.expected'),
    (Code.CONFLICT, f"{CLOSED}[cost.matrix.early]\nlate = 1", 4, '"early" is not in classes.expected'),
    (Code.CONFLICT, f"{CLOSED}[groups]\nfavourable = 'early'", 5, '"early" is not in classes.expected'),
    (Code.CONFLICT, f"{CLOSED}positive = 'on_tim'", 4, 'Did you mean "on_time"?'),
    (Code.CONFLICT, f"{CLOSED}positive = 'early'", 4, "so every score would be turned around. Known here: late, on_"),
    (Code.CONFLICT, f"{CLOSED}positive = 'L'", 3, "'L' is an alias of 'late'"),
    (Code.CONFLICT, f"{CLOSED}positive = ' late'", 3, "' late' is no class name"),
    (Code.CONFLICT, "[classes]\nexpected = ['a', 'b', 'c']\npositive = 'a'", 3, "classes.expected has 3 classes, and"),
    (Code.CONFLICT, "[classes]\nexpected = ['a', 'b', 'c']\npositive = 'd'", 3, "Remove positive, or list two"),
    (
        Code.CONFLICT,
        "[classes]\npositive = 'a'\n[models.m]\nexpected_classes = ['a', 'b', 'c']",
        4,
        "it has 3 classes beside classes.positive",
    ),
    (Code.CONFLICT, "[cost.matrix.' a']\nb = 1", 1, '" a" is another spelling of "a"'),
    (Code.CONFLICT, "[cost.matrix.'']\nb = 1", 1, "an empty text is no class"),
    (
        Code.CONFLICT,
        "[models.m]\nexpected_classes = ['a', 'b']\n[models.m.cost.matrix.a]\nc = 1",
        4,
        'not in models."m".expected_classes',
    ),
    (Code.CONFLICT, "[groups]\nprotected = ['segment',\n'segmnt']", 3, 'Did you mean "segment"?'),
    (Code.CONFLICT, "[groups]\nprotected = ['segment',\n'segment']", 3, "is there twice"),
]


@pytest.mark.parametrize(("code", "text", "line", "says"), REFUSED)
def test_what_cannot_be_is_told_with_its_line_and_code(code: Code, text: str, line: int, says: str) -> None:
    (problem,) = problems_of(text)
    assert (problem.code, problem.line) == (code, line)
    assert says in problem.text
    assert "\n" not in problem.text
    assert problem.text.endswith((".", "?"))


@pytest.mark.parametrize(
    ("expected", "binned"),
    [([], None), (["a", "a"], None), (["a", "b"], "a"), (["b", "a", "b"], "a")],
)
def test_scores_are_binned_only_of_one_of_exactly_two_classes(expected: list[str], binned: str | None) -> None:
    models = "[models.m]\nexpected_classes = ['a', 'b']"
    kept = read(f"{BOTH}[classes]\nexpected = {expected}\npositive = 'a'\n{models}")
    assert kept.ledger.positive is None  # a third class may come
    if not expected:
        return
    config = read(f"{BOTH}[classes]\nexpected = {expected}\nunknown = 'reject'\npositive = 'a'\n{models}")
    assert config.ledger.positive == binned
    assert config.prediction_sources[0].mapping.classes.positive == "a"  # of a single number it is told all the same


def test_without_a_positive_class_any_number_of_classes_can_be_listed() -> None:
    text = f"{BOTH}[classes]\nexpected = ['a', 'b', 'c']\n[models.m]\nexpected_classes = ['a', 'b', 'd']"
    assert read(text).ledger.positive is None
    assert read(f"{BOTH}[classes]\nexpected = ['a', 'b']").ledger.positive is None


def test_classes_of_a_model_are_those_of_its_own_list() -> None:
    text = (
        CLOSED + "[models.m]\nexpected_classes = ['a', 'b']\n[models.m.cost.matrix.a]\nb = 1\n"
        "[groups]\nfavourable = 'b'\n[models.n.cost.matrix.late]\non_time = 1\n"
    )
    assert settings(text).cost_of("m") == CostSpec((("a", "b", 1.0),))


def test_all_of_it_is_told_at_once() -> None:
    text = (
        "[reference]\nkind = 'training'\nwindows = 0\n[groups]\nprotected = ['x']\n[scores]\nkeep = 99\n"
        "[windows]\nviews = ['maturity-99d', 'y', 'label_time', 'label_time']\ndetail = '7m'\nsizes = ['1d', '24h']\n"
    )
    assert [problem.line for problem in problems_of(text)] == [2, 3, 5, 7, 9, 9, 9, 10, 11]


@pytest.mark.parametrize(
    "text",
    [
        "reference = 3", "reference.training = 3", "cost.matrix = [1]", "groups.protected = 'a'", "models = 1",
        "models.m = 1", "classes.expected = 'a'\ncost.matrix.a.b = 1", "windows.views = 'x'", "classes.aliases = 1",
        "models.m.cost.matrix.a = 3", "predictions = 3", "groups.favourable = 1", "predictions = [1]",
        "classes.positive = 1\nclasses.expected = ['a', 'b', 'c']", "classes.positive = 'a'\nclasses.expected = 2",
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_told_and_nothing_breaks(text: str) -> None:
    assert {problem.code for problem in problems_of(text)} <= {Code.WRONG_TYPE, Code.WRONG_VALUE}


CHANGEABLE = [
    '[reference]\nkind = "first"', "[reference]\nwindows = 21", "[reference]\nweeks = 5",
    f"{TRAINED}predicted = {{ a = 1 }}", "[drift]\nsegments = false", "[cost]\nwrong = 2.0", "[cost]",
    "[cost.matrix.a]\nb = 2", '[groups]\nprotected = ["segment"]', '[groups]\nfavourable = "a"',
    "[models.m.reference]\nweeks = 5", "[models.m.cost]",
]  # fmt: skip


@pytest.mark.parametrize("text", CHANGEABLE)
def test_what_is_only_judged_otherwise_can_be_changed_and_makes_other_rows(text: str) -> None:
    ours, theirs = read(f"{text}\n{BOTH}"), read(BOTH)
    assert ours.config_hash == theirs.config_hash
    assert ours.quality_hash != theirs.quality_hash


def test_who_is_a_person_can_be_changed() -> None:
    ours, theirs = read(f'{BOTH}human = ["review"]'), read(BOTH)
    assert ours.config_hash == theirs.config_hash
    assert ours.quality_hash != theirs.quality_hash


PINNED = [
    ('[windows]\ndetail = "2h"', "windows.detail is 2h here and 1h"),
    ('[windows]\nviews = ["label_time"]', "windows.views is label_time here and (none)"),
    ('[windows]\nviews = ["maturity-1d", "label_time"]', "windows.views is label_time, maturity-24h here"),
    ("[scores]\nkeep = 3", "scores.keep is 3 here and 0"),
    ("[samples]\nper_window = 0", "samples.per_window is 0 here and 10"),
    ("[samples]\nconfident = 0.8", "samples.confident is 0.8 here and 0.9"),
    ("[samples]\nnear = 0", "samples.near is 0.0 here and 0.02"),
]


@pytest.mark.parametrize(("text", "says"), PINNED)
def test_what_changes_the_counts_is_pinned(text: str, says: str) -> None:
    ours, theirs = read(f"{text}\n{BOTH}"), read(BOTH)
    assert ours.config_hash != theirs.config_hash
    (said,) = differences(ours.pinned(), theirs.pinned())
    assert said.startswith(says)
