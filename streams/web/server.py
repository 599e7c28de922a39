"""The operations endpoints on Faust's web server: /metrics, /livez, /startupz and /readyz. Only this file knows Faust.

The pages read what the worker last knew and never ask Kafka, so a probe answers at once whatever the broker does.
"""

from collections.abc import Awaitable, Callable

import faust
from faust.web import Request, Response, View

from streams.web.health import Health
from streams.web.pages import Page, live_page, ready_page, started_page

_NO_STORE = {"Cache-Control": "no-store"}


def mount(app: faust.App, health: Callable[[], Health], metrics: Callable[[], bytes], metrics_type: str) -> None:
    """Add the endpoints to `app`, before it starts.

    `health` says how the worker is now; `metrics` is the body of /metrics and `metrics_type` its content type. Both
    are called in the web server's thread for every request.
    """
    _mount_page(app, "/metrics", lambda _: Page(200, metrics_type, metrics()))
    _mount_page(app, "/livez", lambda verbose: live_page(health(), verbose=verbose))
    _mount_page(app, "/startupz", lambda verbose: started_page(health(), verbose=verbose))
    _mount_page(app, "/readyz", lambda verbose: ready_page(health(), verbose=verbose))


def _mount_page(app: faust.App, path: str, page_of: Callable[[bool], Page]) -> None:
    async def answer(view: View, request: Request) -> Response:
        page = page_of("verbose" in request.query)
        media, _, parameters = page.content_type.partition(";")
        response = view.bytes(page.body, content_type=media, status=page.status, headers=dict(_NO_STORE))
        if parameters:
            response.headers["Content-Type"] = page.content_type  # the server refuses parameters in its own argument
        return response

    handler: Callable[[View, Request], Awaitable[Response]] = answer
    app.page(path, name=path.strip("/"))(handler)
