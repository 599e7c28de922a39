"""The alerts topic of a job, read once to its end by somebody outside of the job."""

from streams.runtime.alerts_board import AlertsBoard
from streams.runtime.clock import wall_ms
from streams.runtime.config.job import Config
from streams.runtime.kafka.tail import read_rows


def read_board(config: Config) -> AlertsBoard:
    """How alerts and mutes stand now. Raises TopicError and UnavailableError as `read_rows` does."""
    board = AlertsBoard(tuple, wall_ms)
    for row in read_rows(config.client, config.topic("alerts"), from_start=True, follow=False):
        if row is not None:
            board.take("alerts", row.key, row.text)
    board.caught_up()
    return board
