"""What the deliverer's pages answer."""

from wsgiref.util import setup_testing_defaults

from prometheus_client import CollectorRegistry, Gauge

from streams.runtime.deliver.pages import Pages
from streams.web.health import Health

READY = Health(0.0, assigned=2, loaded=2, joined=True)


def asked(path: str, health: Health = READY, waits_for: str = "") -> tuple[str, str]:
    """The status and the body."""
    registry, environ, statuses = CollectorRegistry(), dict[str, object](), list[str]()
    Gauge("quality_something", "A gauge.", registry=registry).set(3)
    setup_testing_defaults(environ)
    environ["PATH_INFO"], _, environ["QUERY_STRING"] = path.partition("?")
    answer = Pages(registry, lambda: (health, waits_for))(environ, lambda status, *_: statuses.append(status))  # type: ignore[arg-type]
    return statuses[0], b"".join(answer).decode()


def test_it_is_ready_when_its_partitions_are_read_back() -> None:
    assert asked("/readyz") == ("200 OK", "ok\n")
    status, body = asked("/readyz", Health(0.0, assigned=2, loaded=1, joined=True))
    assert (status, body) == ("503 Service Unavailable", "[-] state: 1 of 2 partitions are restored\nnot ok\n")


def test_a_standby_without_partitions_is_ready() -> None:
    assert asked("/readyz", Health(0.0, assigned=0, loaded=0, joined=True))[0] == "200 OK"


def test_it_says_what_it_waits_for_and_that_is_no_reason_to_kill_it() -> None:
    waiting = Health(0.0, assigned=0, loaded=0, joined=False)
    status, body = asked("/readyz", waiting, "waiting for q.alerts.v1, which a worker of the job makes")
    assert status == "503 Service Unavailable"
    assert "[-] topics: waiting for q.alerts.v1, which a worker of the job makes\n" in body
    assert asked("/livez", waiting) == ("200 OK", "ok\n")


def test_who_stops_is_not_ready() -> None:
    status, body = asked("/readyz?verbose", Health(0.0, 0, 0, joined=True, draining=True))
    assert status == "503 Service Unavailable"
    assert "[-] draining: stopping" in body
    assert "[+] topics: the topics of the job are there" in body


def test_metrics_are_there_and_other_pages_are_not() -> None:
    status, body = asked("/metrics")
    assert status == "200 OK"
    assert "quality_something 3.0" in body
    assert asked("/nothing")[0] == "404 Not Found"
