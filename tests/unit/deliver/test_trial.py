"""`streams deliver --test`: one test alert and its end, and what it says of them."""

from pathlib import Path

import pytest

from streams.cli.main import main
from tests.support.receiver import LoopbackReceiver


def job(folder: Path, url: str) -> Path:
    file = folder / "job.toml"
    file.write_text(f'name = "tried"\n[[receivers]]\nname = "hook"\nkind = "webhook"\nurl = "{url}"\n')
    return file


def test_a_receiver_that_takes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LoopbackReceiver() as hook:
        assert main(["deliver", "-c", str(job(tmp_path, hook.url)), "--test", "hook"]) == 0
        firing, resolved = hook.tellings()
    assert capsys.readouterr().out == "hook: it took a test alert and its end\n"
    assert (firing["status"], resolved["status"]) == ("firing", "resolved")
    assert firing["dedup_key"] == resolved["dedup_key"]
    assert firing["labels"] == {"job": "tried"}
    assert firing["severity"] == "ticket"  # nobody is woken by a test


def test_a_receiver_that_does_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LoopbackReceiver(lambda _: (401, {})) as hook:
        assert main(["deliver", "-c", str(job(tmp_path, hook.url)), "--test", "hook"]) == 1
        assert len(hook.got) == 1
    assert capsys.readouterr().out == "hook: it answered 401 to the firing alert\n"
