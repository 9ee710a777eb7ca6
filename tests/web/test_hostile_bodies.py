"""The price of hostile bodies (A20)."""

import json
import time
import tracemalloc

import pytest

from tests.web.orders import decode, outcome, whole

MIB = 1024 * 1024

HOSTILE = {
    "nested 65": b"[" * 65 + b"]" * 65,
    "nested 1000": b"[" * 1000 + b"]" * 1000,
    "nested 100000": b"[" * 100_000 + b"]" * 100_000,
    "nested objects": b'{"":' * (MIB // 4),
    "100000 keys": b"{" + b",".join(b'"%d":1' % n for n in range(100_000)) + b"}",
    "as many elements as fit": b"[" + b"1," * (MIB // 2 - 2) + b"1]",
    "10000 digits": b'{"name":"a","location_id":' + b"9" * 10_000 + b"}",
    "numbers of 4299 digits": b"[" + b",".join([b"9" * 4299] * 243) + b"]",
    "100000 duplicate keys": b"{" + b",".join([b'"a":1'] * 100_000) + b"}",
    "999 duplicate keys": b'{"name":"a",' + b",".join([b'"\\u0061":1'] * 990) + b"}",
    # What makes the size be checked stands at the end, so that all before it is looked at.
    "quotes": b'""' * (MIB // 2 - 600) + b"," * 1001,
    "escaped quotes, open": b'["' + b'\\"' * (MIB // 2 - 40) + b"[" * 65,
    "backslashes, open": b'["' + b"\\" * (MIB - 70) + b"[" * 65,
    "closing": b"]" * (MIB - 1001) + b"," * 1001,
    "opening and closing": b"[]" * (MIB // 2 - 600) + b"," * 1001,
    "opening and closing inside": b"[" + b"[]" * (MIB // 2 - 600) + b"," * 1001,
    "blanks": b"[" + b" " * (MIB - 70) + b"[" * 65,
    "letters": b"[" + b"x" * (MIB - 70) + b"[" * 65,
    "strings and blanks": b'{"x":[' + b",".join([b'"x"' + b" " * 1000] * 990) + b'],"\\u003a":1,"\\u003a":2}',
    "wrong at the end": b'{"name":"a","attributes":{"a":"' + b"x" * (MIB - 50) + b'"}}',
    "wrong among many": json.dumps(
        whole(attributes={str(n): n for n in range(900)} | {"z": "x" * (MIB - 20_000)})
    ).encode(),
    "deep escapes": b'{"x":"' + b"\\u0041" * (MIB // 6 - 10) + b'\\u0000"}',
}


def cpu_ms(raw: bytes) -> float:
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        outcome(decode, raw)
        best = min(best, (time.process_time() - started) * 1000)
    return best


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_refused_within_50_ms_of_cpu_and_20_mb(name: str) -> None:
    raw = HOSTILE[name]
    assert len(raw) <= MIB
    assert outcome(decode, raw) == "refused"

    assert cpu_ms(raw) <= 50

    tracemalloc.start()
    outcome(decode, raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= 20 * 1000 * 1000


@pytest.mark.parametrize("text", ["a" * (MIB - 100), "a,[" * (MIB // 4), '\\"' * (MIB // 8), "é" * (MIB // 8)])
def test_one_long_string_is_read_as_cheaply(text: str) -> None:
    raw = json.dumps({"name": "a", "note": text}).encode()

    assert decode(raw).note == text
    assert cpu_ms(raw) <= 50
