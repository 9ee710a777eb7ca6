"""Mail over SMTP (RFC 5321), on connections that are kept and used again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from aiosmtplib import SMTP, errors

from hospes.base.clock import Clock
from hospes.base.errors import Misconfigured
from hospes.capabilities.messaging import Letter, Receipt
from hospes.providers.mail import Mail, MailWriter

_TIMEOUT_SECONDS = 30.0
# A server may hang up on who asks for more; the next connection takes over.
_MOST_ON_ONE = 100
_IDLE_SECONDS = 20.0
# The address is not there (RFC 3463 section 3.2), said with 550, 551 or 553; `5.7` is about the message.
_NO_SUCH_ADDRESS = ("5.1.", "5.2.1", "5.4.4")

log = structlog.get_logger()


class _Line:
    """One connection, and how often it was used."""

    def __init__(self, client: SMTP) -> None:
        self.client = client
        self.used = 0
        self.idle_since = 0.0


class Smtp:
    """A `Carrier` for email."""

    def __init__(self, url: str, writer: MailWriter, clock: Clock, *, connections: int = 8) -> None:
        """`url` is `smtp://[user:password@]host[:port]` or `smtps://…`. Raises Misconfigured."""
        self._connect = _options(url)
        self._writer = writer
        self._clock = clock
        self._room = asyncio.Semaphore(connections)
        self._idle: list[_Line] = []

    async def send(self, letter: Letter) -> Receipt:
        """As `Carrier.send`."""
        mail = self._writer.write(letter)
        async with self._room:
            try:
                async with self._line() as line:
                    return await self._hand_over(line, mail)
            except (TimeoutError, errors.SMTPException, OSError) as error:
                return _not_reached(error)

    async def check(self) -> Receipt:
        """As `Carrier.check`."""
        try:
            async with self._room, self._line() as line:
                await line.client.noop()
        except (TimeoutError, errors.SMTPException, OSError) as error:
            return _not_reached(error)
        return Receipt("sent")

    async def close(self) -> None:
        """Say goodbye on every connection."""
        while self._idle:
            await _hang_up(self._idle.pop())

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[_Line]:
        line = await self._taken()
        try:
            yield line
        except BaseException:
            line.client.close()
            raise
        line.used += 1
        line.idle_since = self._clock.monotonic()
        if line.used >= _MOST_ON_ONE or not line.client.is_connected:
            await _hang_up(line)
        else:
            self._idle.append(line)

    async def _taken(self) -> _Line:
        while self._idle:
            line = self._idle.pop()
            if line.client.is_connected and self._clock.monotonic() - line.idle_since < _IDLE_SECONDS:
                return line
            line.client.close()
        client = SMTP(**self._connect)
        await client.connect()
        return _Line(client)

    async def _hand_over(self, line: _Line, mail: Mail) -> Receipt:
        """One conversation. Before the message is handed over, whatever goes wrong can be tried again."""
        client = line.client
        try:
            options = ["SMTPUTF8"] if not mail.recipient.isascii() else []
            await client.mail(mail.sender, options=options, encoding="utf-8" if options else "ascii")
            await client.rcpt(mail.recipient, encoding="utf-8" if options else "ascii")
        except errors.SMTPResponseException as error:
            await _start_anew(client)
            return _refused(error, is_about_address=isinstance(error, errors.SMTPRecipientRefused))
        except errors.SMTPServerDisconnected:
            client.close()
            return Receipt("later", "The mail server hung up.")
        try:
            await client.data(mail.raw)
        except errors.SMTPResponseException as error:
            return _refused(error, is_about_address=False)
        except (TimeoutError, errors.SMTPException, OSError):
            client.close()
            return Receipt("unknown", "The line was cut after the message was handed over. It is not sent again.")
        return Receipt("sent")


def _refused(error: errors.SMTPResponseException, *, is_about_address: bool) -> Receipt:
    says = f"{error.code} {error.message}".splitlines()[0]
    if error.code == 421 or 400 <= error.code < 500:
        return Receipt("later", says)
    # A 550 without an enhanced code, in answer to the recipient, means the address.
    has_code = error.message[:2] in ("4.", "5.")
    if is_about_address and (error.message.startswith(_NO_SUCH_ADDRESS) or not has_code):
        return Receipt("bounced", says)
    return Receipt("refused", says)


def _not_reached(error: Exception) -> Receipt:
    log.warning("smtp.not_reached", error=type(error).__name__)
    if isinstance(error, errors.SMTPAuthenticationError):
        return Receipt("down", "The mail server does not accept our user and password.")
    return Receipt("down", f"The mail server does not answer: {type(error).__name__}.")


async def _start_anew(client: SMTP) -> None:
    try:
        await client.rset()
    except (TimeoutError, errors.SMTPException, OSError):
        client.close()


async def _hang_up(line: _Line) -> None:
    with suppress(errors.SMTPException, OSError, asyncio.TimeoutError):
        await line.client.quit()
    line.client.close()


def _options(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("smtp", "smtps"):
        raise Misconfigured("HOSPES_SMTP_URL looks like smtp://user:password@mail.example.com:587 (or smtps://…:465).")
    is_tls = parts.scheme == "smtps"
    has_user = parts.username is not None
    return {
        "hostname": host,
        "port": port or (465 if is_tls else 587 if has_user else 25),
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "use_tls": is_tls,
        # A password is never sent in the clear; without one, TLS is used where it is offered.
        "start_tls": False if is_tls else True if has_user and not _is_loopback(host) else None,
        "timeout": _TIMEOUT_SECONDS,
    }


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1")
