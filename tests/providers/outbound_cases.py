"""The tables behind W14 and W44 to W59: what must be refused, and what must not."""

HOSTILE_ADDRESSES = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 169.254.169.254
    169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1
    198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1
    255.255.255.255 168.63.129.16
    :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:10.0.0.1 ::ffff:0:7f00:1
    ::5efe:7f00:1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1 100::1 2001::1
    2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:db8::1 2001:10::1 2001:2::1 2002:7f00:1::1
    2002:a9fe:a9fe::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fd20:ce::254 fe80::1 fe80::a9fe:a9fe
    fec0::1 ff02::1
""".split()  # noqa: SIM905  a table reads better than fifty strings

PUBLIC_ADDRESSES = """
    1.1.1.1 8.8.8.8 100.63.255.254 100.128.0.1 172.32.0.1 2606:4700:4700::1111 2001:4860:4860::8888
    ::ffff:8.8.8.8
""".split()  # noqa: SIM905

# What stands between https:// and the path.
SPELLINGS = [
    "0177.0.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "127.1",
    "127.0.1",
    "0",
    "017700000001",
    "127.0.0.1.",
    "①②⑦.⓪.⓪.①",
    "ⓛocalhost",
    "localhost.",
    "LOCALHOST",
    "ip6-localhost",
    "[::ffff:7f00:1]",
    "0x7f.0x0.0x0.0x1",
    "127。0。0。1",
    "169.254.169.254.",
    "0251.0376.0251.0376",
    "[::1%lo]",
    "[fe80::1%25eth0]",
    "1.1.1.1 &@127.0.0.1",
    "1.1.1.1\\@127.0.0.1",
]

INSIDE_NAMES = [
    "localhost",
    "x.localhost",
    "metadata.google.internal",
    "db.internal",
    "printer.local",
    "intranet",
    "example.com.",
    "127.0.0.1.nip.io",
    "kubernetes.default.svc",
    "router.home.arpa",
    "web.default.svc.cluster.local",
]

SCHEMES_AND_PORTS = [
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "ws://example.com/",
    "unix:/run/docker.sock",
    "http://example.com/",
    "https://example.com:22/",
    "https://example.com:25/",
    "https://example.com:5432/",
    "https://example.com:6379/",
    "https://example.com:0/",
    "https://example.com:65536/",
]

ODD_URLS = [
    "",
    "example.com",
    "//example.com/",
    "https:example.com",
    "https:///path",
    "https://?q",
    "https://user@example.com/",
    "https://user:pass@example.com/",
    "https://example.com@127.0.0.1/",
    "https://example.com/#fragment",
    "https://example.com#@127.0.0.1/",
    "https://exa mple.com/",
    "https://example.com/a b",
    "https://example.com/\r\nHost: x",
    "https://example.com/\x00",
    "https://example.com/\u200b",
    "https://example.com\\.evil.com/",
    " https://example.com/",
    "https://example.com:/",
    "https://example.com:0443/",
    "https://example.com:+443/",
    "https://example.com:443:443/",
    "https://example.com:٤٤٣/",
    "https://[::1/",
    "https://[]/",
    "https://[1.1.1.1]/",
    "https://1.1.1.1.1/",
    "https://256.1.1.1/",
    "https://1.1.1.01/",
    "https://example.com%2f@127.0.0.1/",
    "https://%31%32%37.0.0.1/",
    "https://exa_mple.com/",
    "https://-example.com/",
    "https://example..com/",
    "https://.example.com/",
    f"https://{'a' * 64}.com/",
    f"https://{'a.' * 126}com/",
    "https://example.com/" + "a" * 2040,
    "https://example.com/" + "é" * 700,
    "https://１２７.0.0.1/",
    "https://example。com/",
    "https://exam\u00adple.com/",
    "https://foo.0x/",
    "https://foo.1/",
]

REFUSED_BLOCKS = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
    192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24
    224.0.0.0/4 240.0.0.0/4
    ::/96 ::ffff:0:0:0/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20
    4000::/2 8000::/1 fc00::/7 fe80::/10 fec0::/10 ff00::/8
""".split()  # noqa: SIM905

SUCCESSES = [200, 201, 202, 204, 299]
FAILURES = [199, 300, 304, 400, 404, 500, 599]
REDIRECTS = [301, 302, 303, 307, 308]
