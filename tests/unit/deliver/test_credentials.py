"""Secrets of receivers: from where they come, what is said when they are not there, and that nobody shows them."""

import io
import re
import traceback
from pathlib import Path

import pytest

from streams.cli.main import main
from streams.runtime import logs
from streams.runtime.config.job import Config, parse
from streams.runtime.config.problems import InvalidConfigError
from streams.runtime.deliver.credentials import resolve, secrets_of
from streams.runtime.errors import ConfigError

SECRET = "qP7-a-key-of-someone"  # noqa: S105 -- of this test alone

WEBHOOK = '[[receivers]]\nname = "hook"\nkind = "webhook"\nurl = "https://hooks.example/x"\n'
PAGER = '[[receivers]]\nname = "pager"\nkind = "pagerduty"\nsecret = "$PAGER"\n'
SLACK = '[[receivers]]\nname = "chat"\nkind = "slack"\nurl = "$CHAT"\n'


def config(text: str) -> Config:
    return parse(text, "job.toml", {})


def refused(text: str) -> str:
    with pytest.raises(InvalidConfigError) as caught:
        config(text)
    return str(caught.value)


def test_a_secret_comes_from_a_variable() -> None:
    [pager] = resolve(config(PAGER).receivers, {"PAGER": f" {SECRET}\n"}, "job.toml")
    assert (pager.secret, pager.url) == (SECRET, "https://events.pagerduty.com/v2/enqueue")


def test_an_address_can_be_the_secret() -> None:
    [chat] = resolve(config(SLACK).receivers, {"CHAT": "https://hooks.example/T0/B0"}, "job.toml")
    assert (chat.url, chat.secret) == ("https://hooks.example/T0/B0", None)


def test_a_secret_comes_from_the_first_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\nanother line\n")
    [hook] = resolve(config(f'{WEBHOOK}secret_file = "{file}"').receivers, {}, "job.toml")
    assert hook.secret == SECRET
    chat = f'[[receivers]]\nname = "chat"\nkind = "slack"\nsecret_file = "{file}"\n'
    file.write_text("https://hooks.example/T0/B0\n")
    [slack] = resolve(config(chat).receivers, {}, "job.toml")
    assert slack.url == "https://hooks.example/T0/B0"


def test_every_secret_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    missing = f'{WEBHOOK}secret_file = "{tmp_path / "none"}"\n'
    with pytest.raises(ConfigError) as caught:
        resolve(config(PAGER + SLACK + missing).receivers, {"CHAT": ""}, "job.toml")
    assert str(caught.value).splitlines() == [
        "job.toml: receiver pager: the variable PAGER is not set. Set it before starting the deliverer.",
        "job.toml: receiver chat: the variable CHAT is empty. Set it before starting the deliverer.",
        f"job.toml: receiver hook: its secret_file {tmp_path / 'none'} cannot be read: No such file or directory.",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'{WEBHOOK}secret = "{SECRET}"', r"job.toml:5: C113 receivers\[0\].secret: a secret stands in the file"),
        (WEBHOOK.replace("https://", "https://me:pw@"), r"job.toml:4: C113 receivers\[0\].url: this address"),
        (SLACK.replace("$CHAT", "https://hooks.example/services/T0/B0"), r"C113 receivers\[0\].url"),
        (WEBHOOK.replace("https://", "ftp://"), r"C106 receivers\[0\].url: this is no address"),
        (PAGER.replace("secret = ", "#"), r"C104 receivers\[0\]: the integration key is missing"),
        (WEBHOOK.replace("url = ", "#"), r"C104 receivers\[0\]: the key url is missing"),
        (f'{SLACK}secret = "$X"', r"C114 receivers\[0\]: its address is a secret"),
        (f'{PAGER}secret_file = "x"', r"C114 receivers\[0\].secret_file: secret and secret_file are both there"),
        (WEBHOOK + WEBHOOK, r'job.toml:6: C114 receivers\[1\].name: the receiver "hook" is there twice'),
        (f"{WEBHOOK}rates = 3", r'C103 receivers\[0\].rates: unknown key "rates". Did you mean "rate"'),
        (WEBHOOK.replace("webhook", "email"), r"C106 receivers\[0\].kind"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_without_a_secret(text: str, said: str) -> None:
    found = refused(text)
    assert re.search(said, found)
    assert SECRET not in found
    assert "me:pw" not in found


def test_no_line_of_the_log_has_a_secret() -> None:
    receivers = resolve(config(PAGER + SLACK).receivers, {"PAGER": SECRET, "CHAT": "https://h.example/s3cr3t"}, "f")
    out = io.StringIO()
    logs.configure("json", "debug", secrets=secrets_of(receivers), stream=out)
    try:
        error = ValueError(f"POST https://h.example/s3cr3t with {SECRET}")
        logs.logger("deliver").error("it failed", why=str(error), exc_info=error)
        logs.logger("deliver").info(f"{receivers} {config(PAGER)}")
        written = "".join(traceback.format_exception(error))
    finally:
        logs.configure("json", "info")
    assert SECRET in written
    assert SECRET not in out.getvalue()
    assert "s3cr3t" not in out.getvalue()


def test_a_trial_that_fails_shows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "job.toml"
    file.write_text(SLACK)
    monkeypatch.setenv("CHAT", f"http://127.0.0.1:9/{SECRET}")
    assert main(["--debug", "deliver", "-c", str(file), "--test", "chat"]) == 1
    said = capfd.readouterr()
    assert said.out == "chat: no answer (ConnectError)\n"
    assert SECRET not in said.out + said.err


def test_there_must_be_somebody_to_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "job.toml"
    file.write_text('name = "x"\n')
    assert main(["deliver", "-c", str(file)]) == 78
    assert capsys.readouterr().err == f"{file}: there is nobody to tell. Add [[receivers]] with name and kind.\n"
    file.write_text(WEBHOOK)
    assert main(["deliver", "-c", str(file), "--test", "nobody"]) == 2
