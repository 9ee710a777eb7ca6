"""A message centre on loopback: speaks SMPP 3.4 with another hand's codecs, and answers as it is told."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiosmpplib import (
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    EnquireLinkResp,
    PduHeader,
    PhoneNumber,
    SmppCommand,
    SmppCommandStatus,
    SubmitSm,
    UnbindResp,
)

OK = SmppCommandStatus.ESME_ROK
_HEADER = struct.Struct("!IIII")


class MessageCentre:
    def __init__(self) -> None:
        self.port = 0
        self.password = "secret"
        self.binds = 0
        self.unbinds = 0
        self.taken: list[SubmitSm] = []
        self.raw: list[bytes] = []
        # Command statuses of our answers to deliver_sm, by sequence number.
        self.answered: dict[int, int] = {}
        self.status: Callable[[SubmitSm], int] = lambda _: OK
        self.name: Callable[[int], str] = lambda number: f"id-{number}"
        # Instead of an answer.
        self.cuts = False
        self.is_silent = False
        self.before_answer: Callable[[str], Any] | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._sequence = 5000

    @property
    def url(self) -> str:
        return f"smpp://hotel:{self.password}@127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                head = await reader.readexactly(16)
                length, command, status, number = _HEADER.unpack(head)
                pdu = head + await reader.readexactly(length - 16)
                await self._answer(writer, command, status, number, pdu)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, command: int, status: int, number: int, pdu: bytes) -> None:
        header = PduHeader(len(pdu), SmppCommand(command), OK, number)
        if command == SmppCommand.BIND_TRANSCEIVER:
            bind = BindTransceiver.from_pdu(pdu, header)
            is_right = (bind.system_id, bind.password) == ("hotel", self.password)
            told = OK if is_right else SmppCommandStatus.ESME_RINVPASWD
            writer.write(BindTransceiverResp(sequence_num=number, command_status=told, system_id="centre").pdu())
            self.binds += 1
        elif command == SmppCommand.SUBMIT_SM:
            await self._take(writer, number, pdu, header)
        elif command == SmppCommand.DELIVER_SM_RESP:
            self.answered[number] = status
        elif command == SmppCommand.ENQUIRE_LINK:
            writer.write(EnquireLinkResp(sequence_num=number).pdu())
        elif command == SmppCommand.UNBIND:
            self.unbinds += 1
            writer.write(UnbindResp(sequence_num=number).pdu())

    async def _take(self, writer: asyncio.StreamWriter, number: int, pdu: bytes, header: PduHeader) -> None:
        message = SubmitSm.from_pdu(pdu, header, "gsm0338")
        self.taken.append(message)
        self.raw.append(pdu)
        if self.cuts:
            writer.transport.abort()
            return
        if self.is_silent:
            return
        status, name = self.status(message), self.name(len(self.taken))
        if self.before_answer is not None:
            self.before_answer(name)
        # By hand: the status may be one of the centre's own, which no library knows.
        body = name.encode() + b"\0" if status == OK else b""
        writer.write(_HEADER.pack(16 + len(body), SmppCommand.SUBMIT_SM_RESP, status, number) + body)

    def turn_round(self) -> None:
        """What is delivered from now on goes to who was bound first."""
        self._writers.reverse()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def deliver(self, text: str, *, sender: str = "33612370000", is_receipt: bool = False, **fields: Any) -> int:
        """Send a deliver_sm to whoever is bound; returns its sequence number."""
        self._sequence += 1
        message = DeliverSm(
            sequence_num=self._sequence,
            short_message=text,
            source=PhoneNumber(sender),
            destination=PhoneNumber("Hospes"),
            esm_class=0b0100 if is_receipt else 0,
            **fields,
        )
        self._writers[-1].write(message.pdu())
        return self._sequence

    def deliver_coded(self, coded: bytes, *, sender: str, data_coding: int) -> int:
        """As `deliver`, for bytes that begin with a header (UDH), put together by hand. SMPP 4.6.1."""
        self._sequence += 1
        addresses = b"\x01\x01" + sender.encode() + b"\0" + b"\x05\x00Hospes\0"
        body = b"\0" + addresses + bytes((0b01000000, 0, 0, 0, 0, 0, 0, data_coding, 0, len(coded))) + coded
        self.send_raw(_HEADER.pack(16 + len(body), SmppCommand.DELIVER_SM, 0, self._sequence) + body)
        return self._sequence

    def receipt(self, name: str, state: str, error: str = "000") -> int:
        text = f"id:{name} sub:001 dlvrd:001 submit date:2606201200 done date:2606201201 stat:{state} err:{error} text:Hello"
        return self.deliver(text, is_receipt=True)

    def send_raw(self, pdu: bytes) -> None:
        self._writers[-1].write(pdu)


@asynccontextmanager
async def open_centre() -> AsyncIterator[MessageCentre]:
    centre = MessageCentre()
    server = await asyncio.start_server(centre.serve, "127.0.0.1", 0)
    centre.port = server.sockets[0].getsockname()[1]
    try:
        yield centre
    finally:
        server.close()
        centre.hang_up()


__all__ = ["OK", "MessageCentre", "open_centre"]
