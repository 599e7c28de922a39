"""How many labels are there of each class in a job that runs? As the rows in its topics say."""

from streams.runtime.config.job import Config
from streams.runtime.rules.rates import Rates, rates_of
from streams.runtime.state import newest_rows


def read_live_rates(config: Config) -> Rates:
    """The rates in the topics of a job, from its shortest tumbling windows that are still there.

    Raises:
        ConfigError: There are no rows of classes.
        UnavailableError: No broker answers.
        TopicError: There is no such topic.
    """
    classes, windows = (newest_rows(config, "classes"), newest_rows(config, "windows"))
    return rates_of(config.topic("classes"), (row for row, _ in classes.values()), (row for row, _ in windows.values()))
