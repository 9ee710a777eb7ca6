"""Messages kept in a folder, where nothing else is set up: for development, and so that none is lost."""

from email import message_from_bytes, policy
from pathlib import Path

import msgspec

from hospes.capabilities.messaging import Letter, Receipt
from hospes.providers.mail import MailWriter


class Kept(msgspec.Struct, frozen=True):
    """A message of the folder, for reading."""

    name: str
    channel: str
    to: str
    subject: str
    text: str
    html: str | None
    written: str


class MailFolder:
    """A `Carrier` for email that keeps each message as a file."""

    def __init__(self, folder: Path, writer: MailWriter) -> None:
        self._folder = folder
        self._writer = writer

    async def send(self, letter: Letter) -> Receipt:
        """As `Carrier.send`: who reads the folder has the message at once."""
        _keep(self._folder, f"{letter.mark}.eml", self._writer.write(letter).raw)
        return Receipt("delivered")

    async def check(self) -> Receipt:
        """As `Carrier.check`."""
        return Receipt("sent")


class SmsFolder:
    """A `Carrier` for text messages that keeps each message as a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, letter: Letter) -> Receipt:
        """As `Carrier.send`."""
        head = f"To: {letter.to}\nDate: {letter.written_at.isoformat()}\n\n"
        _keep(self._folder, f"{letter.mark}.sms", (head + letter.text).encode())
        return Receipt("delivered")

    async def check(self) -> Receipt:
        """As `Carrier.check`."""
        return Receipt("sent")


def _keep(folder: Path, name: str, raw: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = folder / f".{name}"
    part.write_bytes(raw)
    part.rename(folder / name)


def newest(folder: Path, *, most: int = 100) -> list[Kept]:
    """What the folder holds, the newest first."""
    found = [path for path in folder.glob("*.*") if path.suffix in (".eml", ".sms")] if folder.is_dir() else []
    found.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return [_read(path) for path in found[:most]]


def find(folder: Path, name: str) -> Kept | None:
    """One message of the folder; None when there is none of this name."""
    path = folder / name
    if path.suffix not in (".eml", ".sms") or path.parent != folder or not path.is_file():
        return None
    return _read(path)


def _read(path: Path) -> Kept:
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    return Kept(
        path.name,
        "email" if path.suffix == ".eml" else "sms",
        str(mail["To"] or ""),
        str(mail["Subject"] or ""),
        text.get_content() if text else "",
        html.get_content() if html else None,
        str(mail["Date"] or ""),
    )
