"""`streams topics`: does every topic exist, and is it as the job needs it?

It makes missing topics of the job's own on request, and never changes one that exists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from streams.cli.options import load_config
from streams.runtime.config.job import Config
from streams.runtime.errors import TopicError
from streams.runtime.kafka.topics import TopicPlan, Topics, TopicState, problems_of
from streams.runtime.topic_plans import own_plans, raw_plans

FOUND_SOMETHING = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One topic: whose it is, how it is, and what is wrong with it."""

    role: str
    state: TopicState
    problems: tuple[str, ...]


def topics(
    config: Annotated[Path, typer.Option("--config", "-c", help="The job's TOML file.")],
    create: Annotated[bool, typer.Option("--create", help="Make missing topics of the job's own.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for tools.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for a broker.", min=0.1)] = 10.0,
) -> None:
    """Show every topic of the job: raw ones, its logs and its outputs; whether it exists and is as it must be.

    A topic that exists is never changed: what is wrong is said with the command that mends it. Raw topics are never
    made. Exit code 0 when all is right, 1 when not.

    [bold]Examples[/bold]

      streams topics -c quality.toml

      streams topics -c quality.toml --create
    """
    loaded = load_config(config)
    broker = Topics(loaded.client, wait)
    refused: TopicError | None = None
    if create:
        try:
            broker.ensure(own_plans(loaded), create=True)
        except TopicError as error:  # the table below says what is wrong with which
            refused = error
    found = findings(loaded, broker.describe(plan.name for plan in (*raw_plans(loaded), *own_plans(loaded))))
    problems = [problem for finding in found for problem in finding.problems]
    if as_json:
        typer.echo(orjson.dumps({"ok": not problems, "topics": [_as_dict(finding) for finding in found]}))
    else:
        Console(soft_wrap=True).print(_table(found))
        for problem in problems:
            typer.echo(problem, err=True)
    if refused is not None and not problems:
        raise refused
    if problems:
        raise typer.Exit(FOUND_SOMETHING)


def findings(config: Config, states: Mapping[str, TopicState]) -> list[Finding]:
    """What is to be said of each topic, raw ones first."""
    roles: list[tuple[str, TopicPlan]] = [("raw", plan) for plan in raw_plans(config)]
    roles += [("own", plan) for plan in own_plans(config)]
    return [Finding(role, states[plan.name], tuple(_problems(role, plan, states[plan.name]))) for role, plan in roles]


def _problems(role: str, plan: TopicPlan, state: TopicState) -> list[str]:
    if role == "own" and not state.exists:
        return [f"topic {plan.name} does not exist; `streams topics --create` makes it, or: {plan.command}"]
    return problems_of(plan, state)


def _as_dict(finding: Finding) -> dict[str, object]:
    state = finding.state
    return {
        "topic": state.name,
        "role": finding.role,
        "exists": state.exists,
        "partitions": state.partitions,
        "topic_id": state.topic_id,
        "cleanup_policy": _setting(state, "cleanup.policy"),
        "ok": not finding.problems,
        "problems": list(finding.problems),
    }


def _setting(state: TopicState, name: str) -> str | None:
    return state.config.get(name) if state.config is not None else None


def _table(found: Sequence[Finding]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("topic", "whose", "partitions", "cleanup"):
        table.add_column(name, justify="right" if name == "partitions" else "left")
    table.add_column("state")
    for finding in found:
        state = finding.state
        partitions = str(state.partitions) if state.exists else "-"
        verdict = "[green]ok[/green]" if not finding.problems else "[red]wrong[/red]"
        if not state.exists:
            verdict = "[red]missing[/red]"
        table.add_row(state.name, finding.role, partitions, _setting(state, "cleanup.policy") or "-", verdict)
    return table
