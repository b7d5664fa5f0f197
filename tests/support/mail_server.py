"""A real SMTP server on loopback, and what arrives there."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from aiosmtpd.smtp import SMTP

from dev.processes import eventually
from tests.support.service import free_port


class Inbox(MessageHandler):
    """Keeps the mail that arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.messages.append(message)

    def links(self, email: str) -> list[str]:
        """Find the links that were mailed to somebody."""
        bodies = [
            message.get_payload(decode=True).decode()  # type: ignore[union-attr]
            for message in self.messages
            if message["To"] == email
        ]
        return [link for body in bodies for link in re.findall(r"https?://\S+", body)]


class MailServer(Controller):
    """Knows who is connected: one that stops before they are gone leaves their sockets open."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conversations: list[SMTP] = []

    def factory(self) -> SMTP:
        self.conversations.append(super().factory())  # type: ignore[no-untyped-call]
        return self.conversations[-1]

    def is_left(self) -> bool:
        return all(each.transport is None for each in self.conversations)


@contextmanager
def smtp_server(inbox: Inbox, **options: Any) -> Iterator[int]:
    port = free_port()
    controller = MailServer(inbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
        eventually(controller.is_left, "everybody has left the mail server")
    finally:
        controller.stop()
