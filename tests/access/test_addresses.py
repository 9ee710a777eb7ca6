"""Where a key may be used from, and where a call came from (cases A44, L18)."""

from ipaddress import ip_address

import pytest

from hospes.base.errors import Invalid, Misconfigured
from hospes.capabilities.access.addresses import Allowlist, Proxies, _parsed, bucket, parsed

FRONT = "10.0.0.1"
SECOND = "10.0.0.2"
GUEST = "203.0.113.7"
PROXIES = Proxies("10.0.0.0/24, fd00::/8")


def admits(entries: list[str], address: str) -> bool:
    return Allowlist.parse(entries).admits(parsed(address))


def test_an_empty_allowlist_admits_everybody() -> None:
    nobody = Allowlist.parse([])

    assert nobody.admits(parsed(GUEST))
    assert nobody.admits(parsed("2001:db8::1"))
    assert nobody.admits(None)


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
        ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
        ("203.0.113.7", GUEST, "203.0.113.8"),
        ("203.0.113.7/32", GUEST, "203.0.113.6"),
        ("::ffff:203.0.113.7", GUEST, "203.0.113.8"),
        ("::ffff:cb00:7107", GUEST, "203.0.113.8"),
        ("::ffff:10.0.0.0/104", "10.9.9.9", "11.9.9.9"),
        ("0.0.0.0/0", GUEST, "2001:db8::1"),
        ("::/0", "2001:db8::1", GUEST),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
        ("2001:DB8::1", "2001:db8:0:0:0:0:0:1", "2001:db8::2"),
    ],
)
def test_addresses_are_matched_by_value(entry: str, inside: str, outside: str) -> None:
    assert admits([entry], inside)
    assert not admits([entry], outside)


def test_the_low_bits_of_an_ipv6_address_are_no_ipv4_address() -> None:
    assert not admits(["0.0.0.0/0"], "::10.0.0.1")


def test_any_one_entry_suffices() -> None:
    entries = [f"10.0.{number}.0/24" for number in range(99)] + ["2001:db8::/64"]

    assert admits(entries, "10.0.98.4")
    assert admits(entries, "2001:db8::4")
    assert not admits(entries, "10.0.99.4")


def test_who_has_no_address_is_outside_every_network() -> None:
    assert not Allowlist.parse(["0.0.0.0/0", "::/0"]).admits(None)


