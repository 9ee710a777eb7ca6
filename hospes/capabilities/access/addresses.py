"""Addresses: which ones a key may be used from, and which one a request came from."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from hospes.base.errors import Invalid, Misconfigured

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MOST_ENTRIES = 100
_MAPPED_BITS = 96
_LONGEST = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")


class Allowlist:
    """Networks a key may be used from; an empty one admits every address. Guest API 2."""

    __slots__ = ("_networks", "entries")

    def __init__(self, networks: Iterable[Network]) -> None:
        given = tuple(dict.fromkeys(networks))
        self._networks = _Networks(given)
        self.entries = tuple(_written(network) for network in given)

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "Allowlist":
        """From CIDR blocks and single addresses, up to 100. Raises Invalid naming the bad entry (case A44)."""
        given = list(dict.fromkeys(entries))
        if len(given) > _MOST_ENTRIES:
            raise Invalid(f"An allowlist has at most {_MOST_ENTRIES} entries.", field="allowlist")
        return cls(_network(entry) for entry in given)

    def admits(self, address: Address | None) -> bool:
        """Whether a call from this address, as `parsed` gives it, may use the key."""
        return not self.entries or (address is not None and address in self._networks)


class Proxies:
    """The proxies whose `X-Forwarded-For` is believed."""

    def __init__(self, text: str) -> None:
        """`text` lists networks, separated by commas. Raises Misconfigured."""
        entries = [entry.strip() for entry in text.split(",")]
        try:
            self._networks = _Networks(_network(entry) for entry in entries if entry)
        except Invalid as error:
            raise Misconfigured(f"HOSPES_TRUSTED_PROXIES: {error.message}") from None

    def client(self, peer: str | None, forwarded_for: str | None) -> Address | None:
        """Who called: the peer, or, behind trusted proxies, the last address that no trusted proxy has.

        `forwarded_for` holds every line of the header, in order, joined by commas. What stands left
        of an unreadable hop could have been written by anybody: the hop right of it then counts as
        the caller. None when the peer has no address, as on a Unix socket.
        """
        address = parsed(peer) if peer else None
        if not forwarded_for or address is None or address not in self._networks:
            return address
        for hop in reversed(forwarded_for.split(",")):
            next_address = parsed(hop.strip())
            if next_address is None:
                return address
            address = next_address
            if address not in self._networks:
                return address
        return address


class _Networks:
    """Networks as numbers: looking an address up in `ipaddress` objects takes ten times as long."""

    __slots__ = ("_blocks",)

    def __init__(self, networks: Iterable[Network]) -> None:
        self._blocks: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for network in networks:
            self._blocks[network.version].append((int(network.netmask), int(network.network_address)))

    def __contains__(self, address: Address) -> bool:
        number = int(address)
        return any(number & mask == start for mask, start in self._blocks[address.version])


def parsed(text: str) -> Address | None:
    """An address by its value: an IPv4 address mapped into IPv6 is the IPv4 address. None for anything else."""
    # Longer texts must not fill the cache.
    return _parsed(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=10_000)
def _parsed(text: str) -> Address | None:
    if "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def bucket(address: Address) -> tuple[int, int]:
    """What limits by address count under: an IPv4 address, or a whole /64 of IPv6.

    One household or machine commonly holds a /64, and could call from all its addresses (case L18).
    """
    if isinstance(address, IPv6Address):
        return 6, int(address) >> 64
    return 4, int(address)


def _network(entry: str) -> Network:
    host, slash, bits = entry.partition("/")
    # Nothing but a number of bits: a mask such as 0.0.0.0 would open everything.
    is_plain = "%" not in host and (not slash or (bits.isascii() and bits.isdigit()))
    try:
        network = ip_network(entry, strict=False) if is_plain else None
    except ValueError:
        network = None
    if network is None:
        raise Invalid(f"{entry!r} is no IP address and no CIDR block.", field="allowlist")
    network = _unmapped(network)
    if parsed(host) != network.network_address:
        raise Invalid(f"{entry} has host bits set. Did you mean {network}?", field="allowlist")
    return network


def _unmapped(network: Network) -> Network:
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= _MAPPED_BITS:
        return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def _written(network: Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
