"""A workspace of a million guests and one of ten thousand, made by the database itself."""

import time
from pathlib import Path

import asyncpg

BIG, SMALL = 500, 501

_GUESTS = """
    INSERT INTO guests (workspace_id, id, name, email, phone, is_vip, location_id, search_text,
                        first_seen_at, last_seen_at, created_at, updated_at)
    SELECT $1, i, first || ' ' || last, email, phone, i % 40 = 0, 1,
           lower(first || ' ' || last) || E'\\n' || email || E'\\n' || phone, at, at, at, at
      FROM (SELECT i, first, last,
                   lower(first) || '.' || lower(last) || i || '@'
                     || (array['gmail.com', 'example.com', 'orange.fr', 'proton.me', 'web.de'])[1 + i % 5] AS email,
                   '+336' || lpad(((i::bigint * 7919) % 100000000)::text, 8, '0') AS phone,
                   now() - interval '730 days' * (1 - i::float / $2) - interval '1 hour' AS at
              FROM (SELECT i,
                           initcap((array['ja','be','lu','ma','ro','xi','qu','ste','ann','vic','zo','hel','ner','tor','dwi'])[1 + (i * 31) % 15]
                             || (array['na','n','cas','ria','bert','ao','entin','phan','a','tor','e','ga','issa','sten','ght'])[1 + (i / 7) % 15]) AS first,
                           initcap((array['smi','mar','du','gar','ros','mul','no','ben','ols','har','ko','pet','bran','yil','fer'])[1 + (i / 3) % 15]
                             || (array['th','tin','bois','cia','si','ler','wak','ali','en','ding','walski','rov','dt','maz','nandez'])[1 + (i / 11) % 15]
                             || (array['','son','man','ez','ic','ova','a'])[1 + (i / 13) % 7]) AS last
                      FROM generate_series(1, $2) AS i) AS named) AS person
"""


async def seed(dsn: str, guests: int, say: object = print) -> None:
    """Fill both workspaces, unless they are there."""
    connection = await asyncpg.connect(dsn)
    have = await connection.fetchval("SELECT sum(value) FROM counters WHERE workspace_id = $1 AND name = 'guests'", BIG)
    if have is not None:
        await connection.close()
        return
    began = time.perf_counter()
    print(f"Seeding {guests:,} guests (once)")
    await connection.execute("SET maintenance_work_mem = '1GB'")
    index = await connection.fetchval("SELECT pg_get_indexdef('guests_search'::regclass)")
    await connection.execute("DROP INDEX guests_search")
    for workspace, count in ((BIG, guests), (SMALL, 10_000)):
        await connection.execute(
            "INSERT INTO workspaces (id, name, plan, created_at) OVERRIDING SYSTEM VALUE VALUES ($1, 'Bench', 'unlimited', now())",
            workspace,
        )
        await connection.execute(
            "INSERT INTO locations (workspace_id, id, name, created_at) VALUES ($1, 1, 'Bench', now())", workspace
        )
        await connection.execute(_GUESTS, workspace, count)
        await connection.execute(
            "INSERT INTO counters VALUES ($1, 'guests', 0, $2), ($1, 'location:1', 0, $2)", workspace, count
        )
    await connection.execute("SELECT setval('guests_id_seq', $1)", max(guests, 10_000) + 1)
    print("Indexing the search")
    await connection.execute(index)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
    print(f"Seeded in {time.perf_counter() - began:.0f} s")


FOLDER = Path(__file__).parent / "data"
