"""The deliverer's pages: /metrics, /livez, /startupz and /readyz, where `deliver.http_port` is said."""

import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from streams.runtime.errors import ConfigError
from streams.web.health import Check, Health, started_checks
from streams.web.pages import TEXT, Page, checks_page

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_REASONS = {200: "200 OK", 404: "404 Not Found", 503: "503 Service Unavailable"}


def ready_checks(health: Health, waits_for: str) -> Sequence[Check]:
    """What must hold for alerts to be told: the topics are there, and the partitions are read back."""
    topics = Check("topics", not waits_for, waits_for or "the topics of the job are there")
    draining = Check("draining", not health.draining, "stopping" if health.draining else "not stopping")
    return (topics, *started_checks(health), draining)


class Pages:
    """The answers, as a WSGI application. `state` says how the deliverer is, and what it waits for ("" for nothing)."""

    def __init__(self, registry: CollectorRegistry, state: Callable[[], tuple[Health, str]]) -> None:
        self._metrics, self._state = make_wsgi_app(registry), state

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """See PEP 3333."""
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            answer: Iterable[bytes] = self._metrics(environ, start_response)
            return answer
        page = self.page(path, verbose="verbose" in environ.get("QUERY_STRING", ""))
        start_response(_REASONS[page.status], [("Content-Type", page.content_type), ("Cache-Control", "no-store")])
        return [page.body]

    def page(self, path: str, *, verbose: bool) -> Page:
        """What a probe gets. Alive is who answers: whatever goes wrong ends the process, a lost broker does not."""
        health, waits_for = self._state()
        if path == "/livez":
            return checks_page((Check("process", ok=True, why="it answers"),), verbose=verbose)
        if path == "/startupz":
            return checks_page(started_checks(health), verbose=verbose)
        if path == "/readyz":
            return checks_page(ready_checks(health, waits_for), verbose=verbose)
        return Page(404, TEXT, b"there is /metrics, /livez, /startupz and /readyz\n")


def serve(pages: Pages, host: str, port: int) -> None:
    """Answer in a thread until the process ends. Raises ConfigError where nothing can listen there."""
    try:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        server_class = type("_Server", (_Server,), {"address_family": family})
        server: WSGIServer = make_server(host, port, pages, server_class, _Handler)
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(
            f"nothing can listen at deliver.http_host and deliver.http_port, {host}:{port}: {why}. Choose another port"
        ) from None
    threading.Thread(target=server.serve_forever, name="pages", daemon=True).start()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = 10.0  # who is silent for so long holds no thread

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """A line for each probe tells nothing."""
