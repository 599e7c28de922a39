"""Which configuration does a replay have? A file's, or the defaults, with what the command line says instead.

Times said on the command line hold for every model, also for those with times of their own in the file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import typer

from streams.ledger.spec import Timing
from streams.quality.spec import WindowSpec, parse_window
from streams.runtime.config.durations import format_duration, parse_duration
from streams.runtime.config.job import Config
from streams.runtime.config.pins import pins_hash
from streams.runtime.config.values import usual_detail_ms

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says instead of the configuration, as it was typed; None or nothing where it does not."""

    windows: Sequence[str] = ()
    pane: str | None = None
    horizon: str | None = None
    slack: str | None = None
    settle: str | None = None

    def apply(self, config: Config) -> Config:
        """The configuration with these. Raises `typer.BadParameter` with what cannot be."""
        quality, ledger = config.quality, config.ledger
        windows = self._windows(quality.windows)
        pane_ms = _read("--pane", parse_duration, self.pane) or quality.pane_ms
        if pane_ms < 1_000:
            raise typer.BadParameter("a pane is at least 1s.", param_hint="--pane")
        detail_ms = usual_detail_ms(pane_ms) if quality.detail_ms % pane_ms else quality.detail_ms
        times = {
            f"{name}_ms": _read(f"--{name}", parse_duration, text)
            for name, text in (("horizon", self.horizon), ("slack", self.slack), ("settle", self.settle))
            if text is not None
        }
        if times.get("horizon_ms") == 0:
            raise typer.BadParameter("without a horizon no label would count.", param_hint="--horizon")

        def timed(timing: Timing) -> Timing:
            return replace(timing, **{name: ms for name, ms in times.items() if ms is not None})

        models = tuple((model, timed(timing)) for model, timing in ledger.models)
        final_ms = min(timed(timing).final_ms for timing in ledger.timings)
        if any(age_ms >= final_ms for age_ms in ledger.maturities_ms):
            final = format_duration(final_ms)
            text = f"horizon and slack are {final}, after which windows are final: some of windows.views are later."
            raise typer.BadParameter(text, param_hint="--horizon")
        try:
            quality = replace(
                quality, windows=windows, pane_ms=pane_ms, detail_ms=detail_ms, timing=timed(quality.timing),
                models=tuple((model, timed(timing)) for model, timing in quality.models),
            )  # fmt: skip
        except ValueError as error:
            raise typer.BadParameter(f"{error}.") from None
        ledger = replace(ledger, pane_ms=pane_ms, detail_ms=detail_ms, timing=timed(ledger.timing), models=models)
        changed = replace(config, quality=quality, ledger=ledger)
        return replace(changed, ledger=replace(ledger, config_hash=pins_hash(changed.pinned())))

    def _windows(self, configured: tuple[WindowSpec, ...]) -> tuple[WindowSpec, ...]:
        if not self.windows:
            return configured
        origin_ms = configured[0].origin_ms
        return tuple(_known("--window", lambda text: parse_window(text, origin_ms), text) for text in self.windows)


def _read(option: str, parse: Callable[[str], int], text: str | None) -> int | None:
    return None if text is None else _known(option, parse, text)


def _known(option: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}.", param_hint=option) from None
