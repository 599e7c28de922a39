"""`streams explain`: what does an error budget mean, how soon does it tell, and how often in vain?"""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.alerts.rules.model import HOUR, MINUTE, RuleSet, Severity, Slo
from streams.runtime.config.durations import format_duration
from streams.runtime.config.job import Config, environment, load
from streams.runtime.config.problems import closest
from streams.runtime.errors import ConfigError

if TYPE_CHECKING:
    from streams.cli.explain_budget import Detection, Expected, TierFacts
    from streams.runtime.rules.rates import Rates

_SHOWN_CLASSES = 40
"""Classes that are shown to people; JSON has all."""


def explain(
    slo: Annotated[str, typer.Argument(help=r"The name of an \[\[slo]].", metavar="SLO")],
    rules: Annotated[Path, typer.Option("--rules", "-r", help="The file of rules.", metavar="RULES")],
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The job in which they are asked.", metavar="CONFIG")
    ] = None,
    rates: Annotated[
        Path | None, typer.Option("--rates", help="Folder of a replay: the labels there really are.", metavar="FOLDER")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="The labels that the running job of --config has: read from its topics.")
    ] = False,
    deff: Annotated[
        float, typer.Option(help="How much more misses vary than a coin: the design effect.", min=1.0, max=20.0)
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for tools.")] = False,
) -> None:
    """Explain an error budget: where each tier begins, how soon drops are told, how often it tells in vain.

    With `--rates` or `--live` for the classes that there are, else for some usual rates. False alarms are those of a
    class that sits exactly on its target, a better one has far fewer; delays begin when the labels of the drop settle.

    [bold]Examples[/bold]

      streams explain recall -r rules.toml

      streams explain recall -r rules.toml -c quality.toml --rates counted

      streams explain recall -r rules.toml -c quality.toml --live
    """
    from streams.cli.explain_budget import expected_of, targets, tier_facts, watched_in  # noqa: PLC0415 -- slow to load
    from streams.runtime.rules.load import load_rules  # noqa: PLC0415 -- as above

    job = None if config is None else load(config, environment())
    loaded = load_rules(rules, job).rules
    one = _named(loaded, slo, rules)
    settle_ms = _settle_ms(one, job)
    aged = settle_ms is not None and settle_ms > loaded.max_page_age_ms
    seen = _seen(rates, job, live=live)
    expected = [expected_of(one, w, loaded.step_ms, deff, aged=aged) for w in watched_in(one, seen)]
    if seen is not None and not expected:
        raise ConfigError(f"{seen.folder} has no class that {slo} watches; seen were {', '.join(sorted(seen.models))}.")
    tiers = {target: tier_facts(one, target) for target in targets(one)}
    if as_json:
        facts = {str(target): [_tier_dict(fact) for fact in found] for target, found in tiers.items()}
        classes = [_expected_dict(row) for row in expected]
        typer.echo(orjson.dumps(_about(one, loaded, settle_ms, deff) | {"tiers": facts, "classes": classes}))
        return
    console = Console(highlight=False, soft_wrap=True)
    _show_head(console, one, loaded)
    for target, names in targets(one).items():
        whose = f"the target of {', '.join(names)}" if names else "target"
        console.print(Text(f"\n{whose} {target:g}", "bold"))
        console.print(_tier_table(tiers[target]))
    for model in sorted({row.watched.model for row in expected}, key=str):
        own = [row for row in expected if row.watched.model == model]
        if model is not None:
            console.print(Text(model, "bold"))
        console.print(_class_table(own[:_SHOWN_CLASSES], known=model is not None))
        if len(own) > _SHOWN_CLASSES:
            console.print(f"and {len(own) - _SHOWN_CLASSES} more classes (--json has all)")
    _show_notes(console, expected, one, settle_ms=settle_ms, aged=aged, deff=deff)


def _named(rules: RuleSet, name: str, path: Path) -> Slo:
    for slo in rules.slos:
        if slo.name == name:
            return slo
    names = [slo.name for slo in rules.slos]
    there = f"It has {', '.join(names)}." if names else "It has none."
    near = closest(name, names) if get_close_matches(name, names, 1) else ""
    raise ConfigError(f'{path} has no [[slo]] "{name}".{near} {there}')


def _seen(rates: Path | None, job: Config | None, *, live: bool) -> "Rates | None":
    """The labels that there are, where it is said who knows them."""
    if rates is None and not live:
        return None
    if rates is not None and live:
        raise typer.BadParameter("say one of --rates FOLDER and --live.")
    if rates is not None:
        from streams.runtime.rules.rates import read_rates  # noqa: PLC0415 -- slow to load

        return read_rates(rates)
    if job is None:
        raise typer.BadParameter("--live needs the job: --config CONFIG.")
    from streams.runtime.rules.live_rates import read_live_rates  # noqa: PLC0415 -- as above

    return read_live_rates(job)


def _settle_ms(slo: Slo, job: Config | None) -> int | None:
    """The longest wait for labels of the models that a budget is for; None without a job."""
    if job is None:
        return None
    from streams.runtime.rules.facts import facts_of  # noqa: PLC0415 -- only with a job

    return max(settle for _, settle in facts_of(job).settles(dict(slo.match).get("model", "*")))


def _about(slo: Slo, rules: RuleSet, settle_ms: int | None, deff: float) -> dict[str, object]:
    return {
        "slo": slo.name,
        "sli": slo.sli,
        "period_ms": slo.period_ms,
        "step_ms": rules.step_ms,
        "settle_ms": settle_ms,
        "deff": deff,
    }


