"""One request to a receiver, and what every kind of receiver offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from streams.alerts.rules.model import Match
from streams.alerts.telling.told import Batch, Telling
from streams.runtime.config.receivers import ReceiverKind


@dataclass(frozen=True, slots=True)
class Resolved:
    """A receiver with its address and secret looked up; neither is ever shown."""

    name: str
    kind: ReceiverKind
    url: str = field(repr=False)
    secret: str | None = field(repr=False)
    match: Match = ()
    rate: int = 60
    attempts: int = 30
    watchdog: bool = False

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no output may show."""
        return (self.url, self.secret) if self.secret else (self.url,)


@dataclass(frozen=True, slots=True)
class Call:
    """A POST. What it carries and where it goes is not for logs."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)


class Watchdog(NamedTuple):
    """What always fires: of which job, and where its runbook is."""

    job: str
    runbook: str | None = None


class Receiver(Protocol):
    """A kind of receiver: from tellings to requests."""

    def calls(self, batch: Batch, now_ms: int) -> Sequence[Call]:
        """The requests that tell a batch, in order; each can be repeated. None: nothing there for this receiver."""

    def present(self, active: Sequence[Telling], over: Sequence[Telling], now_ms: int) -> Sequence[Call]:
        """The requests that repeat what is, for receivers that forget; told of as active, and lately as over."""

    def watchdog(self, about: Watchdog, now_ms: int) -> Sequence[Call]:
        """The requests that say that somebody is still here."""
