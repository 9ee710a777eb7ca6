"""The commands, as an operator types them."""

import csv
import io
from pathlib import Path

from tests.calendars.test_commands import Shell
from tests.campaigns.planning import broadcast, new_guest, rows, state
from tests.campaigns.test_life import launched
from tests.living import Api, Home


async def test_an_operator_pauses_resumes_and_cancels(home: Home, api: Api, tmp_path: Path) -> None:
    shell = Shell(home, api, tmp_path)
    anna = await new_guest(api, "Anna")
    campaign_id = await broadcast(api, anna)
    await launched(api, campaign_id)

    paused = await shell.json("campaigns", "pause", campaign_id)
    again = await shell.run("campaigns", "pause", campaign_id)
    await api.deliver()
    held = await rows(api, campaign_id)
    await shell.json("campaigns", "resume", campaign_id)
    status, _, _ = await shell.run("campaigns", "cancel", campaign_id)
    await api.deliver()

    assert (paused["state"], held, status) == ("paused", {anna: "queued"}, 0)
    assert (again[0], "The campaign is paused." in again[2]) == (1, True)
    assert await state(api, campaign_id) == "cancelled"
    assert await rows(api, campaign_id) == {anna: "cancelled"}


async def test_an_operator_lists_reports_and_exports(home: Home, api: Api, tmp_path: Path) -> None:
    shell = Shell(home, api, tmp_path)
    anna, silent = await new_guest(api, "Anna"), await new_guest(api, "Silent", marketing_consent=None)
    campaign_id = await broadcast(api, anna, silent, name="May offer")
    await api.deliver()

    listed = (await shell.run("campaigns", "list"))[1]
    shown = await shell.json("campaigns", "show", campaign_id)
    report = await shell.json("campaigns", "report", campaign_id)
    spoken = (await shell.run("campaigns", "report", campaign_id))[1]
    status, table, _ = await shell.run("campaigns", "export", campaign_id, "--figure", "excluded")
    wrong = await shell.run("campaigns", "export", campaign_id, "--format", "xlsx")

    assert (str(campaign_id) in listed, "May offer" in listed) == (True, True)
    assert shown["state"] == "completed"
    assert (report["figures"]["delivered"], report["excluded"]) == (1, {"no_consent": 1})
    assert "no consent" in spoken
    assert [int(line["guest_id"]) for line in csv.DictReader(io.StringIO(table))] == [silent]
    assert (status, wrong[0], "csv, ndjson" in wrong[2]) == (0, 1, True)
