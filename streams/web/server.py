"""The pages on Faust's web server: /metrics, the probes, and the routes below /v1. Only this file knows Faust.

The pages read what the worker last knew and never ask Kafka, so a probe answers at once whatever the broker does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import faust
from faust.web import Request, Response, View

from streams.web.health import Health
from streams.web.pages import Page, live_page, ready_page, started_page
from streams.web.routes import LONGEST_BODY, Asked, RefusedError, Route, answered

_NO_STORE = {"Cache-Control": "no-store"}
_THREADS, _AT_ONCE = 2, 8
_OWN_SITES = ("same-origin", "none")  # what browsers say of pages of ours, and of addresses that were typed


def mount(
    app: faust.App,
    health: Callable[[], Health],
    metrics: Callable[[], bytes],
    metrics_type: str,
    routes: Sequence[Route] = (),
) -> None:
    """Add the endpoints to `app`, before it starts.

    `health` says how the worker is now; `metrics` is the body of /metrics and `metrics_type` its content type. Both
    are called in the web server's thread for every request, and so are the answers of `routes` that are no work.
    """
    _mount_page(app, "/metrics", lambda _: Page(200, metrics_type, metrics()))
    _mount_page(app, "/livez", lambda verbose: live_page(health(), verbose=verbose))
    _mount_page(app, "/startupz", lambda verbose: started_page(health(), verbose=verbose))
    _mount_page(app, "/readyz", lambda verbose: ready_page(health(), verbose=verbose))
    workroom = _Workroom()
    for pattern in dict.fromkeys(route.pattern for route in routes):
        _mount_routes(app, workroom, pattern, {route.method: route for route in routes if route.pattern == pattern})


class _Workroom:
    """The threads in which work is answered, so that it never holds up the loop. What is too much is refused."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "web")
        self._waiting = 0

    async def answered(self, route: Route, asked: Asked) -> Page:
        """What a route answers."""
        if self._waiting >= _AT_ONCE:
            return RefusedError(503, "too much is asked at once; ask again in a moment").page
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, answered, route, asked)
        finally:
            self._waiting -= 1


def _mount_page(app: faust.App, path: str, page_of: Callable[[bool], Page]) -> None:
    async def answer(view: View, request: Request) -> Response:
        return _response(view, page_of("verbose" in request.query))

    handler: Callable[[View, Request], Awaitable[Response]] = answer
    app.page(path, name=path.strip("/"))(handler)


def _mount_routes(app: faust.App, workroom: _Workroom, pattern: str, routes: Mapping[str, Route]) -> None:
    """One view for all methods of a pattern; other methods are answered with 405."""

    def handler(route: Route) -> Callable[..., Awaitable[Response]]:
        async def answer(view: View, request: Any, **path: str) -> Response:
            try:
                asked = await _asked(route, request, path)
            except RefusedError as refused:
                return _response(view, refused.page)
            return _response(view, await workroom.answered(route, asked) if route.is_work else answered(route, asked))

        return answer

    view = type("RouteView", (View,), {method.lower(): handler(route) for method, route in routes.items()})
    app.page(pattern, name=pattern.strip("/"))(view)


async def _asked(route: Route, request: Any, path: Mapping[str, str]) -> Asked:
    """One request, with a body of bounded size. Raises RefusedError."""
    if route.is_work and request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES:
        raise RefusedError(403, "a page of another site may not do that")
    body = b""
    if route.method == "POST":
        while len(body) <= LONGEST_BODY and (more := await request.content.read(LONGEST_BODY)):
            body += more
        if len(body) > LONGEST_BODY:
            raise RefusedError(413, f"the body is longer than {LONGEST_BODY:,} bytes")
    query = {name: tuple(request.query.getall(name)) for name in request.query}
    return Asked(path, query, request.headers.get("If-None-Match"), body)


def _response(view: View, page: Page) -> Response:
    media, _, parameters = page.content_type.partition(";")
    response = view.bytes(
        page.body, content_type=media, status=page.status, headers={**_NO_STORE, **dict(page.headers)}
    )
    if parameters:
        response.headers["Content-Type"] = page.content_type  # the server refuses parameters in its own argument
    return response
