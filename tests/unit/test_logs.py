import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import structlog

from streams.runtime import logs
from streams.runtime.errors import TopicError

NOON_MS = 1_774_180_800_250
HIDDEN = "correct-horse"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """`configure` rules the whole process: put everything back."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level, sys.excepthook)
    yield
    root.handlers[:], root.level, sys.excepthook = list(before[0]), before[1], before[2]
    structlog.reset_defaults()


def configured(log_format: logs.LogFormat = "json", level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    logs.configure(log_format, level, secrets=[HIDDEN], stream=stream, clock_ms=lambda: NOON_MS)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_fields() -> None:
    stream = configured()
    logs.logger("runtime.source").info("partition 3 is loaded", rows=np.int64(5), took_s=0.5)
    assert stream.getvalue().startswith('{"at": "2026-03-22T12:00:00.250Z", "level": "info", "event": ')
    assert lines(stream) == [
        {
            "at": "2026-03-22T12:00:00.250Z", "level": "info", "event": "partition 3 is loaded",
            "logger": "streams.runtime.source", "rows": 5, "took_s": 0.5,
        }
    ]  # fmt: skip


def test_text_has_the_same_on_one_line() -> None:
    stream = configured("text")
    logs.logger("x").warning("no broker", topic="a")
    (line,) = stream.getvalue().splitlines()
    assert "no broker" in line
    assert "topic=a" in line
    assert "warning" in line
    assert "\x1b" not in line


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_secret_is_never_written(log_format: logs.LogFormat) -> None:
    stream = configured(log_format)
    log = logs.logger("x")
    log.info(
        HIDDEN.join(("it is ", "!")),
        where=f"a {HIDDEN} b",
        inner={"deep": [HIDDEN, (HIDDEN,)]},
        error=ValueError(HIDDEN),
    )
    log.info("named", **{"sasl.password": "other"}, client={"sasl.oauthbearer.client.secret": "other"})
    logging.getLogger("faust.worker").warning("library says %s", HIDDEN)
    logs.report(ValueError(HIDDEN))
    assert HIDDEN not in stream.getvalue()
    assert "other" not in stream.getvalue()
    assert "it is ***!" in stream.getvalue()


def test_libraries_have_the_same_form_and_are_heard_from_warning_on() -> None:
    stream = configured(level="debug")
    logging.getLogger("faust.worker").info("chatter")
    logging.getLogger("faust.worker").warning("trouble")
    assert [(line["level"], line["event"], line["logger"]) for line in lines(stream)] == [
        ("warning", "trouble", "faust.worker")
    ]


def test_a_level_silences_what_is_below_it() -> None:
    stream = configured(level="error")
    logs.logger("x").warning("quiet")
    logs.logger("x").error("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_an_error_of_ours_is_a_sentence_without_a_traceback() -> None:
    stream = configured()
    assert logs.report(TopicError("there is no topic a")) == 76
    (line,) = lines(stream)
    assert (line["event"], line["error"], line["exit_code"]) == ("there is no topic a", "TopicError", 76)
    assert "Traceback" not in stream.getvalue()


def test_a_bug_has_its_traceback_in_a_field() -> None:
    stream = configured()
    logs.log_uncaught()
    error = ZeroDivisionError("oh")
    sys.excepthook(ZeroDivisionError, error, None)
    (line,) = lines(stream)
    assert (line["event"], line["exit_code"], line["level"]) == ("a bug ended the worker", 70, "critical")
    assert "ZeroDivisionError: oh" in line["exception"]


def test_a_logger_made_before_configure_follows_it() -> None:
    log = logs.logger("early")
    stream = configured()
    log.info("late")
    assert [line["event"] for line in lines(stream)] == ["late"]