@pytest.mark.parametrize(
    "entry",
    [
        *("", " ", "localhost", "example.com", "*", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1 ", " 10.0.0.1"),
        *("10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "/8", "10.0.0.0/8/8", "10.0.0.0/٨", "10.0.0.0-10.0.0.9"),
        *("10.0.0.0/255.0.0.0", "10.0.0.0/0.0.0.0", "10.0.0.0/0.255.255.255", "167772161", "0x0a000001"),
        *(
            "2001:db8::/129",
            "2001:db8:::1",
            "[2001:db8::1]",
            "fe80::1%eth0",
            "fe80::%1/64",
            "10.0.0.1:80",
            "１０.0.0.1",
        ),
    ],
)
def test_a_bad_entry_is_refused_by_name(entry: str) -> None:
    with pytest.raises(Invalid) as refused:
        Allowlist.parse(["192.0.2.1", entry])

    assert repr(entry) in refused.value.message
    assert refused.value.field == "allowlist"


@pytest.mark.parametrize(
    ("entry", "network"),
    [
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("10.0.0.1/31", "10.0.0.0/31"),
        ("1.2.3.4/0", "0.0.0.0/0"),
        ("2001:db8::1/64", "2001:db8::/64"),
        ("::ffff:10.0.0.1/104", "10.0.0.0/8"),
        ("::ffff:10.0.0.1/64", "::/64"),
    ],
)
def test_host_bits_are_refused_with_the_network_that_was_perhaps_meant(entry: str, network: str) -> None:
    with pytest.raises(Invalid) as refused:
        Allowlist.parse([entry])

    assert entry in refused.value.message
    assert network in refused.value.message
    assert refused.value.field == "allowlist"


def test_an_allowlist_has_at_most_100_entries() -> None:
    hundred = [f"192.0.2.{number}" for number in range(100)]

    assert len(Allowlist.parse([*hundred, hundred[0]]).entries) == 100
    with pytest.raises(Invalid, match="100"):
        Allowlist.parse([*hundred, "192.0.2.100"])


def test_what_is_stored_reads_back_as_the_same_list() -> None:
    given = ["10.0.0.0/8", "203.0.113.7", "203.0.113.7/32", "::ffff:203.0.113.7", "2001:DB8:0::/32", "::1/128"]

    stored = Allowlist.parse(given).entries

    assert stored == ("10.0.0.0/8", "203.0.113.7", "2001:db8::/32", "::1")
    assert Allowlist.parse(stored).entries == stored


def test_without_proxies_the_peer_calls_whatever_it_forwards() -> None:
    assert Proxies("").client(GUEST, "192.0.2.1") == parsed(GUEST)
    assert Proxies(" , ").client(FRONT, "192.0.2.1") == parsed(FRONT)


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        (GUEST, None, GUEST),
        (GUEST, "192.0.2.1", GUEST),
        (FRONT, None, FRONT),
        (FRONT, "", FRONT),
        (FRONT, GUEST, GUEST),
        (FRONT, f"192.0.2.1, {GUEST}", GUEST),
        (FRONT, f"192.0.2.1,{GUEST}, {SECOND}", GUEST),
        (FRONT, f"{GUEST},{SECOND} , fd00::2", GUEST),
        (f"::ffff:{FRONT}", f"::ffff:{GUEST}", GUEST),
        (FRONT, f"{GUEST}, ::ffff:{SECOND}", GUEST),
        ("fd00::1", "2001:db8::9", "2001:db8::9"),
        # Behind proxies all the way: the first of them.
        (FRONT, f"{SECOND}, 10.0.0.3", SECOND),
        # What stands left of something unreadable could be anybody's.
        (FRONT, "unknown", FRONT),
        (FRONT, f"{GUEST}, unknown", FRONT),
        (FRONT, f"{GUEST}, unknown, {SECOND}", SECOND),
        (FRONT, f"{GUEST},,{SECOND}", SECOND),
        (FRONT, f"{GUEST},", FRONT),
        (FRONT, f"{GUEST}:4711", FRONT),
        (FRONT, f'"{GUEST}"', FRONT),
        (FRONT, "fe80::1%eth0", FRONT),
        (FRONT, "1" * 100_000, FRONT),
    ],
)
def test_the_client_is_the_last_hop_that_no_trusted_proxy_has(peer: str, forwarded_for: str, client: str) -> None:
    assert PROXIES.client(peer, forwarded_for) == parsed(client)


@pytest.mark.parametrize("peer", [None, "", "/run/hospes.sock", "testclient"])
def test_a_peer_without_an_address_is_nobody_and_believed_nothing(peer: str | None) -> None:
    assert PROXIES.client(peer, GUEST) is None


def test_bad_proxies_are_a_fault_of_the_configuration() -> None:
    with pytest.raises(Misconfigured, match=r"HOSPES_TRUSTED_PROXIES: 10\.0\.0\.1/8 .* 10\.0\.0\.0/8"):
        Proxies("192.0.2.1, 10.0.0.1/8")


def test_long_texts_are_no_addresses_and_are_not_remembered() -> None:
    longest = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"

    assert parsed(longest) is not None
    remembered = _parsed.cache_info().currsize

    assert parsed("0" + longest) is None
    assert _parsed.cache_info().currsize == remembered


def bucket_of(text: str) -> tuple[int, int]:
    address = parsed(text)
    assert address is not None
    return bucket(address)


def test_all_addresses_of_a_64_share_a_bucket_and_no_two_ipv4_addresses_do() -> None:
    network = int(ip_address("2001:db8:1:2::"))
    home = {bucket_of(str(ip_address(network + number * 2**50))) for number in range(10_000)}
    cafe = {bucket_of(f"203.0.113.{number}") for number in range(256)}

    assert len(home) == 1
    assert len(cafe) == 256
    assert bucket_of("2001:db8:1:3::") not in home
    assert bucket_of("::ffff:203.0.113.7") in cafe
    assert bucket_of("::") != bucket_of("0.0.0.0")
