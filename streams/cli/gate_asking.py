"""Who is asked for a verdict? A worker by HTTP, the job's own topics, or a replay's folder."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from streams.alerts.gate.body import Body, unseen_body
from streams.alerts.rules.model import Canary, selects
from streams.cli.gate_history import Wanted, newest_body
from streams.cli.worker_pages import page_of_worker
from streams.runtime.config.job import Config
from streams.runtime.errors import ConfigError
from streams.runtime.state import newest_rows


def asked_of_topics(config: Config, wanted: Wanted) -> Body:
    """What the newest rows of a job's gates topic say.

    Raises ConfigError when the job has no such gate, UnavailableError or TopicError when it cannot be read.
    """
    canary = canary_of(config.alerts.rules.canaries, wanted)
    rows: Iterator[Mapping[str, Any]] = (row for row, _ in newest_rows(config, "gates").values())
    found = newest_body(rows, wanted)
    if found is not None:
        return found
    if canary is None:
        raise ConfigError(
            f"{config.alerts.file}: there is no gate {wanted.gate or ''} of the model {wanted.model}; "
            f"it has: {', '.join(sorted(c.name for c in config.alerts.rules.canaries)) or 'none'}. Add a [[canary]]."
        )
    return unseen_body(canary.name, (canary.margin, canary.alpha, canary.test), wanted.candidate, wanted.baseline)


def canary_of(canaries: tuple[Canary, ...], wanted: Wanted) -> Canary | None:
    """The gate that is meant, None without one. Raises ConfigError when several could be."""
    found = [c for c in canaries if selects(c.model, wanted.model) and wanted.gate in {None, c.name}]
    if len(found) > 1:
        names = ", ".join(sorted(canary.name for canary in found))
        raise ConfigError(f"{wanted.model} has several gates; name one with --gate: {names}.")
    return found[0] if found else None


def asked_of_worker(url: str, wanted: Wanted) -> Body:
    """What a worker answers.

    Raises ConfigError when the address is none, or the worker knows no such gate; UnavailableError when nobody
    answers, or a worker that cannot say anything yet.
    """
    gate = wanted.gate or _gate_of(url, wanted.model)
    query = {"candidate": wanted.candidate}
    if wanted.baseline is not None:
        query["baseline"] = wanted.baseline
    return page_of_worker(url, f"/v1/gates/{quote(gate, safe='')}", query)


def _gate_of(url: str, model: str) -> str:
    gates = page_of_worker(url, "/v1/gates", {})["gates"]
    names = sorted(gate["gate"] for gate in gates if selects(gate["model"], model))
    if len(names) != 1:
        there = ", ".join(sorted(gate["gate"] for gate in gates)) or "none"
        what = "several gates" if names else "no gate"
        raise ConfigError(f"{model} has {what} there; name one with --gate: {', '.join(names) or there}.")
    return str(names[0])
