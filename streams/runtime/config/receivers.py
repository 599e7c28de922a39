"""The tables of the file that say who is told of alerts: `[deliver]` and `[[receivers]]`.

The rule: what is secret about a receiver is the name of a variable or of a file here; only `streams deliver` looks it
up, so that a worker or a check needs no secret of theirs.
"""

import re
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from streams.alerts.rules.model import Match
from streams.runtime.config.durations import UNITS_MS
from streams.runtime.config.problems import Code, problem
from streams.runtime.config.table import Table
from streams.runtime.config.values import Duration, DurationOrZero, JobName, Seconds

ReceiverKind = Literal["alertmanager", "webhook", "pagerduty", "slack"]

PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"

_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_MINUTE_MS, _HOUR_MS = UNITS_MS["m"], UNITS_MS["h"]


def variable_of(text: str) -> str | None:
    """The name of the variable that `$NAME` or `${NAME}` stands for; None for other text."""
    match = _REFERENCE.fullmatch(text)
    return None if match is None else match[1] or match[2]


def _named(value: str) -> str:
    if variable_of(value) is None:
        text = 'a secret stands in the file, where too many can read it. Put it into a variable and write "$NAME".'
        raise problem(Code.SECRET_MISPLACED, text)
    return value


def _address(value: str) -> str:
    if variable_of(value) is not None:
        return value
    if not re.match(r"https?://[^/]", value):
        raise problem(Code.WRONG_VALUE, "this is no address. Write http:// or https:// and a host.")
    if re.match(r"https?://[^/]*@", value) or "/services/" in value:
        text = 'this address is a secret, and it stands in the file. Put it into a variable and write "$NAME".'
        raise problem(Code.SECRET_MISPLACED, text)
    return value


class DeliverTable(Table):
    """`[deliver]`: when people are told of alerts."""

    repeat_interval_ms: Seconds = Field(default=4 * _HOUR_MS, alias="repeat_interval")
    max_notify_age_ms: Duration = Field(default=2 * _HOUR_MS, alias="max_notify_age")
    stall_for_ms: Seconds = Field(default=15 * _MINUTE_MS, alias="stall_for")
    resend_ms: Seconds = Field(default=_MINUTE_MS, alias="resend")
    resolved_for_ms: DurationOrZero = Field(default=15 * _MINUTE_MS, alias="resolved_for")
    timeout_ms: Duration = Field(default=10_000, alias="timeout")
    http_host: str = Field(default="127.0.0.1", min_length=1)
    http_port: int | None = Field(default=None, ge=1, le=65_535)


class ReceiverTable(Table):
    """`[[receivers]]`: one who is told."""

    name: JobName
    kind: ReceiverKind
    url: Annotated[str, AfterValidator(_address)] | None = Field(default=None, repr=False)
    secret: Annotated[str, AfterValidator(_named)] | None = Field(default=None, repr=False)
    secret_file: str | None = Field(default=None, min_length=1)
    match: dict[str, str] = Field(default={})
    rate: int = Field(default=60, ge=1, le=6_000)
    attempts: int = Field(default=30, ge=1, le=1_000)
    watchdog: bool = False

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        if self.secret is not None and self.secret_file is not None:
            text = "secret and secret_file are both there, and only one can be meant. Remove one."
            raise problem(Code.CONFLICT, text, ("secret_file",))
        has_secret = self.secret is not None or self.secret_file is not None
        if self.kind in {"alertmanager", "webhook"} and self.url is None:
            raise problem(Code.MISSING_KEY, f"the key url is missing: where is the {self.kind}? Add it.")
        if self.kind == "pagerduty" and not has_secret:
            text = "the integration key is missing. Add secret or secret_file."
            raise problem(Code.MISSING_KEY, text)
        if self.kind == "slack" and has_secret == (self.url is not None):
            text = 'its address is a secret: write secret or secret_file, or url = "$NAME", and one of them only.'
            raise problem(Code.CONFLICT, text)
        return self


def _named_once(tables: list[ReceiverTable]) -> list[ReceiverTable]:
    seen: set[str] = set()
    for index, table in enumerate(tables):
        if table.name in seen:
            text = f'the receiver "{table.name}" is there twice; what was told is known by the name. Choose another.'
            raise problem(Code.CONFLICT, text, (index, "name"))
        seen.add(table.name)
    return tables


ReceiverTables = Annotated[list[ReceiverTable], AfterValidator(_named_once)]


@dataclass(frozen=True, slots=True)
class ReceiverConfig:
    """One who is told. `url` and `secret` are addresses, or the names of variables as `$NAME`."""

    name: str
    kind: ReceiverKind
    url: str | None = field(repr=False)
    secret: str | None = field(repr=False)
    secret_file: str | None
    match: Match
    rate: int  # requests in a minute
    attempts: int
    watchdog: bool


@dataclass(frozen=True, slots=True)
class DeliverConfig:
    """When people are told, ms, and where the deliverer shows its metrics."""

    repeat_interval_ms: int
    max_notify_age_ms: int
    stall_for_ms: int
    resend_ms: int
    resolved_for_ms: int
    timeout_ms: int
    http_host: str
    http_port: int | None


def deliver_config(table: DeliverTable) -> DeliverConfig:
    """The settings of the deliverer."""
    return DeliverConfig(
        table.repeat_interval_ms, table.max_notify_age_ms, table.stall_for_ms, table.resend_ms, table.resolved_for_ms,
        table.timeout_ms, table.http_host, table.http_port,
    )  # fmt: skip


def receiver_configs(tables: list[ReceiverTable]) -> tuple[ReceiverConfig, ...]:
    """The receivers in the order of the file."""
    return tuple(
        ReceiverConfig(
            table.name, table.kind, table.url, table.secret, table.secret_file, tuple(sorted(table.match.items())),
            table.rate, table.attempts, table.watchdog,
        )
        for table in tables
    )  # fmt: skip
