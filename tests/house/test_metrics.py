"""Metrics of a server of several processes."""

import re
import urllib.request

from tests.live import live_server
from tests.living import Api, Home, Receiver, ask

REQUESTS = 40


def test_whichever_process_answers_tells_of_all_requests() -> None:
    with live_server("--workers", "2") as live:
        site = live.base.partition("/api/")[0]
        for _ in range(REQUESTS):
            request = urllib.request.Request(live.base + "/crm/tags", headers={"Authorization": f"Bearer {live.key}"})
            # A connection of its own each: the kernel hands them to either process.
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.status == 200
        pages = []
        for _ in range(6):
            with urllib.request.urlopen(site + "/metrics", timeout=10) as answer:
                pages.append(answer.read().decode())

    counted = [
        float(re.search(r'hospes_requests_total{.*route="/crm/tags".*status="200"} (\S+)', page)[1])  # type: ignore[index]
        for page in pages
    ]
    assert counted == [REQUESTS] * len(pages)
    assert all("hospes_webhook_deliveries_waiting 0.0" in page for page in pages)


async def test_attempts_are_counted_by_how_they_ended(home: Home, api: Api, receiver: Receiver) -> None:
    def counted(page: str, name: str, labels: str) -> float:
        found = re.search(rf"^{name}{{{labels}}} (\S+)$", page, re.MULTILINE)
        return float(found[1]) if found else 0.0

    async def page() -> str:
        return (await ask(home.application, "GET", "/metrics", headers=[(b"host", b"testserver")])).body.decode()

    before = await page()
    await api.new_webhook(receiver, "guest.created")
    await api.new_guest()
    await api.deliver()
    receiver.answers(500)
    await api.new_guest()
    await api.deliver()
    after = await page()

    name = "hospes_webhook_attempts_total"
    for outcome in ("succeeded", "refused"):
        labels = f'outcome="{outcome}"'
        assert counted(after, name, labels) == counted(before, name, labels) + 1
