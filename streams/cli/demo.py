"""`streams demo`: watch the job on real data, in about a minute, with nothing to install.

It starts a broker and a worker as processes of their own, plays eight weeks of predictions and labels, shows what the
worker writes, and compares it with answers that were counted elsewhere. Invariant: however it ends, no process and no
file of it is left.
"""

import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from streams.cli import demo_summary
from streams.cli.demo_board import Board, BoardReader
from streams.cli.demo_loader import HistoryLoader
from streams.cli.demo_stage import DemoStage
from streams.cli.demo_watch import Watch

FOUND_SOMETHING = 1


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Stay up until Ctrl-C, to look around.")] = False,
    brokers: Annotated[
        str | None,
        typer.Option(help="A real Kafka to play on; makes topics demo-TIME.* there.", metavar="HOST:PORT"),
    ] = None,
    seconds: Annotated[float, typer.Option(help="How long the history is played.", min=1, max=3600)] = 40.0,
    plain: Annotated[bool, typer.Option("--plain", help="A line now and then, not a live view.")] = False,
) -> None:
    """Watch the job on real data: eight weeks of flights, two versions of a model, delayed and corrected labels.

    A broker and a worker are started as processes of their own; no Java, no Docker. At the end every figure is
    compared with known answers. Exit code 0 when all are equal and the audit balances, 1 when not.

    [bold]Examples[/bold]

      streams demo

      streams demo --keep

      streams demo --brokers localhost:9092 --plain
    """
    console = Console(highlight=False)
    with _signals_as_interrupts(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="streams-demo-")))
        stage = DemoStage(stack, folder, brokers)
        is_good = _play(stack, stage, console, seconds, is_live=console.is_terminal and not plain)
        console.print()
        for line in stage.next_steps(is_kept=keep):
            console.print(line, soft_wrap=True, markup=False)
        if keep:
            _wait(stage, console)
    if not is_good:
        raise typer.Exit(FOUND_SOMETHING)


def _play(stack: ExitStack, stage: DemoStage, console: Console, seconds: float, *, is_live: bool) -> bool:
    """Play the history, show it, and say what became of it; whether all is right."""
    config, board = stage.job.config, Board()
    reader, loader = BoardReader(config, board), HistoryLoader(stage.job, seconds)
    stack.callback(reader.stop)
    stack.callback(loader.stop)
    reader.start()
    loader.start()
    watch = Watch(stage, board, reader, loader)
    is_final = watch.run(console, is_live=is_live)
    found = demo_summary.outcome(board, loader.total, config.ledger.partitions, is_final=is_final)
    demo_summary.show(console, board, found, watch.elapsed_s)
    return found.is_good


def _wait(stage: DemoStage, console: Console) -> None:
    """Stay up until Ctrl-C; raises when a process ends before."""
    console.print("\nIt stays up. Ctrl-C ends it.")
    pause = threading.Event()
    try:
        while not pause.wait(1):
            stage.check()
    except KeyboardInterrupt:
        console.print("ending ...")


@contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """SIGTERM and a closed terminal end the demo as Ctrl-C does: with everything cleaned up."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
