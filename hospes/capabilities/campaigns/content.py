"""What a campaign says, for each channel, before its places are filled."""

from html import unescape
from html.parser import HTMLParser
from typing import Any

import msgspec

from hospes.base.errors import Invalid
from hospes.capabilities import guests
from hospes.capabilities.campaigns.places import Text
from hospes.capabilities.messaging import senders

CHANNELS = ("email", "sms", "push")
PLATFORMS = ("web", "android", "ios")

_LONGEST_LINE = 998
_LONGEST_SMS = 1600
_LONGEST_TITLE = 200
_LONGEST_PUSH = 2000
_LONGEST_HTML = 200_000
_LONGEST_URL = 2000
_MOST_BUTTONS = 2


class Button(msgspec.Struct, frozen=True):
    """A button of a push."""

    title: str
    url: str


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every text takes `@{attribute}@` and Liquid.

    An email has subject and html, and its text, made from the html when left out; `from_name`,
    `from_email` and `reply_to` go into its head. It comes from `from_email` where the workspace may send
    from that domain; otherwise answers go there, unless `reply_to` says where. An SMS has text, and may
    have the `sender_id` that it comes from. A push has title and text, on the web also a url.
    """

    subject: str | None = None
    html: str | None = None
    text: str | None = None
    from_name: str | None = None
    from_email: str | None = None
    reply_to: str | None = None
    sender_id: str | None = None
    title: str | None = None
    url: str | None = None
    image: str | None = None
    icon: str | None = None
    buttons: list[Button] = []


# What has to be there, and the longest of each, in characters.
_NEEDED = {
    "email": {"subject": _LONGEST_LINE, "html": _LONGEST_HTML},
    "sms": {"text": _LONGEST_SMS},
    "push": {"title": _LONGEST_TITLE, "text": _LONGEST_PUSH},
}
_LINKS = ("url", "image", "icon")
_MAY = {
    "email": {"text": _LONGEST_HTML, "from_name": _LONGEST_TITLE, "from_email": 320, "reply_to": 320},
    "sms": {"sender_id": 20},
    "push": {"url": _LONGEST_URL, "image": _LONGEST_URL, "icon": _LONGEST_URL},
}


def checked(content: Content, channel: str, *, platform: str | None = None) -> Content:
    """The content ready to be kept. Raises Invalid for what this channel lacks or cannot say."""
    if channel not in CHANNELS:
        raise Invalid(f"A channel is one of {', '.join(CHANNELS)}.", field="channel")
    if platform is not None and (channel != "push" or platform not in PLATFORMS):
        raise Invalid(f"A platform of pushes is one of {', '.join(PLATFORMS)}.", field="platform")
    needed = {**_NEEDED[channel], **({"url": _LONGEST_URL} if platform == "web" else {})}
    for field in needed:
        if not (getattr(content, field) or "").strip():
            raise Invalid(f"A campaign by {channel} needs {field}.", field=field)
    if channel == "email" and not content.text:
        content = msgspec.structs.replace(content, text=plain(content.html or ""))
    _check_texts(content, {**_MAY[channel], **needed})
    if content.from_email is not None:
        guests.checked_email(content.from_email, field="from_email")
    if content.sender_id is not None:
        senders.checked_sms(content.sender_id)
    if len(content.buttons) > (_MOST_BUTTONS if channel == "push" else 0):
        raise Invalid(f"A push has at most {_MOST_BUTTONS} buttons, and nothing else has any.", field="buttons")
    return content


def _check_texts(content: Content, known: dict[str, int]) -> None:
    for field in Content.__struct_fields__:
        text = getattr(content, field)
        if field == "buttons" or text is None:
            continue
        if field not in known:
            raise Invalid(f"This channel has no {field}.", field=field)
        if len(text) > known[field]:
            raise Invalid(f"{field} has at most {known[field]:,} characters.", field=field)
        if field in _LINKS and not text.startswith(("https://", "http://")):
            raise Invalid("A link begins with https://.", field=field)
        Text(text, is_html=field == "html", field=field).check()
    if not all(button.url.startswith(("https://", "http://")) for button in content.buttons):
        raise Invalid("A button's link begins with https://.", field="buttons")


class _Stripped(HTMLParser):
    """The words of HTML, and where its links lead."""

    _APART = frozenset({"p", "br", "div", "tr", "li", "h1", "h2", "h3", "h4", "table", "ul", "ol", "hr"})
    _UNSEEN = frozenset({"style", "script", "head", "title"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self._depth_unseen = 0
        self._links: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._UNSEEN:
            self._depth_unseen += 1
        if tag in self._APART:
            self.parts.append("\n")
        if tag == "a":
            self._links.append(dict(attrs).get("href"))

    def handle_endtag(self, tag: str) -> None:
        if tag in self._UNSEEN and self._depth_unseen:
            self._depth_unseen -= 1
        if tag in self._APART:
            self.parts.append("\n")
        if tag == "a" and self._links and (link := self._links.pop()):
            self.parts.append(f" ({link})")

    def handle_data(self, data: str) -> None:
        if not self._depth_unseen:
            self.parts.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(unescape(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self.handle_data(unescape(f"&#{name};"))


def plain(html: str) -> str:
    """The words of an HTML template as a text template; places stay what they are."""
    parser = _Stripped()
    parser.feed(html)
    parser.close()
    lines = [" ".join(line.split()) for line in "".join(parser.parts).split("\n")]
    kept = [line for place, line in enumerate(lines) if line or (place and lines[place - 1])]
    return "\n".join(kept).strip() or " "


def encoded(content: Content) -> Any:
    """As it is kept in the campaign's row."""
    return msgspec.to_builtins(content)


def decoded(kept: Any) -> Content:
    return msgspec.convert(kept, Content)
