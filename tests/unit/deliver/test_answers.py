"""What answers mean, how long to wait, and how many requests may go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.deliver.answers import LONGEST_S, Allowance, Meaning, asked_s, backoff_s, meaning_of

NOW = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (200, Meaning.TAKEN), (202, Meaning.TAKEN), (204, Meaning.TAKEN), (301, Meaning.REFUSED),
        (400, Meaning.REFUSED), (401, Meaning.AGAIN), (403, Meaning.AGAIN), (404, Meaning.REFUSED),
        (408, Meaning.AGAIN), (429, Meaning.AGAIN), (500, Meaning.AGAIN), (503, Meaning.AGAIN),
    ],
)  # fmt: skip
def test_a_status_means(status: int, meaning: Meaning) -> None:
    assert meaning_of(status) == meaning


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7), ("", 0), ("soon", 0), ("-1", 0), ("99999", 3_600), ("Thu, 01 Jan 2026 00:00:30 GMT", 30),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
    ],
)  # fmt: skip
def test_how_long_a_receiver_asks_to_be_left_alone(text: str, seconds: float) -> None:
    assert asked_s({"retry-after": text}, NOW) == seconds


@given(st.integers(1, 100), st.text(max_size=8), st.floats(0, 4_000))
def test_back_off_grows_to_a_bound_and_honours_what_is_asked(attempt: int, key: str, asked: float) -> None:
    waits = backoff_s(attempt, key, asked)
    assert waits == backoff_s(attempt, key, asked)  # the jitter is no chance
    assert waits >= asked
    bound = min(LONGEST_S, 2.0 ** (attempt - 1))
    assert bound / 2 <= backoff_s(attempt, key) <= bound


def test_two_receivers_do_not_come_back_at_once() -> None:
    assert len({backoff_s(5, f"batch-{number}") for number in range(50)}) == 50


@given(st.integers(1, 600), st.lists(st.floats(0, 5), max_size=60))
def test_no_minute_has_more_than_is_allowed_and_a_burst(rate: int, pauses: list[float]) -> None:
    allowance, now_s = Allowance(rate), 1_000.0
    sent: list[float] = []
    for pause in pauses:
        now_s += pause + allowance.wait_s(now_s + pause) + 1e-9
        allowance.take(now_s)
        sent.append(now_s)
    for begin in sent:
        assert sum(begin <= moment < begin + 60 for moment in sent) <= rate + max(1, rate / 10) + 1
