"""Where Hospes may connect to: public addresses only, whatever a URL or a DNS answer says.

Two questions, asked at two times. `check_url` reads what somebody typed, when it is registered;
`permits` judges the address that is about to be dialled, each time. The second is the guard: a
name that was public yesterday may point inside today, and a URL's text proves nothing.
"""

import ipaddress
import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote, urlsplit

import idna
import msgspec
from ssrfguard import Policy

from hospes.base.errors import Invalid

LONGEST_URL: Final = 2048
_LONGEST_NAME: Final = 253  # RFC 1035 section 2.3.4, without the root label
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

# RFC 3986 appendix B, narrowed to what a request can be sent to: no userinfo, no zone, no escapes
# in the host.
_URL: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?]*)(?P<rest>.*)", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[^\[\]:%]+))(?::(?P<port>[0-9]+))?", re.IGNORECASE)
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# A last label that C libraries read as a number makes the whole host an IPv4 address.
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LEGAL_IN_PATH: Final = "!$%&'()*+,/:;=?@[]-._~"

# Names that only mean something inside a network (RFC 6761, 6762, 8375, Kubernetes, ICANN's
# withheld ones), and public ones made to point inside: nip.io answers 127.0.0.1.nip.io with it.
_INSIDE: Final = (
    *("localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa"),
    *("svc", "cluster.local", "nip.io", "sslip.io", "xip.io", "localtest.me", "lvh.me"),
)

# Services found inside networks, some of which act on a line they find in an HTTP request; and
# the ports from 1024 up that browsers refuse (the Fetch standard, "port blocking").
_INSIDE_PORTS: Final = frozenset(
    (
        *(1433, 1434, 1521, 3306, 5432, 5433, 5984, 6379, 6380, 7000, 7001, 7199, 9042, 9160),  # databases
        *(9200, 9300, 11211, 27017, 27018, 27019, 28015),
        *(4369, 5671, 5672, 9092, 15672, 2181, 2379, 2380, 8300, 8301, 8500, 8600, 8200),  # queues, co-ordination
        *(2375, 2376, 6443, 10250, 10255, 3389, 5900, 5985, 5986, 2049, 3260, 9100),  # machines
        *(1719, 1720, 1723, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669),  # browsers
        *(6679, 6697, 10080),
    )
)

_LISTED: Final = Policy()  # the IANA special-purpose registries
_PUBLIC_IPV6: Final = ipaddress.IPv6Network("2000::/3")  # all that IANA has opened: RFC 4291 section 2.4
_LOOPBACK: Final = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_UNLISTED: Final = tuple(
    ipaddress.ip_network(block)
    for block in (
        "168.63.129.16/32",  # the platform of Azure, on every machine there
        "192.0.0.0/24",  # 192.0.0.9 and .10 are public by the registry and answered by the nearest router
        "192.31.196.0/24",  # anycast for everybody's nearest: AS112, and AMT below
        "192.52.193.0/24",
        "192.175.48.0/24",
        "2001::/23",  # Teredo, ORCHID, benchmarking, anycast of the nearest router
        "2002::/16",  # 6to4 carries an IPv4 address to a relay: withdrawn, RFC 7526
        "2620:4f:8000::/48",
    )
)
# ISATAP (RFC 5214 section 6.1) puts an IPv4 address behind this under any prefix.
_ISATAP: Final = frozenset((0x00005EFE, 0x02005EFE))


class Refused(Invalid):
    """The destination is not allowed."""


class _Parts(msgspec.Struct, frozen=True):
    scheme: str
    host: str
    port: int
    rest: str
    address: IPv4Address | IPv6Address | None


class Destinations:
    """The policy: which URLs may be registered, and which addresses dialled."""

    def __init__(self, *, allow_loopback: bool = False, https_only: bool = True, own_url: str | None = None) -> None:
        """`allow_loopback` is for development: this machine over http, on ports from 1024.

        `own_url` is where this server is reached; a destination with its host and port is refused.
        """
        self.allow_loopback = allow_loopback
        self.https_only = https_only
        self._own = _origin(own_url) if own_url else None

    def check_url(self, url: str) -> str:
        """The URL as it will be requested: host in ASCII, no default port, other characters escaped.

        Path and query otherwise stay as they are, since receivers sign them. Asks no DNS. Raises
        Refused with a sentence for whoever typed it.
        """
        parts = _split(url)
        loopback = self.allow_loopback and (parts.host == "localhost" or _is_loopback(parts.address))
        self._check_scheme(parts.scheme, loopback=loopback)
        if parts.address is None and not loopback:
            _check_name(parts.host)
        if parts.address is not None and not self._permits(parts.address):
            raise Refused("The address is not public.")
        _check_port(parts.port, loopback=loopback)
        if (parts.host, parts.port) == self._own:
            raise Refused("The URL must not lead back to this server.")
        return _joined(parts)

    def permits(self, address: str) -> bool:
        """Whether a connection to this IP address may be opened; False for what is no address."""
        try:
            # A zone ("%eth0") picks a network of this machine: nothing public has one.
            return "%" not in address and self._permits(ipaddress.ip_address(address))
        except ValueError:
            return False

    def _permits(self, address: IPv4Address | IPv6Address) -> bool:
        return (self.allow_loopback and _is_loopback(address)) or _is_public(address)

    def _check_scheme(self, scheme: str, *, loopback: bool) -> None:
        if scheme == "https" or (scheme == "http" and (loopback or not self.https_only)):
            return
        raise Refused("The URL must use https." if self.https_only else "The URL must use https or http.")


