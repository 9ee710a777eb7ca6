"""Campaigns: a launch to a million guests, and email through one worker, beside the SMTP library alone."""

import argparse
import os
import signal
import statistics
import time

import asyncpg

from bench.guest_side import MAILS, bare_smtp
from bench.measuring import child, row, rss
from bench.seed import BIG
from hospes.base.db import Actor, connect
from hospes.capabilities import campaigns, messaging, workspaces
from hospes.cli.supervisor import bind
from hospes.house import House
from hospes.providers.mail import MailWriter
from hospes.providers.smtp import Smtp

_ACTOR = Actor("bench", "bench")
_URL = "http://127.0.0.1:8000"
_NEWS = campaigns.Content(
    subject="News for @{first_name|you}@",
    html='<html><body><p>Hello @{first_name|there}@.</p><p><a href="https://cafe.example/menu">Menu</a></p></body></html>',
)


async def _plan(house: House, workspace_id: int, channel: str, content: campaigns.Content) -> int:
    async with house.database.begin(workspace_id, now=house.clock.now(), actor=_ACTOR) as tx:
        plan = campaigns.Plan(channel=channel, content=content, audience=campaigns.EVERYONE)
        return await campaigns.broadcast(tx, plan)


async def launch(house: House, options: argparse.Namespace) -> None:
    """From the plan until the last message's row is written, by one worker; nothing is sent."""
    connection = await asyncpg.connect(house.dsn)
    held = await connect(house.dsn, clock=house.clock, size=4, statement_timeout_ms=60_000, is_patient=False)
    launches = campaigns.Launches(held, house.clock, instant=house.instant)
    before = rss(os.getpid())
    campaign_id = await _plan(house, BIG, "email", _NEWS)
    began = time.perf_counter()
    await launches.run(BIG)
    took = time.perf_counter() - began
    grown = rss(os.getpid(), "VmHWM") - before
    rows = await connection.fetchval(
        "SELECT count(*) FROM messages WHERE workspace_id = $1 AND campaign_id = $2", BIG, campaign_id
    )
    # Requests may have made some since the seeding.
    everyone = await connection.fetchval("SELECT count(*) FROM guests WHERE workspace_id = $1", BIG)
    assert rows == everyone >= options.guests, rows
    row(f"a campaign to {rows:,} guests, launched", took, "s", "<= 60", took <= 60)
    row("memory that the launch takes", grown, "MB", "<= 20", grown <= 20)
    await connection.execute("DELETE FROM messages WHERE workspace_id = $1 AND campaign_id IS NOT NULL", BIG)
    await connection.execute("DELETE FROM campaign_launches WHERE workspace_id = $1", BIG)
    await connection.execute("DELETE FROM campaigns WHERE workspace_id = $1", BIG)
    await held.close()
    await connection.close()


async def mail(house: House, options: argparse.Namespace) -> None:
    """Messages a second to a local sink, each judged, written, marked and told to the log."""
    sink = bind("127.0.0.1", 0)
    port = int(sink.getsockname()[1])
    sinking = child("bench.sink", str(sink.fileno()), fds=(sink.fileno(),))
    workspace = await workspaces.create(house.database, name="Campaign", now=house.clock.now())
    await _guests(house, workspace.id)
    ratios, rates = [], []
    try:
        for _ in range(options.rounds):
            alone = await bare_smtp(port, is_written=True)
            rates.append(await _ours(house, workspace.id, port))
            ratios.append(rates[-1] / alone)
    finally:
        sinking.send_signal(signal.SIGTERM)
        sinking.wait()
    ratio = statistics.median(ratios)
    row("email of a campaign, of the library alone, which writes each", ratio, "ratio", ">= 0.7", ratio >= 0.7)
    print(f"    {statistics.median(rates):,.0f} a second")


async def _guests(house: House, workspace_id: int) -> None:
    connection = await asyncpg.connect(house.dsn)
    await connection.execute(
        "INSERT INTO guests (workspace_id, name, email, search_text, marketing_consent, email_consent, first_seen_at, "
        "last_seen_at, created_at, updated_at) "
        "SELECT $1, 'Alex Guest', 'alex' || i || '@example.com', 'alex', true, true, now(), now(), now(), now() "
        "FROM generate_series(1, $2::integer) AS i",
        workspace_id,
        MAILS,
    )
    await connection.execute("ANALYZE guests")
    await connection.close()


async def _ours(house: House, workspace_id: int, port: int) -> float:
    held = await connect(house.dsn, clock=house.clock, size=6, statement_timeout_ms=60_000, is_patient=False)
    held.reactions = house.database.reactions
    campaign_id = await _plan(house, workspace_id, "email", _NEWS)
    await campaigns.Launches(held, house.clock, instant=house.instant).run(workspace_id)
    carrier = Smtp(f"smtp://127.0.0.1:{port}", MailWriter("hello@cafe.example"), house.clock)
    mailroom = messaging.Mailroom(
        held,
        house.vault,
        house.clock,
        {"email": carrier},
        instant=house.instant,
        name="bench",
        public_url=_URL,
        author=campaigns.Author(held, house.vault, instant=house.instant, public_url=_URL),
    )
    began = time.perf_counter()
    await mailroom.run(workspace_id)
    took = time.perf_counter() - began
    await carrier.close()
    reader = house.database.reader(workspace_id, now=house.clock.now(), actor=_ACTOR)
    figures = (await campaigns.reports.figures(reader, [campaign_id]))[campaign_id]
    assert figures.sent == MAILS, figures
    await held.close()
    return MAILS / took
