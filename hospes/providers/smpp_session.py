"""One bound connection to a message centre: SMPP 3.4, as a transceiver.

The PDUs are aiosmpplib's; the conversation is ours, because what became of each message has to be known.
"""

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Self

import msgspec
from aiosmpplib import (
    BindTransceiver,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    PduHeader,
    SmppCommand,
    SmppCommandStatus,
    SubmitSm,
    Unbind,
    UnbindResp,
)

OK: Final = SmppCommandStatus.ESME_ROK
_HEADER: Final = struct.Struct("!IIII")
_LONGEST_PDU: Final = 70_000
# Silence for so long is asked about, and after as much again the line counts as dead.
_IDLE_SECONDS: Final = 30.0
_MOST_DELIVERIES: Final = 20
_RESPONSE: Final = 0x80000000


class Account(msgspec.Struct, frozen=True):
    """Where the message centre is, and who we are to it."""

    host: str
    port: int
    system_id: str
    password: str
    system_type: str = ""
    is_tls: bool = False
    # How long a response may take.
    answer_seconds: float = 30.0

    def bind(self) -> BindTransceiver:
        """Raises ValueError for a name of more than 15 characters, or a password of more than 8."""
        return BindTransceiver(
            sequence_num=1, system_id=self.system_id, password=self.password, system_type=self.system_type
        )


class Answer(msgspec.Struct, frozen=True):
    """A response: its command status (SMPP 5.1.3), and the message's id of a submit_sm_resp."""

    status: int
    message_id: str = ""


class NotBoundError(ConnectionError):
    """The message centre does not let us in; the status says why."""


class CutError(ConnectionError):
    """The line was cut, or nobody answered, after a request was handed over."""


# Says with which status a delivery is answered.
OnDelivery = Callable[[DeliverSm], Awaitable[SmppCommandStatus]]


class Session:
    """Open it with `bind`, then let `run` read until the line is gone."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_delivery: OnDelivery,
        *,
        answer_seconds: float,
    ) -> None:
        self._reader = reader
        self._answer_seconds = answer_seconds
        self._writer = writer
        self._on_delivery = on_delivery
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._last = 1
        self._is_over = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(_MOST_DELIVERIES)

    @classmethod
    async def bind(cls, account: Account, on_delivery: OnDelivery) -> Self:
        """Connect and bind (SMPP 4.1.5). Raises OSError or TimeoutError; NotBoundError is an OSError too."""
        async with asyncio.timeout(account.answer_seconds):
            trust = ssl.create_default_context() if account.is_tls else None
            reader, writer = await asyncio.open_connection(account.host, account.port, ssl=trust)
            session = cls(reader, writer, on_delivery, answer_seconds=account.answer_seconds)
            try:
                writer.write(account.bind().pdu())
                _, status, _, _ = await session._read()
            except BaseException:
                writer.close()
                raise
        if status != OK:
            writer.close()
            raise NotBoundError(named(status))
        return session

    async def submit(self, message: SubmitSm) -> Answer:
        """Send one PDU and wait for its response (SMPP 4.4).

        Raises NotBoundError when the line is gone already, CutError when it goes now.
        """
        if self._is_over:
            raise NotBoundError("the line is gone")
        self._last = self._last % 0x7FFFFFFF + 1
        message.sequence_num = number = self._last
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            self._writer.write(message.pdu())
            async with asyncio.timeout(self._answer_seconds):
                return await waiting
        except (TimeoutError, OSError) as error:
            raise CutError(type(error).__name__) from None
        finally:
            self._waiting.pop(number, None)

    async def run(self) -> None:
        """Read until the line is gone, and tell everybody who waits. Never raises for what the network does."""
        try:
            while await self._one():
                pass
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            pass  # whatever it was, the line is of no use any more
        finally:
            self._is_over = True
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(CutError("the line was cut"))

    async def close(self) -> None:
        """See deliveries that are under way to their end, and say goodbye (SMPP 4.2)."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(OSError):
            self._send(Unbind(sequence_num=self._last + 1))
            await self._writer.drain()
        self._writer.close()

    async def _one(self) -> bool:
        """Take one PDU; False when the other side unbinds."""
        command, status, number, pdu = await self._next()
        if command & _RESPONSE:
            waiting = self._waiting.get(number)
            if waiting is not None and not waiting.done():
                waiting.set_result(Answer(status, pdu[16:].partition(b"\0")[0].decode("ascii", "replace")))
        elif command == SmppCommand.DELIVER_SM:
            await self._room.acquire()
            task = asyncio.create_task(self._deliver(number, pdu))
            self._tasks.add(task)
            task.add_done_callback(self._delivered)
        elif command == SmppCommand.ENQUIRE_LINK:
            self._send(EnquireLinkResp(sequence_num=number))
        elif command == SmppCommand.UNBIND:
            self._send(UnbindResp(sequence_num=number))
            return False
        return True

    async def _next(self) -> tuple[int, int, int, bytes]:
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                return await self._read()
        except TimeoutError:
            self._send(EnquireLink(sequence_num=self._last))
            async with asyncio.timeout(_IDLE_SECONDS):
                return await self._read()

    async def _read(self) -> tuple[int, int, int, bytes]:
        """Command, status, sequence number and the whole PDU (SMPP 3.2). Raises ValueError for a senseless length."""
        head = await self._reader.readexactly(_HEADER.size)
        length, command, status, number = _HEADER.unpack(head)
        if not _HEADER.size <= length <= _LONGEST_PDU:
            raise ValueError("not SMPP")
        return command, status, number, head + await self._reader.readexactly(length - _HEADER.size)

    async def _deliver(self, number: int, pdu: bytes) -> None:
        try:
            header = PduHeader(len(pdu), SmppCommand.DELIVER_SM, OK, number)
            message = DeliverSm.from_pdu(pdu, header, "gsm0338")
            assert isinstance(message, DeliverSm)
            status = await self._on_delivery(message)
        except (ValueError, IndexError, struct.error):
            # It cannot be read, and will not be the next time either.
            status = SmppCommandStatus.ESME_RX_P_APPN
        with suppress(OSError):
            self._send(DeliverSmResp(sequence_num=number, command_status=status))

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.release()

    def _send(self, message: Any) -> None:
        self._writer.write(message.pdu())


def named(status: int) -> str:
    """What the specification calls a status; one of the centre's own is a number."""
    try:
        return str(SmppCommandStatus(status).name)
    except ValueError:
        return f"status 0x{status:08x}"
