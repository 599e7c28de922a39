"""When a job stands still: never while it is as far behind as a job that runs is."""

from streams.alerts.rules.model import MINUTE
from streams.runtime.config.job import parse
from streams.runtime.deliver.tellings_log import stall_ms


def test_the_usual_lag_of_a_running_job_is_no_stall() -> None:
    config = parse('[deliver]\nstall_for = "1m"\n[time]\nmax_disorder = "20m"\nidle_after = "7m"\n', "job.toml", {})
    step_ms = config.alerts.rules.step_ms
    newest_of_an_idle_source = 20 * MINUTE + 7 * MINUTE  # how far its clock lies behind (ledger/watermark.py)
    assert stall_ms(config) == newest_of_an_idle_source + step_ms + MINUTE
