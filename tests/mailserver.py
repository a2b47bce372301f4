"""A real SMTP server on loopback that takes mail, or fails as it is told."""

import asyncio
import email
import email.policy
from collections import Counter
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class MailServer:
    """`with MailServer() as server:` listens on `server.port`; `mails` is what it took, `asked` how often each
    recipient was named to it. Its replies may be changed while it runs; `on` has those to single recipients."""

    def __init__(
        self,
        *,
        on_sender: str = "250 OK",
        on_recipient: str = "250 OK",
        on_data: str = "250 OK",
        drops_after_data: bool = False,
        hangs_after_data_s: float = 0.0,
        greets_after_s: float = 0.0,
    ) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.asked: Counter[str] = Counter()
        self.on: dict[str, str] = {}
        self.on_sender, self.on_recipient, self._on_data = on_sender, on_recipient, on_data
        self._drops, self._hangs_s, self._greets_after_s = drops_after_data, hangs_after_data_s, greets_after_s
        server = self

        class Greeting(SMTP):
            async def _handle_client(self) -> None:
                if server.port:  # the controller's own first look is not kept waiting
                    await asyncio.sleep(server._greets_after_s)
                await super()._handle_client()

        class Loopback(Controller):
            def factory(self) -> SMTP:
                return Greeting(self.handler, enable_SMTPUTF8=True, hostname="mail.example")

            def _trigger_server(self) -> None:
                assert isinstance(self.server, asyncio.Server)
                self.port = self.server.sockets[0].getsockname()[1]  # it was 0: any that is free
                super()._trigger_server()  # type: ignore[no-untyped-call]

        self.port = 0
        self._controller = Loopback(self, hostname="127.0.0.1", port=0)

    def __enter__(self) -> Self:
        self._controller.start()
        self.port = self._controller.port
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.on_sender.startswith("250"):
            envelope.mail_from = address
        return self.on_sender

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.asked[address] += 1
        reply = self.on.get(address, self.on_recipient)
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if self._on_data.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.mails.append(email.message_from_bytes(content, policy=email.policy.default))
            self.recipients += envelope.rcpt_tos
        if self._drops:
            server.transport.abort()
        await asyncio.sleep(self._hangs_s)
        return self._on_data
