"""Pages as HTML. Whatever a template is given is escaped."""

from datetime import datetime, timedelta

from babel.dates import format_date, format_timedelta
from babel.numbers import format_decimal
from jinja2 import Environment, PackageLoader, StrictUndefined

from hospes.doors.pages.languages import Language
from hospes.doors.pages.visits import Page

_HALF_LIGHT = 0.179  # where black and white are read equally well on a colour (WCAG 2.2, relative luminance)

_environment = Environment(
    loader=PackageLoader("hospes.doors.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


def render(page: Page, language: Language, nonce: str) -> bytes:
    """The page in the guest's language."""
    brand = page.brand
    template = _environment.get_template(page.template)
    text = template.render(
        page.facts,
        t=language.text,
        language=language,
        nonce=nonce,
        brand=brand,
        on_brand=legible_on(brand.colour) if brand and brand.colour else None,
        number=lambda value: format_decimal(value, locale=language.code),
        day=lambda at: _day(at, language),
        lasting=lambda minutes: format_timedelta(timedelta(minutes=minutes), threshold=2, locale=language.code),
    )
    return text.encode()


def legible_on(colour: str) -> str:
    """Black or white, whichever is read better on `#rrggbb`."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > _HALF_LIGHT else "#ffffff"


def _day(at: datetime, language: Language) -> str:
    return format_date(at, "long", locale=language.code)
