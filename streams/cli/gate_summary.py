"""The answer of a gate in words and a table."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.alerts.gate.body import Body

_STYLES = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"}
_TESTS = {
    "always_valid": "valid at every look",
    "fixed": "valid for one look",
}


def render(body: Body) -> RenderableType:
    """The verdict, why, the two versions and their classes."""
    own, base = body["candidate"], body["baseline"]
    against = f" against {base['version']}" if base["version"] is not None else ""
    headline = Text(f"{body['verdict']}  {own['version']}{against}", _STYLES[body["verdict"]])
    parts: list[RenderableType] = [headline, Text(body["reason"]), Text()]
    parts.append(_facts(body))
    if body["classes"]:
        parts += [Text(), _classes(body)]
    return Group(*parts)


def _facts(body: Body) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    own, base = body["candidate"]["balanced_accuracy"], body["baseline"]["balanced_accuracy"]
    test = _TESTS.get(body["test"], f"planned looks ({body['test']})")
    table.add_row("balanced accuracy", f"{_share(own)} against {_share(base)}")
    table.add_row("difference", f"{_signed(body['delta'])}, from {_signed(body['lower'])} to {_signed(body['upper'])}")
    table.add_row("margin", f"{body['margin']:g}; alpha {body['alpha']:g}, {test}")
    if body["window"] is not None:
        table.add_row("hours of both", f"{_moment(body['window']['from'])} to {_moment(body['window']['to'])} UTC")
    if body["label_completeness"] is not None:
        table.add_row("with a label", f"{body['label_completeness']:.1%} of the predictions")
    table.add_row("gate", f"{body['gate']}, evaluation {body['id']}")
    return table


def _classes(body: Body) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("class", overflow="fold")
    for name in ("events", "of the baseline", "difference", ""):
        table.add_column(name, justify="right", no_wrap=True)
    for row in body["classes"]:
        worse = Text("worse", "bold red") if row["veto"] else Text()
        table.add_row(Text(row["class"]), f"{row['n']:,}", f"{row['n_base']:,}", _signed(row["delta"]), worse)
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}"


def _moment(text: str) -> str:
    return text[:16].replace("T", " ")
