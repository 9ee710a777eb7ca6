"""Whole rows, for handing out what is known of somebody."""

from hospes.base.db import Statement, sql


def whole(table: str, where: str = "t.guest_id = ANY ($2::bigint[])", *, without: tuple[str, ...] = ()) -> Statement:
    """The rows of a table that `where` chooses by the ids `$2`, each as JSON text; `t` is the table.

    Left out are the workspace, and the columns in `without`: sealed secrets, and what machines keep for themselves.
    """
    hidden = ", ".join(f"'{column}'" for column in ("workspace_id", *without))
    return sql(f"""
    SELECT (to_jsonb(t) - ARRAY[{hidden}])::text
      FROM {table} t
     WHERE t.workspace_id = $1 AND {where}
     ORDER BY t
""")  # noqa: S608 (constants only)
