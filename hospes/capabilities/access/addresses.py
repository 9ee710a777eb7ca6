"""Addresses: which ones a key may be used from, and which one a request came from."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from hospes.base.errors import Invalid, Misconfigured

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MOST_ENTRIES = 100
_MAPPED_BITS = 96


class Allowlist:
    """Networks a key may be used from; an empty one admits every address. Guest API 2."""

    __slots__ = ("_networks", "entries")

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)
        self.entries = tuple(str(network) for network in self._networks)

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "Allowlist":
        """From CIDR blocks and single addresses. Raises Invalid naming the bad entry (case A44)."""
        given = list(dict.fromkeys(entries))
        if len(given) > _MOST_ENTRIES:
            raise Invalid(f"An allowlist has at most {_MOST_ENTRIES} entries.", field="allowlist")
        return cls(_network(entry) for entry in given)

    def admits(self, address: Address | None) -> bool:
        if not self._networks:
            return True
        if address is None:
            return False
        return any(address.version == network.version and address in network for network in self._networks)


class Proxies:
    """The proxies whose `X-Forwarded-For` is believed."""

    def __init__(self, text: str) -> None:
        """`text` lists networks, separated by commas. Raises Misconfigured."""
        try:
            self._networks = [_network(entry.strip()) for entry in text.split(",") if entry.strip()]
        except Invalid as error:
            raise Misconfigured(f"HOSPES_TRUSTED_PROXIES: {error.message}") from None

    def client(self, peer: str | None, forwarded_for: str | None) -> Address | None:
        """Who called: the peer, or, behind trusted proxies, the last address that no trusted proxy has."""
        address = parsed(peer) if peer else None
        if not forwarded_for or not self._trusts(address):
            return address
        for hop in reversed(forwarded_for.split(",")):
            next_address = parsed(hop.strip())
            if next_address is None:
                return address
            address = next_address
            if not self._trusts(address):
                return address
        return address

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(
            address.version == network.version and address in network for network in self._networks
        )


@lru_cache(maxsize=10_000)
def parsed(text: str) -> Address | None:
    """An address by its value: an IPv4 address mapped into IPv6 is the IPv4 address. None for anything else."""
    if "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _network(entry: str) -> Network:
    try:
        network = ip_network(entry, strict=False) if "%" not in entry else None
    except ValueError:
        network = None
    if network is None:
        raise Invalid(f"{entry!r} is no IP address and no CIDR block.", field="allowlist")
    host, _, _bits = entry.partition("/")
    if ip_address(host) != network.network_address:
        raise Invalid(f"{entry} has host bits set. Did you mean {network}?", field="allowlist")
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= _MAPPED_BITS:
        return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network
