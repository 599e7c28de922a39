"""How commands end: one sentence, the documented exit code, and never a traceback."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from streams import __version__
from streams.cli import main as entry
from streams.runtime import errors

PAGE = (Path(__file__).parents[3] / "docs" / "exit-codes.md").read_text()
Run = Callable[..., int]


def failing(error: BaseException) -> typer.Typer:
    """A program with one command, `fail`, that does."""
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.callback()
    def program(_debug: bool = typer.Option(False, "--debug")) -> None:  # noqa: FBT003
        pass

    @app.command()
    def fail() -> None:
        raise error

    return app


def errors_of_ours() -> list[type[errors.StreamsError]]:
    return [errors.StreamsError, *errors.StreamsError.__subclasses__()]


@pytest.mark.parametrize("kind", errors_of_ours())
def test_an_error_of_ours_is_its_sentence_and_its_exit_code(
    kind: type[errors.StreamsError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry, "app", failing(kind("topic a is gone")))
    assert entry.main(["fail"]) == kind.exit_code
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "topic a is gone\n")


def test_a_bug_is_a_sentence_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(entry, "app", failing(KeyError("x\ny")))
    assert entry.main(["fail"]) == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert "KeyError" in line
    assert "--debug" in line


def test_debug_shows_where_it_happened(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for error in (KeyError("x"), errors.TopicError("gone")):
        monkeypatch.setattr(entry, "app", failing(error))
        entry.main(["--debug", "fail"])
        assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(entry, "app", failing(KeyboardInterrupt()))
    assert entry.main(["fail"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nothing"], ["check"], ["tail", "windows"], ["tail", "nothing"], ["topics"]])
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(arguments) == 2
    shown = capsys.readouterr()
    assert "Usage: streams" in shown.err
    assert "Traceback" not in shown.err


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["--version"]) == 0
    assert capsys.readouterr().out == f"streams {__version__}\n"


def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    names = [command.name for command in entry.app.registered_commands]
    assert {"check", "topics", "tail"} <= set(names)
    for name in names:
        assert name is not None
        assert entry.main([name, "--help"]) == 0
        assert f"streams {name} " in capsys.readouterr().out.partition("Examples")[2]


def test_every_error_is_in_the_table_of_exit_codes_and_the_other_way_round() -> None:
    documented = set(re.findall(r"^\| (\d+) \| `(\w+)` \|", PAGE, re.MULTILINE))
    assert documented == {(str(kind.exit_code), kind.__name__) for kind in errors.StreamsError.__subclasses__()}


def test_the_run_function_exits_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["streams", "check", "nothing.toml"])
    with pytest.raises(SystemExit) as ended:
        entry.run()
    assert ended.value.code == 78


def test_help_loads_neither_the_folds_nor_what_only_one_command_needs() -> None:
    slow = (
        "scipy", "faust", "aiohttp", "httpx", "matplotlib", "jinja2", "streams.quality.judge", "streams.ledger.join",
        "streams.runtime.rules", "streams.runtime.desk", "streams.alerts.gate", "streams.web",
    )  # fmt: skip
    code = f"import streams.cli.main, sys; print([name for name in {slow} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