def _is_loopback(address: IPv4Address | IPv6Address | None) -> bool:
    # `is_loopback` says yes to ::ffff:127.0.0.1 on some versions of Python and no on others.
    return address is not None and any(address in block for block in _LOOPBACK)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        if address in _MAPPED or address in _NAT64:
            # On a network with NAT64 every IPv4 receiver looks like this, so the inner address decides.
            return _is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _PUBLIC_IPV6 or int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
            return False
    if any(address in block for block in _UNLISTED):
        return False
    return _LISTED.permits_address(address)


def _split(url: str) -> _Parts:
    if len(url) > LONGEST_URL:
        raise Refused(f"The URL must have at most {LONGEST_URL} characters.")
    # Other readers of a URL drop control characters, or take a backslash for a slash: then the
    # host they connect to is not the one that was checked.
    if not url.isprintable() or " " in url or "\\" in url:
        raise Refused("The URL must not contain spaces, control characters or backslashes.")
    if "#" in url:
        raise Refused("The URL must not have a fragment (#).")
    found = _URL.fullmatch(url)
    if found is None:
        raise Refused("The URL must start with https:// and a host.")
    scheme = found["scheme"].lower()
    host, address, port = _split_authority(found["authority"])
    return _Parts(scheme, host, _DEFAULT_PORTS.get(scheme, 0) if port is None else port, found["rest"], address)


def _split_authority(authority: str) -> tuple[str, IPv4Address | IPv6Address | None, int | None]:
    if "@" in authority:
        raise Refused("The URL must not contain a user name or password.")
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise Refused("The host or port of the URL is not valid.")
    port = _port(found["port"])
    if found["v6"]:
        return *_ipv6(found["v6"]), port
    host = _ascii(found["name"])
    if not _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        return host, None, port
    return *_ipv4(host), port


def _port(text: str | None) -> int | None:
    # A leading zero, or more digits than a port has, is no way to write one.
    if text is not None and (text.startswith("0") or len(text) > 5 or int(text) > 65535):
        raise Refused("The port must be a number from 1 to 65535.")
    return None if text is None else int(text)


def _ipv6(text: str) -> tuple[str, IPv6Address]:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise Refused("The host is not a valid IPv6 address.") from None
    return str(address), address


def _ipv4(text: str) -> tuple[str, IPv4Address]:
    try:
        return text, IPv4Address(text)
    except ValueError:
        raise Refused("An IPv4 address must be written as four decimal numbers.") from None


def _ascii(name: str) -> str:
    """The host in lower case and as A-labels (RFC 5891).

    Nothing is mapped on the way, as UTS 46 would: ① is not 1 here, and an ideographic full stop
    separates no labels. Raises Refused.
    """
    name = "".join(character.lower() if character.isascii() else character for character in name)
    if name.isascii():
        return name
    try:
        return idna.encode(name, strict=True, std3_rules=True).decode()
    except UnicodeError:
        raise Refused("The host contains characters that a domain name cannot have.") from None


def _check_name(host: str) -> None:
    if host.endswith("."):
        raise Refused("The host must not end with a dot.")
    labels = host.split(".")
    if len(host) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused("The host is not a valid domain name.")
    # A resolver would complete a single label with the search domains of this machine.
    if len(labels) == 1 or f".{host}".endswith(tuple(f".{name}" for name in _INSIDE)):
        raise Refused("The host must be a public domain name.")


def _check_port(port: int, *, loopback: bool) -> None:
    usual = port in _DEFAULT_PORTS.values()
    if usual or (port >= 1024 and (loopback or port not in _INSIDE_PORTS)):
        return
    raise Refused(f"Port {port} is not allowed. Use 443, or one from 1024 that no internal service uses.")


def _origin(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _joined(parts: _Parts) -> str:
    host = f"[{parts.host}]" if ":" in parts.host else parts.host
    port = "" if parts.port == _DEFAULT_PORTS[parts.scheme] else f":{parts.port}"
    rest = quote(parts.rest, safe=_LEGAL_IN_PATH)
    url = f"{parts.scheme}://{host}{port}{'' if rest.startswith('/') else '/'}{rest}"
    if len(url) > LONGEST_URL:
        raise Refused(f"The URL must have at most {LONGEST_URL} characters, counted after escaping.")
    return url
