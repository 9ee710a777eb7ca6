"""Addresses in a campaign's mail that tell who opened it and where they clicked.

The target stands inside what we sign, so nobody can make our address lead elsewhere.
"""

import re
from html import escape, unescape

from hospes.base.secrets import Unreadable, Vault

OPEN, CLICK = "open", "click"
# Longer ones do not fit into a path; they stay as they are, and are not counted.
_LONGEST_URL = 1200

_LINK = re.compile(r"""(<a\s[^>]*?\bhref\s*=\s*)("|')(https?://[^"'<>\s]+)\2""", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)


class Marker:
    """Puts one message's addresses into its HTML."""

    def __init__(self, vault: Vault, public_url: str, workspace_id: int, message_id: int) -> None:
        self._vault = vault
        self._public_url = public_url
        self._workspace_id = workspace_id
        self._message_id = message_id

    def marked(self, html: str, *, opens: bool, clicks: bool) -> str:
        """The HTML with its web links led through us, and with a pixel at its end."""
        if clicks:
            html = _LINK.sub(self._led, html)
        return self._with_pixel(html) if opens else html

    def _led(self, link: re.Match[str]) -> str:
        url = unescape(link[3])
        # Ours already say whose they are; unsubscribing is nobody's click.
        if len(url) > _LONGEST_URL or url.startswith(f"{self._public_url}/u/"):
            return link[0]
        return f"{link[1]}{link[2]}{self.click_url(url)}{link[2]}"

    def click_url(self, url: str) -> str:
        claims = {"w": self._workspace_id, "m": self._message_id, "u": url}
        return f"{self._public_url}/u/c/{self._vault.sign(claims, CLICK)}"

    def open_url(self) -> str:
        name = f"{self._workspace_id}.{self._message_id}"
        return f"{self._public_url}/u/o/{name}.{self._vault.mark(name, OPEN)}.gif"

    def _with_pixel(self, html: str) -> str:
        pixel = f'<img src="{self.open_url()}" width="1" height="1" alt="" style="display:block;border:0">'
        return _ended(html, pixel)


def way_out(html: str, text: str, url: str) -> tuple[str, str]:
    """A mail's HTML and text with the link to unsubscribe at their end, where they lack it."""
    link = f'<p style="font:12px sans-serif"><a href="{escape(url)}" style="color:#666">Unsubscribe</a></p>'
    return (
        html if escape(url) in html or url in html else _ended(html, link),
        text if url in text else f"{text.rstrip()}\n\nUnsubscribe: {url}",
    )


def _ended(html: str, piece: str) -> str:
    end = _BODY_END.search(html)
    return f"{html[: end.start()]}{piece}{html[end.start() :]}" if end else html + piece


def opened(vault: Vault, token: str) -> tuple[int, int]:
    """The workspace and the message that a pixel's address names. Raises Unreadable."""
    name, _, given = token.removesuffix(".gif").rpartition(".")
    workspace_id, _, message_id = name.partition(".")
    if not (token.isascii() and workspace_id.isdigit() and message_id.isdigit() and token.endswith(".gif")):
        raise Unreadable
    if not vault.is_mark(given, name, OPEN):
        raise Unreadable
    return int(workspace_id), int(message_id)


def clicked(vault: Vault, token: str) -> tuple[int, int, str]:
    """The workspace, the message and the target of a link. Raises Unreadable."""
    claims = vault.signed(token, CLICK)
    return claims["w"], claims["m"], claims["u"]
