"""What must hold of everything that was said of alerts, against one unbroken fold of the same tallies.

The logs of alerts have everything at least once: a round that a crash cut off comes again. Without repeats each alert
has the states and transitions of the unbroken fold, in their order.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain

from streams.alerts.rows import ALERT_LOG, ALERTS
from streams.quality.rows import OutputRow
from tests.simulation.logs import OF_ALERTS, Outputs, Row, SimulationError

Line = tuple[str, str]
"""A stream and a key."""


def check_alerts(p: int, outputs: Outputs, unbroken: Iterable[OutputRow]) -> None:
    """The alerts of one tallies partition; `unbroken` are all rows of the unbroken fold. Raises SimulationError."""
    said = list(chain.from_iterable(outputs.said))
    wanted = [row for row in unbroken if row.stream in OF_ALERTS]
    check_ids(p, said)
    _check_same(p, "states and transitions", events(said), events(wanted))
    told, all_told = (_lines(row for row in rows if _id(row) is None) for rows in (said, wanted))
    _check_same(p, "newest rows", _last(told), _last(all_told))
    for line, rows in told.items():
        strange = [row for row in rows if row not in all_told[line]]
        _demand(not strange, f"judge {p} said of {line} what no unbroken fold says: {strange[:1]}")
    afterwards = {name for name, _ in behind_their_pulse(wanted)}  # what other rules ended between two steps
    for stretch in outputs.said:
        check_order(p, stretch)
        early = [row for name, row in behind_their_pulse(stretch) if name not in afterwards]
        _demand(not early, f"judge {p}: the pulse of its step came before {early[:1]}")


def check_ids(p: int, said: Iterable[OutputRow]) -> None:
    """An id has one content, however often it comes."""
    known: dict[tuple[str, str], Row] = {}
    for row in said:
        if (name := _id(row)) is not None:
            before = known.setdefault((row.stream, name), row.value)
            _demand(before == row.value, f"judge {p}: {name} is {before}, and {row.value}")


def events(said: Iterable[OutputRow]) -> dict[Line, list[Row]]:
    """The rows with an id of each alert and stream, each once, in order; of states also what came last."""
    lines: dict[Line, dict[str, Row]] = defaultdict(dict)
    newest: dict[Line, list[Row]] = {}
    for row in said:
        if (name := _id(row)) is not None:
            lines[row.stream, row.key].setdefault(name, row.value)
            newest[f"last of {row.stream}", row.key] = [row.value]
    return {line: list(rows.values()) for line, rows in lines.items()} | newest


def check_order(p: int, stretch: Iterable[OutputRow]) -> None:
    """Where nothing was cut off, all that is said of a model goes on with its steps."""
    reached: dict[str, str] = {}
    for row in stretch:
        if row.stream in {ALERTS, ALERT_LOG} and "model" in row.value:
            model, t = str(row.value["model"]), str(row.value["t"])
            _demand(reached.get(model, "") <= t, f"judge {p}: step {t} of {model} after {reached.get(model)}: {row}")
            reached[model] = t


def behind_their_pulse(stretch: Iterable[OutputRow]) -> Iterator[tuple[str, OutputRow]]:
    """The rows with an id that come behind a pulse of their step, or of a later one."""
    ended: dict[str, str] = {}
    for row in stretch:
        if row.key.startswith("pulse|"):
            ended[str(row.value["model"])] = str(row.value["t"])
        elif (name := _id(row)) is not None and str(row.value["t"]) <= ended.get(str(row.value["model"]), ""):
            yield name, row


def check_homes(outputs: Iterable[Outputs]) -> None:
    """All that is said of the alerts of a model lies in one partition."""
    homes: dict[str, int] = {}
    for p, model in ((p, model) for p, one in enumerate(outputs) for model in _models(one)):
        _demand(homes.setdefault(model, p) == p, f"alerts of {model} are in {homes[model]} and in {p}")


def _models(outputs: Outputs) -> Iterator[str]:
    for row in chain.from_iterable(outputs.said):
        if "model" in row.value:
            yield str(row.value["model"])


def _lines(rows: Iterable[OutputRow]) -> dict[Line, list[Row]]:
    lines: dict[Line, list[Row]] = defaultdict(list)
    for row in rows:
        lines[row.stream, row.key].append(row.value)
    return lines


def _last(lines: dict[Line, list[Row]]) -> dict[Line, list[Row]]:
    return {line: rows[-1:] for line, rows in lines.items()}


def _check_same(p: int, what: str, said: dict[Line, list[Row]], wanted: dict[Line, list[Row]]) -> None:
    for line in sorted(said.keys() | wanted.keys()):
        one, other = said.get(line, []), wanted.get(line, [])
        if one != other:
            at = next((i for i, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
            where = f"{len(one)} of {len(other)}" if at is None else f"{at}: {one[at]}, not {other[at]}"
            raise SimulationError(f"alerts of judge {p}: {what} of {line} are not an unbroken fold's: {where}")


def _id(row: OutputRow) -> str | None:
    name = row.value.get("transition_id")
    return name if isinstance(name, str) else None


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise SimulationError(what)
