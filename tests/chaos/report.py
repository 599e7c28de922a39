"""The tables of docs/reliability.md, made from the outcomes of a run."""

from collections.abc import Sequence
from pathlib import Path

from tests.chaos.outcome import Outcome, pauses, table

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- results: make chaos -->\n", "<!-- end of results -->\n"


def write(outcomes: Sequence[Outcome], page: Path = PAGE) -> None:
    """Put the tables of these outcomes in the place of those that are there."""
    text = page.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{table(outcomes)}\n{pauses(outcomes)}\n{END}{after}")
