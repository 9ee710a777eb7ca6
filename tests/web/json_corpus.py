"""The 318 files of JSONTestSuite's test_parsing, byte for byte (MIT, Nicolas Seriot; licence in json_corpus.json)."""

import base64
import json
from pathlib import Path


def _read() -> dict[str, bytes]:
    data = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    files = {name: base64.b64decode(text) for name, text in data["base64"].items()}
    for name, parts in data["repeated"].items():
        files[name] = b"".join(text.encode() * times for text, times in parts)
    return dict(sorted(files.items()))


FILES = _read()