def _tier_dict(fact: "TierFacts") -> dict[str, object]:
    tier = fact.tier
    return {
        "tier": tier.name,
        "severity": tier.severity,
        "long_ms": tier.long_ms,
        "short_ms": tier.short_ms,
        "floor": fact.floor,
        "burn": fact.burn,
        "alpha": tier.alpha,
        "events_needed": fact.events_needed,
    }


def _expected_dict(row: "Expected") -> dict[str, object]:
    return {
        "model": row.watched.model,
        "class": row.watched.cls,
        "events_per_h": row.watched.rate_per_h,
        "target": row.target,
        "budget_events": row.budget,
        "too_small": row.too_small,
        "detections": [found._asdict() for found in row.detections],
        "false_pages_a_month": row.false_pages,
        "false_tickets_a_month": row.false_tickets,
    }


def _show_head(console: Console, slo: Slo, rules: RuleSet) -> None:
    missed = "labels of a class that were predicted as another"
    if slo.sli == "precision":
        missed = "predictions of a class whose label is another"
    console.print(Text(f"{slo.name}: {slo.sli} by class, target {slo.target:g}", "bold"))
    console.print(f"what burns: {missed}; {1 - slo.target:.3g} of all may, in {format_duration(slo.period_ms)}")
    console.print(f"judged every {format_duration(rules.step_ms)} of event time", markup=False)


def _tier_table(facts: Sequence["TierFacts"]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("tier", "tells", "windows"):
        table.add_column(name, no_wrap=True)
    for name in ("below", "burn above", "alpha", "events needed"):
        table.add_column(name, justify="right", no_wrap=True)
    for fact in facts:
        tier = fact.tier
        windows = f"{format_duration(tier.long_ms)} / {format_duration(tier.short_ms)}"
        needed = "-" if fact.events_needed is None else f"{fact.events_needed:,}"
        floor = "never" if fact.floor <= 0 else f"{fact.floor:.3f}"
        table.add_row(
            Text(tier.name), tier.severity.value, windows, floor, f"{fact.burn:.2f}", f"{tier.alpha:.0e}", needed
        )
    return table


def _class_table(expected: Sequence["Expected"], *, known: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    if known:
        table.add_column("class", overflow="fold", min_width=12)
    for name in ("events/h", "budget", *(f"-{found.drop:.0%}" for found in expected[0].detections)):
        table.add_column(name, justify="right", min_width=len(name))
    for name in ("false pages", "tickets"):
        table.add_column(name, justify="right", min_width=7)
    for row in expected:
        whose = [Text(row.watched.cls or "")] if known else []
        small = "[yellow]" if row.too_small else ""
        table.add_row(
            *whose,
            f"{row.watched.rate_per_h:,.3g}" if row.watched.rate_per_h < 1000 else f"{row.watched.rate_per_h:,.0f}",
            f"{small}{row.budget:,.0f}",
            *map(_told, row.detections),
            _rate(row.false_pages),
            _rate(row.false_tickets),
        )
    return table


def _told(found: "Detection") -> Text:
    if found.after_ms is None or found.severity is None:
        return Text("never", "dim")
    if found.severity is Severity.PAGE:
        return Text(f"{_roughly(found.after_ms)} page", "red")
    told = Text(f"{_roughly(found.after_ms)} ticket")
    if found.page_after_ms is not None:
        told.append(f" {_roughly(found.page_after_ms)} page", "red")
    return told


def _roughly(ms: int) -> str:
    """A delay for people: minutes below two hours, hours below two days.

    >>> _roughly(85 * MINUTE), _roughly(185 * MINUTE), _roughly(60 * HOUR)
    ('85m', '3.1h', '2.5d')
    """
    if ms < 2 * HOUR:
        return f"{ms // MINUTE}m"
    return f"{ms / HOUR:.1f}h" if ms < 48 * HOUR else f"{ms / (24 * HOUR):.1f}d"


def _rate(a_month: float) -> str:
    return "0" if a_month < 5e-5 else f"{a_month:.2g}"


def _show_notes(
    console: Console, expected: Sequence["Expected"], slo: Slo, *, settle_ms: int | None, aged: bool, deff: float
) -> None:
    pages, tickets = (sum(getattr(row, name) for row in expected) for name in ("false_pages", "false_tickets"))
    console.print(
        f"events/h: {'labels' if slo.sli == 'recall' else 'labelled predictions'} of the class; budget: misses allowed "
        f"in {format_duration(slo.period_ms)}; -30%: how long after such a relative drop of {slo.sli} it is told, by "
        "expected counts"
    )
    if expected[0].watched.cls is not None:
        console.print(
            f"false alarms in 28d if every class were exactly on target: at most {_rate(pages)} pages and "
            f"{_rate(tickets)} tickets for each version"
        )
    else:
        console.print("false pages, tickets: in 28d, at most, of one class exactly on target")
    if settle_ms is not None:
        console.print(f"labels settle {format_duration(settle_ms)} after the end of a step: add that to every delay")
    if aged:
        console.print("that is too late to wake anybody (max_page_age): pages are told as tickets")
    if deff > 1:
        console.print(f"with a design effect of {deff:g}: so many events count as one")
    small = [row.watched.cls for row in expected if row.too_small and row.watched.cls]
    if small:
        console.print(
            Text(f"too few events to carry a budget (under 10 misses a period): {', '.join(small)}", "yellow")
        )
    if slo.sli == "precision" and expected[0].watched.cls is not None:
        console.print("the rates are those of labels: of predictions there may be more or fewer")
