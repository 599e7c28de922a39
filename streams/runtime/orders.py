"""What people say to the alerts of a running job, brought into its tallies: rules, mutes, what became of a retraining.

Every tallies partition gets a copy, so that each judge has it at a place in its log, and a replay at the same.
"""

from streams.alerts.orders import Order, encode
from streams.runtime.config.job import Config
from streams.runtime.control import write
from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.producer import Producer

WITHIN_S = 30.0


def give(order: Order, config: Config, tallies: Producer) -> None:
    """Send an order to every judge, as a worker. Raises UnavailableError when no broker takes it in time."""
    record = encode(order)
    for partition in range(config.ledger.tallies_partitions):
        tallies.send(config.topic("tallies"), partition, record)
    if not tallies.flush(WITHIN_S):
        raise UnavailableError(f"no broker took the order to the alerts within {WITHIN_S:.0f} s")


def order(order: Order, config: Config) -> None:
    """Give an order from outside of the job. Raises RefusedError and UnavailableError as `control.write` does."""
    write(config, "tallies", config.ledger.tallies_partitions, encode(order))
