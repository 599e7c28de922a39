"""Where the runbooks of the deliverer's own alerts and notices are."""

from pathlib import Path

from streams.runtime.config.job import load
from streams.runtime.deliver.runbooks import PAGES, runbooks_of


def test_they_are_under_the_base_of_the_rules(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text('schema = 1\n[defaults]\nrunbook_base = "https://books.example/q/"\n')
    (tmp_path / "job.toml").write_text('[alerts]\nrules = "rules.toml"\n')
    found = runbooks_of(load(tmp_path / "job.toml", {}))
    assert found == {name: f"https://books.example/q/{page}" for name, page in PAGES.items()}


def test_without_a_base_they_are_the_pages_that_are_shipped() -> None:
    root = Path(__file__).parents[3]
    assert [page for page in runbooks_of(load(None, {})).values() if page is None or not (root / page).is_file()] == []
