"""Which URLs may be registered and which addresses dialled: W44 to W48, W53, W54, W59."""

import ipaddress
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outbound_cases import (
    HOSTILE_ADDRESSES,
    INSIDE_NAMES,
    ODD_URLS,
    PUBLIC_ADDRESSES,
    REFUSED_BLOCKS,
    SCHEMES_AND_PORTS,
    SPELLINGS,
)
from yarl import URL

from hospes.base.errors import Invalid
from hospes.providers.destinations import Destinations, Refused

POLICY = Destinations()
AT_HOME = Destinations(allow_loopback=True)


def literal(address: str) -> str:
    return f"https://[{address}]/" if ":" in address else f"https://{address}/"


def within(block: str) -> st.SearchStrategy[str]:
    network = ipaddress.ip_network(block)
    return st.integers(int(network[0]), int(network[-1])).map(lambda number: str(type(network[0])(number)))


def test_the_tables_are_whole() -> None:
    assert [len(table) for table in (HOSTILE_ADDRESSES, PUBLIC_ADDRESSES, SPELLINGS)] == [53, 8, 23]
    assert len(SCHEMES_AND_PORTS) == 12


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
def test_w44_a_hostile_address_is_neither_registered_nor_dialled(address: str) -> None:
    assert not POLICY.permits(address)
    with pytest.raises(Refused, match="not public"):
        POLICY.check_url(literal(address))


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_w46_a_public_address_is_registered_and_dialled(address: str) -> None:
    assert POLICY.permits(address)
    assert ipaddress.ip_address(urlsplit(POLICY.check_url(literal(address))).hostname) == ipaddress.ip_address(address)


@pytest.mark.parametrize("host", SPELLINGS)
@pytest.mark.parametrize("policy", [POLICY, Destinations(https_only=False)])
def test_w47_no_spelling_leads_inside(host: str, policy: Destinations) -> None:
    for scheme in ("https", "http"):
        with pytest.raises(Refused):
            policy.check_url(f"{scheme}://{host}/")


@pytest.mark.parametrize("host", INSIDE_NAMES)
def test_w48_names_that_mean_something_inside_a_network_are_refused(host: str) -> None:
    with pytest.raises(Refused):
        POLICY.check_url(f"https://{host}/")
    with pytest.raises(Refused):
        POLICY.check_url(f"https://{host.upper()}/")


@pytest.mark.parametrize("url", SCHEMES_AND_PORTS)
def test_w53_other_schemes_and_ports_of_internal_services_are_refused(url: str) -> None:
    with pytest.raises(Refused):
        POLICY.check_url(url)


@pytest.mark.parametrize("url", ODD_URLS)
def test_a_url_that_two_readers_could_read_differently_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        POLICY.check_url(url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com/", "The URL must use https."),
        ("https://10.0.0.1/", "The address is not public."),
        ("https://user@example.com/", "The URL must not contain a user name or password."),
        ("https://127.1/", "An IPv4 address must be written as four decimal numbers."),
        ("https://intranet/", "The host must be a public domain name."),
        (
            "https://example.com:6379/",
            "Port 6379 is not allowed. Use 443, or one from 1024 that no internal service uses.",
        ),
    ],
)
def test_a_refusal_says_what_to_change(url: str, message: str) -> None:
    with pytest.raises(Invalid) as refusal:
        POLICY.check_url(url)

    assert refusal.value.message == message


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://partner.example.com/hooks/guest", "https://partner.example.com/hooks/guest"),
        ("HTTPS://Partner.Example.COM", "https://partner.example.com/"),
        ("https://example.com:443?x=1", "https://example.com/?x=1"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("https://bücher.example/straße?q=ü", "https://xn--bcher-kva.example/stra%C3%9Fe?q=%C3%BC"),
        ("https://example.com/a/../b?sp=%2Ftriggers%2Frun&sig=a%2Bb+c", None),
        ("https://example.com/@user:1/x?mail=a@b.example", None),
        ('https://example.com/"<>', "https://example.com/%22%3C%3E"),
        ("https://1.1.1.1:8443/", None),
        ("https://[2606:4700:4700:0::1111]/", "https://[2606:4700:4700::1111]/"),
        ("https://3com.example/", None),
        ("https://r3---sn.example/", None),
    ],
)
def test_an_ordinary_url_is_kept_as_its_receiver_wrote_it(url: str, normal: str | None) -> None:
    assert POLICY.check_url(url) == (normal or url)


