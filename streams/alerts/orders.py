"""What people say to the alerts of a running job: records of the tallies, so that they are replayed with the rest.

Every tallies partition has a copy of each. An order holds from the step on that is judged next; saying it again
changes nothing.
"""

import msgspec

from streams.alerts.mutes import MuteChange
from streams.alerts.rules.model import RuleSet

MAGIC = b"QA1\0"


class RulesOrder(msgspec.Struct, frozen=True, tag="rules"):
    """These are the rules from now on."""

    rules: RuleSet


class MuteOrder(msgspec.Struct, frozen=True, tag="mute"):
    """A mute is added, or ended."""

    change: MuteChange


class EndOrder(msgspec.Struct, frozen=True, tag="end"):
    """A history ends at its newest event: that nothing comes after it is no silence to be told of.

    No step behind `newest_ms` is judged until there is a later prediction.
    """

    newest_ms: int


class TrainedOrder(msgspec.Struct, frozen=True, tag="trained"):
    """The trainer says what became of a request: "acknowledged", "completed" or "rejected"."""

    model: str
    request: str
    became: str


Order = RulesOrder | MuteOrder | EndOrder | TrainedOrder

_DECODER = msgspec.json.Decoder(Order)


def encode(order: Order) -> bytes:
    """The record of an order; the same order gives the same bytes."""
    return MAGIC + msgspec.json.encode(order, order="deterministic")


def is_order(record: bytes) -> bool:
    """Whether a record of the tallies is an order."""
    return record.startswith(MAGIC)


def decode(record: bytes) -> Order:
    """The order in a record. Raises ValueError when there is none that this version knows."""
    try:
        order: Order = _DECODER.decode(record[len(MAGIC) :])
    except msgspec.MsgspecError as error:
        raise ValueError(f"no order that this version knows: {error}") from error
    return order
