"""Mail by SMTP, sent outside of any request: no answer waits for it or depends on it."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from email.message import EmailMessage
from smtplib import SMTP, SMTP_SSL
from ssl import create_default_context
from typing import Any, cast

import click
from flask import Flask, current_app

from playlist_api.bulkheads import ThreadBulkhead
from playlist_api.config.settings import Settings

TIMEOUT = 10
"""Seconds that a mail server may be silent."""

QUEUE = 100
"""Jobs that may wait in a process; more are refused, for the mail server must be down."""

BUSY = "Too many mails are waiting to be sent. Please try again in a moment."

log = logging.getLogger(__name__)


class Mailer:
    """Does jobs that end in a mail, one after the other in a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bulkhead = ThreadBulkhead("mail", 1, queue=QUEUE, timeout=None, busy=BUSY)

    def later(self, keys: tuple[str, ...], job: Callable[..., None], *arguments: Any) -> None:
        """Do the job soon, in a context of the running application; its failure is logged.

        The keys say for whom, so that nobody's jobs keep those of others waiting.

        :raises TooManyRequests, ServiceUnavailable: when too many jobs wait already.
        """
        app = cast(Any, current_app)._get_current_object()
        turn, _ = self._bulkhead.submit(keys, self._do, app, job, *arguments)
        turn.add_done_callback(_note_if_dropped)

    def send(self, message: EmailMessage) -> None:
        """Send a message now; without a mail server, development prints it and production fails.

        :raises OSError: when the server cannot be reached or refuses (smtplib.SMTPException).
        """
        message["From"] = self._settings.mail_from
        if self._settings.smtp_host:
            with self._connected() as server:
                server.send_message(message)
        elif self._settings.production:
            raise OSError("SMTP_HOST is not set")
        else:
            click.echo(message.as_string(), err=True)

    def _connected(self) -> SMTP:
        settings = self._settings
        address, verified = (settings.smtp_host, settings.smtp_port), create_default_context()
        if settings.smtp_tls == "tls":
            server: SMTP = SMTP_SSL(*address, timeout=TIMEOUT, context=verified)
        else:
            server = SMTP(*address, timeout=TIMEOUT)
        if settings.smtp_tls == "starttls":
            server.starttls(context=verified)
        if settings.smtp_username:
            server.login(settings.smtp_username, settings.smtp_password)
        return server

    def _do(self, app: Flask, job: Callable[..., None], *arguments: Any) -> None:
        try:
            with app.app_context():
                job(*arguments)
        except Exception:
            # Nobody waits for the result, so that nobody else could tell.
            log.exception("A mail could not be sent.")


def _note_if_dropped(turn: Future[bool]) -> None:
    if not turn.result():
        log.error("A mail is dropped: too many of one client are waiting.")


def init_app(app: Flask, settings: Settings) -> None:
    """Give the application its mailer."""
    app.extensions["mailer"] = Mailer(settings)


def mailer() -> Mailer:
    """Return the running application's mailer."""
    return cast(Mailer, current_app.extensions["mailer"])
