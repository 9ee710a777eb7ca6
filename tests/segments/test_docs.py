"""What integrators read about rules, against the rules."""

import json
import re
from pathlib import Path

from hospes.capabilities import segments
from hospes.capabilities.segments.fields import FIELDS

DOCS = Path(__file__).parents[2] / "docs" / "integrator"
PAGE = (DOCS / "segments.md").read_text()


def test_every_field_and_what_narrows_it_is_documented() -> None:
    for field in FIELDS.values():
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{field.name}` |")]
        assert field.about in row
        assert all(f"`{name}`" in row for name in field.filters)


def test_the_kept_schema_is_the_one_that_is_served() -> None:
    assert json.loads((DOCS / "segment-rules.schema.json").read_text()) == segments.schema()


def test_the_example_can_be_used() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)

    assert len(segments.parse(json.loads(example)).rules) == 3
