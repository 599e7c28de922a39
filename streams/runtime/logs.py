"""What happened, in one sentence and fields: structured logs on standard error, as JSON lines or as text.

Rules: one event is one sentence; numbers and names are fields; no secret is ever written, whoever logs it. Faust and
other libraries log through `logging`; their lines get the same form. The clock is `runtime.clock`.
"""

import logging
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from numbers import Integral
from types import TracebackType
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor

from streams.runtime.clock import wall_ms
from streams.runtime.errors import StreamsError

LogFormat = Literal["json", "text"]

HIDDEN = "***"
"""What stands in place of a secret."""

_SECRET_NAMES = ("password", "secret", "privacy_key", "token")
_QUIET_LIBRARIES = ("aiohttp", "asyncio", "faust", "httpcore", "httpx", "mode", "urllib3")


def configure(
    log_format: LogFormat,
    level: str,
    *,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
    clock_ms: Callable[[], int] = wall_ms,
) -> None:
    """Send every log line of the process, ours and the libraries', to `stream` (standard error) in one form.

    `level` is debug, info, warning or error. Libraries are heard from warning on.
    """
    hide = _Hiding(secrets)
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _Stamping(clock_ms),
        structlog.processors.format_exc_info,
        hide,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # a logger made before `configure` must not keep the old form
    )
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for library in _QUIET_LIBRARIES:
        logging.getLogger(library).setLevel(max(logging.WARNING, root.level))


def logger(room: str) -> structlog.stdlib.BoundLogger:
    """The logger of a room, such as "runtime.source"."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(f"streams.{room}")
    return bound


def report(error: BaseException, log: structlog.stdlib.BoundLogger | None = None) -> int:
    """Log what ended the process, and say the exit code: a sentence for our errors, a traceback for a bug."""
    log = log or logger("runtime")
    if isinstance(error, StreamsError):
        log.error(str(error), error=type(error).__name__, exit_code=error.exit_code)
        return error.exit_code
    log.critical("a bug ended the worker", error=type(error).__name__, exit_code=StreamsError.exit_code, exc_info=error)
    return StreamsError.exit_code


def log_uncaught() -> None:
    """From now on an exception nobody caught is a log line like any other."""

    def hook(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
        report(error)

    sys.excepthook = hook


class _Stamping:
    """Adds the time of the event, RFC 3339 in UTC with ms, and puts what every line has first."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        moment = datetime.fromtimestamp(self._clock_ms() / 1000, UTC)
        first: dict[str, Any] = {"at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
        first |= {name: event[name] for name in ("level", "event", "logger") if name in event}
        return {**first, **event}


class _Hiding:
    """Replaces secret values wherever they stand, and the value of every field that is named like a secret."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted((secret for secret in secrets if secret), key=len, reverse=True)

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        return {name: self._hidden(name, value) for name, value in event.items()}

    def _hidden(self, name: str, value: Any) -> Any:
        if any(part in name.lower() for part in _SECRET_NAMES):
            return HIDDEN
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, HIDDEN)
            return value
        if isinstance(value, dict):
            return {key: self._hidden(str(key), inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._hidden("", inner) for inner in value]
        if name.startswith("_") or value is None or isinstance(value, (bool, int, float)):
            return value  # structlog's own fields are objects; numbers hold no secret
        if isinstance(value, Integral):
            return int(value)  # a numpy number
        return self._hidden("", str(value))
