"""A receiver on loopback: an HTTP server that remembers what it got and answers as it is told."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import orjson


@dataclass(frozen=True, slots=True)
class Got:
    """One request as it came. Header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


Answer = tuple[int, Mapping[str, str]]


class LoopbackReceiver:
    """A context manager. `answer` says what to answer to a request; by default 200. `got` has every request."""

    def __init__(self, answer: Callable[[Got], Answer] = lambda _: (200, {})) -> None:
        self.answer = answer
        self._lock = threading.Lock()
        self._got: list[tuple[Got, int]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                headers = {name.lower(): value for name, value in self.headers.items()}
                got = Got(self.path, headers, self.rfile.read(length))
                status, more = outer.answer(got)
                with outer._lock:
                    outer._got.append((got, status))
                try:
                    self.send_response(status)
                    for name, value in more.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"ok")
                except OSError:
                    pass  # who sent it was killed meanwhile

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass  # who sends may be killed in the middle of it

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    @property
    def got(self) -> list[Got]:
        with self._lock:
            return [got for got, _ in self._got]

    @property
    def taken(self) -> list[Got]:
        """The requests that were answered with success."""
        with self._lock:
            return [got for got, status in self._got if 200 <= status < 300]

    def tellings(self, *kinds: str) -> list[dict[str, Any]]:
        """The tellings of all webhook bodies that were taken, in order; of these kinds when some are given."""
        found = [
            told for got in self.taken for name in ("resolved", "firing", "notices") for told in got.json.get(name, ())
        ]
        return [told for told in found if not kinds or told["status"] in kinds]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