def test_plain_http_is_for_this_machine_or_for_a_policy_that_says_so() -> None:
    assert AT_HOME.check_url("http://localhost:8080/x") == "http://localhost:8080/x"
    assert AT_HOME.check_url("http://127.0.0.1:6379/") == "http://127.0.0.1:6379/"
    assert AT_HOME.check_url("http://[::1]:8080/") == "http://[::1]:8080/"
    assert Destinations(https_only=False).check_url("http://example.com/cal.ics") == "http://example.com/cal.ics"
    for url in ("http://example.com:8080/", "http://10.0.0.1:8080/", "http://127.0.0.1:22/", "http://x.localhost/"):
        with pytest.raises(Refused):
            AT_HOME.check_url(url)


@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
def test_allowing_loopback_allows_nothing_else(address: str) -> None:
    assert AT_HOME.permits(address) == (address.startswith("127.") or address == "::1")


def test_w54_a_url_that_leads_back_to_this_server_is_refused() -> None:
    policy = Destinations(own_url="https://hospes.example.com")

    with pytest.raises(Refused, match="back to this server"):
        policy.check_url("https://HOSPES.example.com:443/api/v1")
    assert policy.check_url("https://hospes.example.com:8443/")


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.0.0.1", "fe80::1%eth0", "8.8.8.8 ", "1.1.1.1/32"])
def test_what_is_no_address_is_not_permitted(text: str) -> None:
    assert not POLICY.permits(text)


@pytest.mark.parametrize("block", REFUSED_BLOCKS)
def test_w59_whole_blocks_are_refused(block: str) -> None:
    @settings(max_examples=512, deadline=None, database=None)
    @given(within(block))
    def check(address: str) -> None:
        assert not POLICY.permits(address)

    check()


@settings(max_examples=512, deadline=None, database=None)
@given(st.ip_addresses(v=4))
def test_w59_a_wrapped_ipv4_address_never_fares_better_than_the_bare_one(address: ipaddress.IPv4Address) -> None:
    bare = POLICY.permits(str(address))
    number = int(address)

    for wrapped, may_pass in (
        (0xFFFF << 32 | number, True),  # mapped, RFC 4291
        (0x64FF9B << 96 | number, True),  # NAT64, RFC 6052
        (number, False),  # compatible
        (0xFFFF << 48 | number, False),  # translated, RFC 2765
        (0x2002 << 112 | number << 80, False),  # 6to4
        (0x2001 << 112 | ~number & 0xFFFFFFFF, False),  # Teredo
        (0x2606470000000000 << 64 | 0x5EFE << 32 | number, False),  # ISATAP
        (0x2606470000000000 << 64 | 0x2005EFE << 32 | number, False),
    ):
        assert POLICY.permits(str(ipaddress.IPv6Address(wrapped))) == (bare and may_pass)


@settings(max_examples=512, deadline=None, database=None)
@given(
    st.ip_addresses(v=4).map(int),
    st.sampled_from(["{0}", "0x{0:x}", "0{0:o}", "{1}.{2}", "0x{1:x}.{3}.{4}", "0{1:o}.{3}.{5}.{6}", "{1}.{3}.{4}"]),
)
def test_w59_an_address_in_any_other_spelling_is_refused(number: int, spelling: str) -> None:
    parts = [number >> 24, number & 0xFFFFFF, number >> 16 & 0xFF, number & 0xFFFF, number >> 8 & 0xFF, number & 0xFF]

    with pytest.raises(Refused):
        POLICY.check_url(f"https://{spelling.format(number, *parts)}/")


URL_LIKE = st.text(st.sampled_from("ab1.:/?@[]%-_é①。\\ #&=xX0"), max_size=30).map("https://{}".format)


@settings(max_examples=2000, deadline=None, database=None)
@given(URL_LIKE | st.text(max_size=20).map("https://example.com/{}".format))
def test_every_reader_of_an_accepted_url_sees_the_same_host(url: str) -> None:
    try:
        normal = POLICY.check_url(url)
    except Refused:
        return

    assert normal.isascii()
    assert POLICY.check_url(normal) == normal
    dialled = URL(normal, encoded=True)
    assert dialled.raw_host == urlsplit(normal).hostname
    assert dialled.port == (urlsplit(normal).port or 443)
    assert str(dialled) == normal.removesuffix("?")
