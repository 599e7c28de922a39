"""What does a worker's web server answer? One JSON page of it, or a sentence why there is none."""

from collections.abc import Mapping
from typing import Any

from streams.runtime.errors import ConfigError, UnavailableError

PATIENCE_S = 10.0


class NothingThereError(ConfigError):
    """The worker says that there is no such thing (404)."""


def page_of_worker(url: str, path: str, query: Mapping[str, str]) -> dict[str, Any]:
    """The JSON object at a path of a worker.

    Raises NothingThereError where there is no such thing, ConfigError when the address is not a worker's or it refuses
    the question, UnavailableError when nobody answers, or a worker that cannot say anything yet.
    """
    import httpx  # noqa: PLC0415 -- a tenth of a second that other commands spare

    where = f"{url.rstrip('/')}{path}"
    try:
        answer = httpx.get(where, params=dict(query), timeout=PATIENCE_S)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise ConfigError(f"{url} is no address of a worker; write one such as http://127.0.0.1:9400.") from None
    except httpx.HTTPError as error:
        raise UnavailableError(f"{url} does not answer ({error or type(error).__name__}). Is a worker there?") from None
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ConfigError(f"{where} is no page of a worker: it answers {answer.status_code} and no JSON object.")
    sentence = f"{where}: {body.get('error', answer.status_code)}"
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise NothingThereError(sentence)
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise UnavailableError(sentence)
    if answer.status_code != httpx.codes.OK:
        raise ConfigError(sentence)
    return body
