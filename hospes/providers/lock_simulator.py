"""Locks that are not there: for development, demonstrations and tests."""

from hospes.capabilities.automations import Order, Told


class LockSimulator:
    """A `Lock` that keeps its codes in memory. What it forgets with its process, the order says again."""

    def __init__(self) -> None:
        # Codes by lock and name.
        self.codes: dict[str, dict[str, str]] = {}

    async def grant(self, order: Order) -> Told:
        """As `Lock.grant`."""
        at_lock = self.codes.setdefault(order.ref, {})
        taken = {code for name, code in at_lock.items() if name != order.name}
        code = next(code for code in order.digits("0123456789", 6) if code not in taken)
        at_lock[order.name] = code
        return Told(code=code)

    async def revoke(self, ref: str, name: str) -> Told:
        """As `Lock.revoke`."""
        self.codes.get(ref, {}).pop(name, None)
        return Told()
