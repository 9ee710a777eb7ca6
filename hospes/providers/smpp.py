"""Text messages over SMPP 3.4: to a message centre, on one connection that also brings what comes back."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import structlog
from aiosmpplib import NPI, TON, DeliverSm, GSM7BitCodec, PhoneNumber, SmppCommandStatus, SubmitSm, UCS2Codec

from hospes.base import ids
from hospes.base.clock import Clock
from hospes.base.errors import HospesError, Misconfigured
from hospes.capabilities.messaging import Letter, Receipt, SmsDesk
from hospes.capabilities.messaging.feedback import Told, Verdict
from hospes.capabilities.messaging.parts import Part
from hospes.capabilities.messaging.sms_desk import SMPP
from hospes.capabilities.messaging.texts import measure
from hospes.providers.smpp_session import OK, Account, NotBoundError, Session, named

# Messages that wait for their response at once.
_WINDOW: Final = 10
_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 60.0
_MOST_EARLY: Final = 1000
_MOST_SEGMENTS: Final = 255
# TS 23.040, 9.2.3.24.1: the header that joins segments, with a reference of one byte.
_JOINED: Final = b"\x05\x00\x03"
_HAS_HEADER: Final = 0b01000000
_RECEIPTED_MESSAGE_ID, _MESSAGE_STATE = 0x001E, 0x0427

_LATER: Final = (
    SmppCommandStatus.ESME_RTHROTTLED,
    SmppCommandStatus.ESME_RMSGQFUL,
    SmppCommandStatus.ESME_RSYSERR,
    SmppCommandStatus.ESME_RX_T_APPN,
)
# Appendix B, and the states of 5.2.28; of what is not here nothing follows.
_STATES: Final[Mapping[str, Verdict]] = {
    "DELIVRD": "delivered",
    **dict.fromkeys(("EXPIRED", "DELETED", "UNDELIV", "REJECTD"), "failed"),
}
_NUMBERED: Final[Mapping[int, Verdict]] = {2: "delivered", 3: "failed", 4: "failed", 5: "failed", 8: "failed"}
_ID = re.compile(r"\bid:\s*(\S+)", re.IGNORECASE)
_STATE = re.compile(r"\bstat:\s*([A-Z]+)", re.IGNORECASE)
_ERROR = re.compile(r"\berr:\s*(\w+)", re.IGNORECASE)

log = structlog.get_logger()


class Smpp:
    """A `Carrier` for text messages; open as a context manager, so that receipts come in."""

    def __init__(
        self,
        url: str,
        desk: SmsDesk,
        clock: Clock,
        *,
        sender_name: str,
        patience_seconds: float = 5.0,
        answer_seconds: float = 30.0,
    ) -> None:
        """`url` is `smpp://user:password@host[:port][?system_type=…]`, or `smpps://…`.

        A message waits for a line to be opened as long as `patience_seconds`, and for its response as
        long as `answer_seconds`. Raises Misconfigured.
        """
        self._account = msgspec.structs.replace(_account(url), answer_seconds=answer_seconds)
        self._desk = desk
        self._clock = clock
        self._source = _source(sender_name)
        self._patience_seconds = patience_seconds
        self._session: Session | None = None
        self._bound = asyncio.Event()
        self._window = asyncio.Semaphore(_WINDOW)
        self._keeping: asyncio.Task[None] | None = None
        # Receipts that were faster than our own note of the message's id.
        self._early: OrderedDict[str, Told] = OrderedDict()

    async def __aenter__(self) -> Self:
        self._keeping = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping

    async def send(self, letter: Letter) -> Receipt:
        """As `Carrier.send`: each segment is a message of its own to the centre, the last one gets the receipt."""
        if not letter.text:
            return Receipt("refused", "The text is empty.")
        try:
            segments = _segments(letter, _source(letter.origin) if letter.origin else self._source)
        except ValueError:
            return Receipt("refused", "The number or the text cannot be sent.")
        async with self._window:
            session = await self._open()
            if session is None:
                return Receipt("down", "The message centre does not answer.")
            return await self._submit(session, segments, letter.mark)

    async def check(self) -> Receipt:
        """As `Carrier.check`."""
        return Receipt("sent") if self._bound.is_set() else Receipt("down", "The message centre does not answer.")

    async def _submit(self, session: Session, segments: list[SubmitSm], mark: str) -> Receipt:
        for place, segment in enumerate(segments):
            try:
                answer = await session.submit(segment)
            except OSError as error:
                if place == 0 and isinstance(error, NotBoundError):
                    return Receipt("down", "The message centre does not answer.")
                return Receipt("unknown", "The line was cut after the message was handed over. It is not sent again.")
            if answer.status != OK:
                refused = _refused(answer.status)
                # With some of it taken, sending again would send that part twice.
                return Receipt("unknown", f"{place} segments were taken. {refused.says}") if place else refused
        if answer.message_id:
            await self._keep_id(answer.message_id[:100], mark)
        return Receipt("sent")

    async def _keep_id(self, message_id: str, mark: str) -> None:
        try:
            await self._desk.keep_id(SMPP, message_id, mark)
            if (early := self._early.pop(message_id, None)) is not None:
                await self._desk.note_by_id(SMPP, message_id, early)
        except HospesError as error:
            # The message is out; only what becomes of it will not be known.
            log.warning("smpp.id_not_kept", error=type(error).__name__)

    async def _open(self) -> Session | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience_seconds):
                await self._bound.wait()
        return self._session

    async def _keep(self) -> None:
        """Stay bound, for ever."""
        wait = _FIRST_WAIT
        while True:
            try:
                session = await Session.bind(self._account, self._take)
            except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
                log.warning("smpp.not_reached", error=type(error).__name__, reason=str(error)[:100])
            else:
                wait = _FIRST_WAIT
                await self._run(session)
                log.warning("smpp.line_cut")
            await self._clock.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _run(self, session: Session) -> None:
        self._session = session
        self._bound.set()
        try:
            await session.run()
        finally:
            self._bound.clear()
            self._session = None
            await session.close()

    async def _take(self, message: DeliverSm) -> SmppCommandStatus:
        """What came in: a receipt, or what a guest wrote. The centre brings again what we could not write down."""
        try:
            if message.is_receipt():
                await self._note(message)
            else:
                text = message.short_message or message.message_payload
                await self._desk.came(message.source.number, text, _part(message))
        except HospesError as error:
            log.warning("smpp.not_noted", error=type(error).__name__)
            return SmppCommandStatus.ESME_RX_T_APPN
        return OK

    async def _note(self, message: DeliverSm) -> None:
        message_id, told = _receipt(message)
        if told is None or not message_id:
            return
        for name in _spellings(message_id):
            if await self._desk.note_by_id(SMPP, name, told) is not None:
                return
        self._early[message_id] = told
        while len(self._early) > _MOST_EARLY:
            self._early.popitem(last=False)
        # It may have been noted just now.
        if await self._desk.note_by_id(SMPP, message_id, told) is not None:
            self._early.pop(message_id, None)


def _segments(letter: Letter, source: PhoneNumber) -> list[SubmitSm]:
    """Raises ValueError for a number or a text that no message can hold."""
    measured = measure(letter.text)
    if measured.segments > _MOST_SEGMENTS:
        raise ValueError("too long")
    is_gsm, is_joined = measured.encoding == "gsm7", measured.segments > 1
    codec = GSM7BitCodec() if is_gsm else UCS2Codec()
    reference = ids.random_bytes(1)
    made = []
    for number, part in enumerate(measured.parts, start=1):
        is_last = number == measured.segments
        segment = SubmitSm(
            short_message=part,
            source=source,
            destination=_number(letter.to),
            esm_class=_HAS_HEADER if is_joined else 0,
            encoding="gsm0338" if is_gsm else "ucs2",
            registered_delivery=int(is_last),
        )
        header = _JOINED + reference + bytes((measured.segments, number)) if is_joined else b""
        segment.set_encoded_message(header + codec.encode(part)[0])
        made.append(segment)
    return made


def _number(address: str) -> PhoneNumber:
    digits = re.sub(r"[^0-9]", "", address)
    if not digits:
        raise ValueError("no number")
    return PhoneNumber(digits, TON.INTERNATIONAL if address.startswith("+") else TON.UNKNOWN, NPI.ISDN)


def _source(sender: str) -> PhoneNumber:
    """The name, number or short code that a message comes from. SMPP 5.2.5, 5.2.6."""
    if sender.startswith("+"):
        return _number(sender)
    if sender.isdecimal():
        return PhoneNumber(sender, TON.NETWORK_SPECIFIC, NPI.UNKNOWN)
    return PhoneNumber(sender, TON.ALPHANUMERIC, NPI.UNKNOWN)


def _refused(status: int) -> Receipt:
    says = f"The message centre: {named(status)}."
    if status in _LATER:
        return Receipt("later", says)
    if status == SmppCommandStatus.ESME_RINVDSTADR:
        return Receipt("bounced", says)
    return Receipt("refused", says)


def _receipt(message: DeliverSm) -> tuple[str, Told | None]:
    """The id that a receipt names, and what it says; None for a state on the way. SMPP Appendix B; 5.3.2.12, 35."""
    fields = {param.tag: param.value for param in message.optional_params or []}
    text = message.short_message or message.message_payload
    in_text = _ID.search(text)
    message_id = str(fields.get(_RECEIPTED_MESSAGE_ID) or (in_text[1] if in_text else ""))[:100]
    state, error = _STATE.search(text), _ERROR.search(text)
    verdict = _STATES.get(state[1].upper()) if state else _NUMBERED.get(int(fields.get(_MESSAGE_STATE) or 0))
    if verdict is None:
        return message_id, None
    reason = f"{state[1].upper() if state else 'state'} {error[1] if error else ''}".strip()
    return message_id, Told("", verdict, "" if verdict == "delivered" else f"The network: {reason}.")


def _part(message: DeliverSm) -> Part | None:
    """Which part of a message it is, by its header (UDH) or SMPP 5.3.2.22 to 24."""
    if not message.is_segmented():
        return None
    reference, number, total = message.get_segmentation_data()
    # Of a reference of two bytes, the library takes the two bytes behind it for more of it.
    is_overread = reference & 0xFFFF == total << 8 | number
    return Part(reference >> 16 if is_overread else reference, number, total)


def _spellings(message_id: str) -> list[str]:
    """Some centres give an id in hexadecimal, and its receipt in decimal."""
    if not message_id.isdecimal() or len(message_id) > 20:
        return [message_id]
    return [message_id, f"{int(message_id):x}", f"{int(message_id):X}"]


def _account(url: str) -> Account:
    try:
        parts = urlsplit(url)
        account = Account(
            host=parts.hostname or "",
            port=parts.port or (3550 if parts.scheme == "smpps" else 2775),
            system_id=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            system_type=parse_qs(parts.query).get("system_type", [""])[0],
            is_tls=parts.scheme == "smpps",
        )
        is_whole = bool(account.host and account.system_id and parts.scheme in ("smpp", "smpps") and account.bind())
    except ValueError:
        is_whole = False
    if not is_whole:
        raise Misconfigured(
            "HOSPES_SMPP_URL looks like smpp://user:password@smsc.example.com:2775 (or smpps://…); the user has at "
            "most 15 characters, the password 8."
        )
    return account
