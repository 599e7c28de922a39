"""Several values after one option, and everything else left as it was typed."""

import pytest

from streams.cli.value_lists import repeat_options

OPTIONS = ("--labels", "-l")


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("replay --labels a b c --out d", "replay --labels a --labels b --labels c --out d"),
        ("replay -l a b -l c", "replay -l a -l b -l c"),
        ("replay --labels=a b", "replay --labels=a --labels b"),
        ("replay --out a b", "replay --out a b"),
        ("replay --labels a - b", "replay --labels a --labels - --labels b"),
        ("replay --labels a -- b c", "replay --labels a -- b c"),
        ("replay --labels", "replay --labels"),
        ("--labels a b --json c", "--labels a --labels b --json c"),
    ],
)
def test_an_option_is_repeated_for_each_of_its_values(typed: str, read: str) -> None:
    assert repeat_options(typed.split(), OPTIONS) == read.split()


def test_without_options_nothing_changes() -> None:
    assert repeat_options(["tail", "a", "b"], ()) == ["tail", "a", "b"]
