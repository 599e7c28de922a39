"""A time on the command line is one moment or an error."""

import pytest
import typer

from streams.cli.moments import parse_moment


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:01Z", 1_000),
        ("1970-01-01T01:00:00.5+01:00", 500),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2013-09-25T02:31:52.448Z", 1_380_076_312_448),
    ],
)
def test_a_time_with_a_zone_is_read(text: str, ms: int) -> None:
    assert parse_moment(text) == ms


@pytest.mark.parametrize("text", ["2013-01-01", "2013-01-01T00:00:00", "yesterday", "", "1380076312448"])
def test_a_time_that_could_mean_many_moments_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_moment(text)
