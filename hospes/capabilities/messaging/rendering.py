"""Operators' templates in Liquid: plain data in, text out, within bounds."""

from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any

from liquid import BoundTemplate, Environment
from liquid.exceptions import LiquidError, ResourceLimitError

from hospes.base.errors import Invalid

_MOST_ROUNDS = 5_000
_LONGEST_INPUT = 20_000
_LONGEST_ARGUMENT = 1_000
_GREATEST = 10**18


class _Bounded(Environment):
    loop_iteration_limit = _MOST_ROUNDS
    output_stream_limit = 400_000
    local_namespace_limit = 500_000
    context_depth_limit = 20
    block_nesting_limit = 20

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """The library bounds loops and output, but not what one filter makes of its input: this does."""
        super().setup_tags_and_filters(extra=extra)
        for name, made in self.filters.items():
            self.filters[name] = _bounded(made)


def _bounded(made: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(made)
    def checked(value: Any, *given: Any, **named: Any) -> Any:
        _check_size(value, _LONGEST_INPUT)
        for argument in (*given, *named.values()):
            _check_size(argument, _LONGEST_ARGUMENT)
        result = made(value, *given, **named)
        _check_size(result, _LONGEST_INPUT)
        return result

    return checked


def _check_size(value: Any, most: int) -> None:
    is_large = (isinstance(value, str) and len(value) > most) or (
        isinstance(value, (list, tuple, range)) and len(value) > _MOST_ROUNDS
    )
    if is_large or (isinstance(value, int) and abs(value) > _GREATEST):
        raise ResourceLimitError("too large", token=None)


# Neither has a loader: a template cannot include another, nor a file.
_text, _html = _Bounded(), _Bounded(autoescape=True)


def check(source: str, *, field: str) -> None:
    """Raises Invalid, naming the line, for a text that is not a template."""
    _compiled(source, is_html=False, field=field)


def render(source: str, facts: Mapping[str, Any], *, is_html: bool = False, field: str = "template") -> str:
    """The text with its places filled; in HTML every value is escaped.

    Raises Invalid when it runs past a bound: 5,000 rounds of loops, 400,000 bytes of output,
    20,000 characters in one value.
    """
    template = _compiled(source, is_html=is_html, field=field)
    try:
        return str(template.render(**facts))
    except ResourceLimitError:
        raise Invalid("The template does too much: it is cut off.", field=field) from None
    except (LiquidError, RecursionError, ArithmeticError, ValueError, TypeError) as error:
        raise Invalid(f"The template cannot be filled in: {type(error).__name__}.", field=field) from None


@lru_cache(maxsize=512)
def _parsed(source: str, *, is_html: bool) -> BoundTemplate:
    return (_html if is_html else _text).from_string(source)


def _compiled(source: str, *, is_html: bool, field: str) -> BoundTemplate:
    try:
        return _parsed(source, is_html=is_html)
    except (LiquidError, RecursionError) as error:
        reason = error.detailed_message() if isinstance(error, LiquidError) else "blocks stand too deep in each other"
        raise Invalid(f"This is not a Liquid template: {reason.splitlines()[0][:200]}.", field=field) from None
