"""Letters as mail: RFC 5322 headers, text and HTML, one-click unsubscribing, DKIM."""

from email import policy
from email.header import Header
from email.headerregistry import Address
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr

import msgspec

from hospes.base.errors import Misconfigured
from hospes.capabilities.messaging import Letter

# The old policy writes five times as fast as the new. It refuses nothing, so every value that comes from
# outside goes through `_printable`, which leaves no line end in it.
_POLICY = policy.compat32.clone(linesep="\r\n", max_line_length=0)
_LONGEST_LINE = 900
_SIGNED = [b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type"]
_UNSUBSCRIBING = [b"list-unsubscribe", b"list-unsubscribe-post"]


class Mail(msgspec.Struct, frozen=True):
    """A letter ready for SMTP: where it comes from and goes to on the envelope, and its bytes."""

    sender: str
    recipient: str
    raw: bytes


class Dkim(msgspec.Struct, frozen=True):
    """A key that mail is signed with (RFC 6376); `private_key` is PEM."""

    selector: str
    domain: str
    private_key: bytes


class MailWriter:
    """Writes letters as mail from one address."""

    def __init__(self, sender: str, *, bounces: str | None = None, dkim_key: Dkim | None = None) -> None:
        """`bounces` is where mail comes back to; each message gets an address of its own from it.

        Raises Misconfigured.
        """
        self._sender = _address(sender, "HOSPES_MAIL_FROM")
        self._bounces = _address(bounces, "HOSPES_BOUNCE_ADDRESS") if bounces else None
        self._dkim = dkim_key
        if dkim_key:
            self._sign(b"From: a@example.com\r\n\r\n.", [b"from"])

    def write(self, letter: Letter) -> Mail:
        """The letter as mail. Raises ValueError for an address that no envelope can hold."""
        if not letter.to.isprintable() or " " in letter.to:
            raise ValueError("not an address")
        headers = {
            "From": formataddr((_printable(letter.sender), letter.origin or self._sender.addr_spec)),
            # An address beyond ASCII cannot stand in a header that every server passes on.
            "To": letter.to if letter.to.isascii() else "undisclosed-recipients:;",
            "Subject": _encoded(_printable(letter.subject or "")),
            "Date": format_datetime(letter.written_at),
            "Message-ID": f"<{letter.mark}@{self._sender.domain}>",
            # Answering machines keep quiet (RFC 3834).
            "Auto-Submitted": "auto-generated",
        }
        signed = list(_SIGNED)
        if letter.reply_to:
            headers["Reply-To"] = _encoded(_printable(letter.reply_to))
        if letter.unsubscribe_url:
            headers["List-Unsubscribe"] = f"<{letter.unsubscribe_url}>"
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
            signed += _UNSUBSCRIBING
        mail = _parts(letter)
        for name, value in headers.items():
            mail[name] = value
        raw = mail.as_bytes(policy=_POLICY)
        return Mail(self._return_path(letter.mark), letter.to, self._sign(raw, signed) + raw)

    def _return_path(self, mark: str) -> str:
        if self._bounces is None:
            return self._sender.addr_spec
        return f"{self._bounces.username}+{mark}@{self._bounces.domain}"

    def _sign(self, raw: bytes, signed: list[bytes]) -> bytes:
        if self._dkim is None:
            return b""
        import dkim  # noqa: PLC0415 (it brings a resolver of names along, for whoever checks signatures)

        try:
            header: bytes = dkim.sign(
                raw,
                self._dkim.selector.encode(),
                self._dkim.domain.encode(),
                self._dkim.private_key,
                canonicalize=(b"relaxed", b"relaxed"),
                include_headers=signed,
            )
        except (dkim.DKIMException, ValueError, TypeError) as error:
            raise Misconfigured(f"Mail cannot be signed with the DKIM key: {type(error).__name__}.") from None
        return header


def _address(text: str, setting: str) -> Address:
    try:
        address = Address(addr_spec=text.strip())
    except (ValueError, IndexError):
        address = Address()
    if not (address.username and address.domain and text.isascii()):
        raise Misconfigured(f"{setting} is an email address, such as hello@example.com.")
    return address


def _parts(letter: Letter) -> MIMEText | MIMEMultipart:
    """The text, or text and HTML as two ways to say the same."""
    text = _part(letter.text, "plain")
    if not letter.html:
        return text
    both = MIMEMultipart("alternative", boundary=f"={letter.mark.replace('.', '_')}=")
    both.attach(text)
    both.attach(_part(letter.html, "html"))
    return both


def _part(content: str, kind: str) -> MIMEText:
    lines = content.replace("\r\n", "\n").replace("\r", "\n")
    # What is plain ASCII in short lines goes as it is; all else in base64 (RFC 5322 section 2.1.1).
    is_plain = lines.isascii() and "\0" not in lines and max(map(len, lines.split("\n"))) <= _LONGEST_LINE
    return MIMEText(lines, kind, "us-ascii" if is_plain else "utf-8")


def _encoded(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8").encode()


def _printable(text: str) -> str:
    # An encoded word would be decoded, with whatever line ends it hides (RFC 2047 section 2).
    return "".join(char if char.isprintable() else " " for char in text).replace("=?", "= ?")
