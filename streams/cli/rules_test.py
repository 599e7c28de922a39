"""`streams test`: are people told what they should be? Test cases of rules, driven through the fold of the job."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console
from rich.markup import escape

from streams.runtime.config.job import Config, environment, load
from streams.runtime.config.problems import InvalidConfigError, printable
from streams.runtime.errors import ConfigError

if TYPE_CHECKING:
    from streams.runtime.rules.cases import CaseTable


def run_cases(
    file: Annotated[Path, typer.Argument(help="The TOML file of cases.", metavar="FILE")],
    rules: Annotated[
        Path | None,
        typer.Option(
            "--rules", "-r", help="The rules; else the file names them, or is NAME.test.toml beside NAME.toml."
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The job in which they are asked.", metavar="CONFIG")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for tools.")] = False,
) -> None:
    """Run test cases of rules: counts in, every telling that must come out, in order; anything more or less fails.

    Nothing is connected to. Exit code 0 when all pass, 1 when one fails, 78 when a file is wrong.

    [bold]Examples[/bold]

      streams test rules.test.toml

      streams test cases.toml --rules rules.toml -c quality.toml --json
    """
    # the folds, half a second of loading that other commands spare
    from streams.runtime.rules.case_run import differences, quality_of, run_case  # noqa: PLC0415
    from streams.runtime.rules.cases import load_cases  # noqa: PLC0415
    from streams.runtime.rules.load import load_rules  # noqa: PLC0415

    job = None if config is None else load(config, environment())
    try:
        document = load_cases(file)
    except InvalidConfigError as error:
        _also_of_rules(error, rules, job)
        raise
    asked = load_rules(_rules_of(file, rules, document.rules), job).rules
    known: dict[str, Sequence[object]] = {"slo": asked.slos, "rule": asked.rules, "rollup": asked.rollups}
    if unfit := [sentence for case in document.case for sentence in _unfit(case, known, job)]:
        raise ConfigError("\n".join(printable(f"{file}: {sentence}") for sentence in unfit))
    results: list[tuple[str, list[str]]] = []
    for case in document.case:
        quality = quality_of(case, asked) if job is None else job.quality
        results.append((case.name, differences(run_case(case, asked, quality), case.expect, case.asked)))
    failed = [name for name, found in results if found]
    if as_json:
        cases = [{"name": name, "ok": not found, "differences": found} for name, found in results]
        typer.echo(orjson.dumps({"ok": not failed, "cases": cases}))
    else:
        _show(Console(highlight=False, soft_wrap=True), results)
    if failed:
        raise typer.Exit(1)


def _rules_of(file: Path, option: Path | None, named: str | None) -> Path:
    """Which rules the cases are about."""
    if option is not None:
        return option
    if named is not None:
        return file.parent / named
    beside = file.with_name(file.name.replace(".test.toml", ".toml"))
    if beside == file:
        raise ConfigError(
            f'{file} says nothing of which rules it is about. Write rules = "rules.toml", or give --rules.'
        )
    return beside


def _also_of_rules(error: InvalidConfigError, rules: Path | None, job: Config | None) -> None:
    """Raise what is wrong with the rules together with what is wrong with the cases, where they are known."""
    from streams.runtime.rules.load import load_rules  # noqa: PLC0415 -- slow to load

    if rules is None:
        return
    try:
        load_rules(rules, job)
    except ConfigError as other:
        raise ConfigError(f"{error}\n{other}") from None


def _unfit(case: "CaseTable", known: Mapping[str, Sequence[object]], job: Config | None) -> Iterator[str]:
    """Why a case cannot be asked: the rule is not there, or a dimension."""
    kind = next(kind for kind in known if getattr(case, kind) is not None)
    names = sorted(str(getattr(one, "name", "")) for one in known[kind])
    if case.asked not in names:
        listed = ", ".join(names) or "none"
        other = [k for k, rules in known.items() if any(getattr(one, "name", "") == case.asked for one in rules)]
        hint = f' It is one of [[{other[0]}]]: write {other[0]} = "{case.asked}".' if other else ""
        yield f'case "{case.name}": there is no {kind} "{case.asked}" (there are {listed}).{hint}'
    for name in sorted(case.labels):
        dimension = name.removeprefix("segment.")
        if job is not None and dimension != name and dimension not in job.dimensions:
            yield f'case "{case.name}": "{dimension}" is not a dimension of {job.file}.'


def _show(console: Console, results: list[tuple[str, list[str]]]) -> None:
    for name, found in results:
        mark = "[red]failed[/red]" if found else "[green]ok[/green]    "
        console.print(f"{mark}  {escape(printable(name))}")
        for sentence in found:
            console.print(f"        {sentence}", markup=False)
    failed = sum(bool(found) for _, found in results)
    console.print(f"{len(results) - failed} passed, {failed} failed", markup=False)
