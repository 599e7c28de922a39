"""Addresses and secrets of receivers, looked up in the environment and in files when they are needed; never shown."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from streams.runtime.config.receivers import PAGERDUTY_URL, ReceiverConfig, variable_of
from streams.runtime.deliver.receivers.alertmanager import Alertmanager
from streams.runtime.deliver.receivers.call import Receiver, Resolved
from streams.runtime.deliver.receivers.pagerduty import PagerDuty
from streams.runtime.deliver.receivers.slack import Slack
from streams.runtime.deliver.receivers.webhook import Webhook
from streams.runtime.errors import ConfigError


def resolve(receivers: Sequence[ReceiverConfig], env: Mapping[str, str], file: str) -> tuple[Resolved, ...]:
    """The receivers with what is secret. Raises ConfigError with one line for each that is not to be had."""
    problems: list[str] = []
    found = []
    for receiver in receivers:
        secret = _looked_up(receiver, receiver.secret, env, problems)
        if receiver.secret_file is not None:
            secret = _read(receiver, receiver.secret_file, problems)
        url = _looked_up(receiver, receiver.url, env, problems)
        if receiver.kind == "slack" and url is None:
            url, secret = secret, None
        if receiver.kind == "pagerduty" and url is None:
            url = PAGERDUTY_URL
        if url is not None and not url.startswith(("http://", "https://")):
            problems.append(f"{receiver.name}: its address does not begin with http:// or https://")
        if secret is not None and not (secret.isascii() and secret.isprintable()):
            problems.append(f"{receiver.name}: its secret has characters that no header can have")
        found.append(
            Resolved(
                receiver.name, receiver.kind, url or "", secret, receiver.match, receiver.rate, receiver.attempts,
                receiver.watchdog,
            )
        )  # fmt: skip
    if problems:
        raise ConfigError("\n".join(f"{file}: receiver {problem}" for problem in problems))
    return tuple(found)


def receiver_of(resolved: Resolved, resend_ms: int, job: str) -> Receiver:
    """What tells this receiver of alerts of a job in its own words."""
    if resolved.kind == "alertmanager":
        return Alertmanager(resolved, resend_ms, job)
    if resolved.kind == "pagerduty":
        return PagerDuty(resolved)
    return Slack(resolved) if resolved.kind == "slack" else Webhook(resolved)


def secrets_of(receivers: Sequence[Resolved]) -> tuple[str, ...]:
    """What no output may show: every secret, and addresses that came from outside the file."""
    return tuple(secret for receiver in receivers for secret in receiver.secrets)


def _looked_up(receiver: ReceiverConfig, text: str | None, env: Mapping[str, str], problems: list[str]) -> str | None:
    name = None if text is None else variable_of(text)
    if name is None:
        return text
    value = env.get(name, "").strip()
    if not value:
        state = "empty" if name in env else "not set"
        problems.append(f"{receiver.name}: the variable {name} is {state}. Set it before starting the deliverer.")
    return value or None


def _read(receiver: ReceiverConfig, file: str, problems: list[str]) -> str | None:
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        problems.append(f"{receiver.name}: its secret_file {file} cannot be read: {why}.")
        return None
    if not lines or not lines[0].strip():
        problems.append(f"{receiver.name}: its secret_file {file} is empty.")
        return None
    return lines[0].strip()
