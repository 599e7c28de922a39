"""The command `streams`: every subcommand, and how any failure ends: one sentence and an exit code.

Rules: a user never sees a traceback (`--debug` shows it); exit codes are those of docs/exit-codes.md; answers go to
standard output, everything else to standard error.
"""

import sys
import traceback
from collections.abc import Sequence
from itertools import takewhile
from typing import Annotated

import typer

from streams import __version__
from streams.cli.advance import advance
from streams.cli.alerts import alerts
from streams.cli.check import check
from streams.cli.checkpoints import checkpoints
from streams.cli.deliver import deliver
from streams.cli.demo import demo
from streams.cli.explain import explain
from streams.cli.gate import GateCommand, gate
from streams.cli.mute import mute
from streams.cli.replay import LISTS, replay
from streams.cli.report import report
from streams.cli.rules_diff import diff
from streams.cli.rules_test import run_cases
from streams.cli.run import run as run_worker
from streams.cli.score import score
from streams.cli.sources import sources
from streams.cli.status import status
from streams.cli.tail import tail
from streams.cli.topics import topics
from streams.cli.trained import trained
from streams.cli.value_lists import repeat_options
from streams.runtime.errors import StreamsError

app = typer.Typer(
    name="streams",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
_START, _RUN, _LOOK, _STEER = "See it work", "Run a job", "Look at a job", "Steer a job"
app.command("demo", rich_help_panel=_START)(demo)
app.command("replay", rich_help_panel=_START)(replay)
app.command("check", rich_help_panel=_RUN)(check)
app.command("explain", rich_help_panel=_RUN)(explain)
app.command("diff", rich_help_panel=_RUN)(diff)
app.command("test", rich_help_panel=_RUN)(run_cases)
app.command("topics", rich_help_panel=_RUN)(topics)
app.command("run", rich_help_panel=_RUN)(run_worker)
app.command("deliver", rich_help_panel=_RUN)(deliver)
app.command("status", rich_help_panel=_LOOK)(status)
app.command("alerts", rich_help_panel=_LOOK)(alerts)
app.command("tail", rich_help_panel=_LOOK)(tail)
app.command("report", rich_help_panel=_LOOK)(report)
app.command("score", rich_help_panel=_LOOK)(score)
app.command("gate", cls=GateCommand, rich_help_panel=_LOOK)(gate)
app.command("checkpoints", rich_help_panel=_LOOK)(checkpoints)
app.command("sources", rich_help_panel=_LOOK)(sources)
app.command("mute", rich_help_panel=_STEER)(mute)
app.command("trained", rich_help_panel=_STEER)(trained)
app.command("advance", rich_help_panel=_STEER)(advance)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"streams {__version__}")
        raise typer.Exit


@app.callback()
def streams(
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")] = False,
    _shown: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Exact, revised, windowed quality of deployed classifiers, from Kafka prediction and label logs.

    Begin with `streams demo`. Every command has examples: `streams COMMAND --help`.

    Exit codes: 0 success, 1 something was found or refused, 2 wrong usage, 69 no broker, 70 a bug, 74 state,
    76 topics, 77 not permitted, 78 configuration or input file, 130 interrupted.
    """


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit code. Every failure is one sentence on standard error."""
    wants_traceback = "--debug" in takewhile(lambda argument: argument.startswith("-"), arguments)
    try:
        app(args=repeat_options(arguments, LISTS if "replay" in arguments else ()), prog_name="streams")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        return 130
    except StreamsError as error:
        if wants_traceback:
            traceback.print_exc()
        typer.echo(str(error), err=True)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 -- the last resort: a bug is one sentence, too
        if wants_traceback:
            traceback.print_exc()
        what = f"{type(error).__name__}: {error}".partition("\n")[0]
        typer.echo(f"this is a bug in streams ({what}); `streams --debug ...` shows where, please report it", err=True)
        return StreamsError.exit_code
    return 0


def run() -> None:
    """The entry point of the package."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
