"""Amounts of money, from text: digits first, a Decimal second (case S5)."""

import re
from decimal import Decimal

from hospes.base.errors import Invalid

PATTERN = "[0-9]{1,12}([.][0-9]{1,4})?"


def amount(text: str, *, field: str) -> Decimal:
    """An amount of at most twelve digits and four decimals. Raises Invalid: `NaN` and `1E+999` are Decimals too."""
    if not re.fullmatch(PATTERN, text, re.ASCII):
        raise Invalid("An amount is digits, with at most four decimals, such as 2.50.", field=field)
    return Decimal(text)
