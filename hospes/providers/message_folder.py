"""Messages kept in a folder, where nothing else is set up: for development, and so that none is lost."""

from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import msgspec
import structlog

from hospes.capabilities.messaging import Letter, Receipt
from hospes.capabilities.messaging.pushes import Notification
from hospes.capabilities.messaging.registrations import Target
from hospes.providers.mail import MailWriter

log = structlog.get_logger()

_CHANNELS = {".eml": "email", ".sms": "sms", ".push": "push"}


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
        return _keep(self._folder, f"{letter.mark}.eml", self._writer.write(letter).raw)

    async def check(self) -> Receipt:
        """As `Carrier.check`."""
        return _check(self._folder)


class SmsFolder:
    """A `Carrier` for text messages that keeps each message as a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, letter: Letter) -> Receipt:
        """As `Carrier.send`."""
        head = f"To: {letter.to}\nDate: {letter.written_at.isoformat()}\n"
        origin = f"From: {letter.origin}\n" if letter.origin else ""
        return _keep(self._folder, f"{letter.mark}.sms", f"{head}{origin}\n{letter.text}".encode())

    async def check(self) -> Receipt:
        """As `Carrier.check`."""
        return _check(self._folder)


class PushFolder:
    """A `PushService` for every platform that keeps each push as a file, with the links that a phone would open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def push(self, target: Target, notification: Notification) -> Receipt:
        """As `PushService.push`."""
        links = [("Open", notification.url), ("Image", notification.details.image)]
        links += [(button.title, button.url) for button in notification.buttons]
        lines = [notification.body, "", *(f"{title}: {url}" for title, url in links if url)]
        kept = EmailMessage()
        # Of an endpoint or token, only the end: the folder is no place for what lets anybody push.
        kept["To"] = f"{target.platform}-{target.address[-8:]}"
        kept["Subject"] = "".join(char if char.isprintable() else " " for char in notification.title)
        kept["Date"] = format_datetime(notification.written_at)
        kept.set_content("\n".join(lines))
        return _keep(self._folder, f"{notification.mark}.push", kept.as_bytes())


def _keep(folder: Path, name: str, raw: bytes) -> Receipt:
    try:
        _write(folder / f".{name}.part", raw).rename(folder / name)
    except OSError as error:
        return _not_kept(error)
    return Receipt("delivered")


def _check(folder: Path) -> Receipt:
    try:
        _write(folder / ".check", b"Whether there is room for a message.\n" * 500).unlink()
    except OSError as error:
        return _not_kept(error)
    return Receipt("sent")


def _write(path: Path, raw: bytes) -> Path:
    """Make a file whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        path.write_bytes(raw)
    except OSError:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise
    return path


def _not_kept(error: OSError) -> Receipt:
    # No message can be kept, so they wait, as they do for a mail server that does not answer.
    says = f"The folder for messages cannot be written: {error.strerror or type(error).__name__}."
    log.warning("messages.folder_unwritable", reason=says)
    return Receipt("down", says)


def newest(folder: Path, *, most: int = 100) -> list[Kept]:
    """What the folder holds, the newest first."""
    found = [path for path in folder.glob("*.*") if path.suffix in _CHANNELS] if folder.is_dir() else []
    found.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return [_read(path) for path in found[:most]]


def find(folder: Path, name: str) -> Kept | None:
    """One message of the folder; None when there is none of this name."""
    path = folder / name
    if path.suffix not in _CHANNELS or path.parent != folder or not path.is_file():
        return None
    return _read(path)


def _read(path: Path) -> Kept:
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    return Kept(
        path.name,
        _CHANNELS[path.suffix],
        str(mail["To"] or ""),
        str(mail["Subject"] or ""),
        text.get_content() if text else "",
        html.get_content() if html else None,
        str(mail["Date"] or ""),
    )
