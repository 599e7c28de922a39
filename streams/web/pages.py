"""What the operations endpoints answer: status, type and body, from plain inputs. Nothing here knows a web server."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.web.health import Check, Health, live_checks, ready_checks, started_checks

TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the web server."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def live_page(health: Health, *, verbose: bool) -> Page:
    """/livez: 200 while the process works, 503 when it is stuck and must be restarted."""
    return checks_page(live_checks(health), verbose=verbose)


def started_page(health: Health, *, verbose: bool) -> Page:
    """/startupz: 200 once the state is restored; until then probes must not kill the worker."""
    return checks_page(started_checks(health), verbose=verbose)


def ready_page(health: Health, *, verbose: bool) -> Page:
    """/readyz: 200 when everything the worker needs is there."""
    return checks_page(ready_checks(health), verbose=verbose)


def checks_page(checks: Sequence[Check], *, verbose: bool) -> Page:
    """Each check a line, `[+]` or `[-]`; without `verbose` only the failed ones, and the verdict."""
    ok = all(check.ok for check in checks)
    shown = [f"[{'+' if check.ok else '-'}] {check.name}: {check.why}" for check in checks if verbose or not check.ok]
    return Page(200 if ok else 503, TEXT, "\n".join([*shown, "ok" if ok else "not ok", ""]).encode())
