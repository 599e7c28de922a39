"""`streams trained`: what became of a request to retrain, said by whoever trains."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import orjson
import typer

from streams.cli.options import load_config

if TYPE_CHECKING:
    from streams.runtime.alerts_board import AlertsBoard

_MEANS = {
    "acknowledged": "it has the whole time until it expires again",
    "completed": "it ends with the next step that is judged; the new version goes through its gate",
    "rejected": "it ends with the next step that is judged; nobody is asked again before the cooldown is over",
}


def trained(
    model: Annotated[str, typer.Argument(help="The model.")],
    request: Annotated[str, typer.Argument(help="The id of the request, as its alert says; its first digits will do.")],
    config: Annotated[Path, typer.Option("--config", "-c", help="The job's TOML file.", metavar="CONFIG")],
    became: Annotated[Literal["acknowledged", "completed", "rejected"], typer.Option(help="What became of it.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for tools.")] = False,
) -> None:
    """Answer a request to retrain a model. It is written into the job's log.

    [bold]Examples[/bold]

      streams trained fraud 0f3c9a72 --became acknowledged -c quality.toml

      streams trained fraud 0f3c9a72 --became completed -c quality.toml

    Exit code 1 when no such request is open.
    """
    from streams.alerts.orders import TrainedOrder  # noqa: PLC0415 -- slow to load
    from streams.runtime.desk.reading import read_board  # noqa: PLC0415 -- as above
    from streams.runtime.orders import order  # noqa: PLC0415 -- as above

    loaded = load_config(config)
    whole = _open_request(read_board(loaded), model, request)
    order(TrainedOrder(model, whole, became), loaded)
    if as_json:
        typer.echo(orjson.dumps({"model": model, "request": whole, "became": became}))
    else:
        typer.echo(f"The request {whole} of {model} is {became}: {_MEANS[became]}.")


def _open_request(board: "AlertsBoard", model: str, begins: str) -> str:
    """The only open request of a model that begins so. Raises RefusedError where there is none, or several."""
    known = sorted(
        str(row["fired_evidence"]["request_id"])
        for row in board.alerts()
        if row["rule_kind"] == "retrain" and row["model"] == model
    )
    found = [one for one in known if one.startswith(begins)]
    if len(found) == 1:
        return found[0]
    from streams.runtime.control import RefusedError  # noqa: PLC0415 -- slow to load

    there = f"open are {', '.join(known)}" if known else "none is open"
    what = "several requests begin" if found else "no request begins"
    raise RefusedError(f"{what} with {begins!r} for the model {model!r}; {there}.")
