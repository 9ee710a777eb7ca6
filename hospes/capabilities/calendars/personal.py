"""What of a guest stands in imports of bookings: forgotten."""

from hospes.base.db import Tx, sql

# Without the remarks an import still can be taken back: the bookings have lost them as well.
FORGET = sql("""
    UPDATE booking_imports i
       SET changes = (SELECT jsonb_agg(CASE WHEN (step ->> 'booking_id')::bigint = ANY ($2::bigint[])
                                            THEN step
                                                 || jsonb_build_object('after', step -> 'after' || '{"notes": null}')
                                                 || CASE jsonb_typeof(step -> 'before')
                                                        WHEN 'object' THEN jsonb_build_object(
                                                            'before', step -> 'before' || '{"notes": null}')
                                                        ELSE '{}' END
                                            ELSE step END ORDER BY place)
                        FROM jsonb_array_elements(i.changes) WITH ORDINALITY AS one (step, place))
     WHERE i.workspace_id = $1
       AND EXISTS (SELECT
                     FROM unnest($2::bigint[]) AS ours (id)
                    WHERE i.changes @> jsonb_build_array(jsonb_build_object('booking_id', ours.id)))
""")


async def forget(tx: Tx, booking_ids: list[int]) -> None:
    """What imports remember of these stays loses the remarks."""
    await tx.run(FORGET, booking_ids)
