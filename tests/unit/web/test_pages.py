from dataclasses import replace

import pytest

from streams.web.health import STUCK_AFTER_S, Health
from streams.web.pages import Page, live_page, ready_page, started_page

WELL = Health(heartbeat_age_s=0.2, assigned=3, loaded=3, joined=True)


def lines(page: Page) -> list[str]:
    return page.body.decode().splitlines()


def test_a_worker_that_is_well_is_alive_started_and_ready() -> None:
    for answer in (live_page, started_page, ready_page):
        page = answer(WELL, verbose=False)
        assert (page.status, page.content_type, page.body) == (200, "text/plain", b"ok\n")


def test_verbose_lists_every_check_with_its_reason() -> None:
    assert lines(ready_page(WELL, verbose=True)) == [
        "[+] config: the configuration fits the logs",
        "[+] loop: the loop moved 0.2 s ago",
        "[+] group: the group has assigned partitions",
        "[+] state: 3 of 3 partitions are restored",
        "[+] memory: the held tables have room",
        "[+] draining: not stopping",
        "ok",
    ]


@pytest.mark.parametrize(
    ("health", "failed"),
    [
        (replace(WELL, heartbeat_age_s=STUCK_AFTER_S + 1), "loop"),
        (replace(WELL, loaded=2), "state"),
        (replace(WELL, draining=True), "draining"),
        (replace(WELL, full="the held tables have 9 bytes"), "memory"),
        (replace(WELL, config_problem="windows.pane is 5m here and 1m in the job's logs"), "config"),
    ],
)
def test_an_unready_worker_says_what_does_not_hold(health: Health, failed: str) -> None:
    page = ready_page(health, verbose=False)
    assert page.status == 503
    assert len(lines(page)) == 2
    assert lines(page)[0].startswith(f"[-] {failed}: ")
    assert lines(page)[-1] == "not ok"


def test_a_worker_that_waits_for_its_group_has_not_started() -> None:
    page = started_page(Health(0.0, 0, 0, joined=False), verbose=False)
    assert page.status == 503
    assert [line.split(":")[0] for line in lines(page)[:-1]] == ["[-] group", "[-] state"]


def test_a_worker_that_got_no_partitions_is_ready() -> None:
    assert ready_page(Health(0.0, 0, 0, joined=True), verbose=False).status == 200


def test_only_a_stuck_loop_makes_a_worker_dead() -> None:
    bad = Health(STUCK_AFTER_S, 5, 0, joined=False, draining=True, config_problem="no")
    assert live_page(bad, verbose=False).status == 200
    assert live_page(replace(bad, heartbeat_age_s=STUCK_AFTER_S + 0.1), verbose=False).status == 503
