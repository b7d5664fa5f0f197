"""Mail by SMTP, sent in a thread of its own: no response waits for it or depends on it."""

import logging
import re
from collections.abc import Callable
from concurrent.futures import Future
from email.headerregistry import Address
from email.message import EmailMessage
from smtplib import SMTP, SMTP_SSL
from ssl import create_default_context
from typing import Any, cast

import click
import email_validator
from email_validator import EmailNotValidError, ValidatedEmail, validate_email
from flask import Flask, current_app

from playlist_api.config import Settings
from playlist_api.ops.bulkheads import ThreadBulkhead

SMTP_TIMEOUT = 10
"""Seconds to wait for an answer from the mail server."""

MAIL_QUEUE = 100
"""Jobs that may wait in a process; when there are more, the mail server must be down."""

MAIL_BUSY = "Too many mails are waiting to be sent. Please try again in a moment."

ENCODED_WORD = "=?"
"""The beginning of an encoded word (RFC 2047, section 2), which mail programs and Python decode."""

INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
"""Invisible characters that email-validator accepts: Default_Ignorable_Code_Point of Unicode, and
the blank of Braille."""

log = logging.getLogger(__name__)

# Private networks use .local, and developers .test: whether a domain takes mail is for the mail
# server to find out.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


def recipient(address: str) -> ValidatedEmail:
    """Return an e-mail address in its spellings for mails and accounts.

    :raises ValueError: when it is no address of RFC 5321 or RFC 6531, has more than 254 bytes, a
        quoted local part or an IP address for a domain, or can be read as something else.
    """
    if ENCODED_WORD in address or INVISIBLE.search(address):
        raise EmailNotValidError
    return validate_email(address, check_deliverability=False)


class Mailer:
    """Does jobs that send a mail, one at a time in a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bulkhead = ThreadBulkhead("mail", 1, queue=MAIL_QUEUE, timeout=None, busy=MAIL_BUSY)

    def later(self, keys: tuple[str, ...], job: Callable[..., None], *arguments: Any) -> None:
        """Do the job soon, in an application context; a failure is logged.

        Jobs are queued fairly by the keys of the clients that they are for.

        :raises TooManyRequests, ServiceUnavailable: when too many jobs wait already.
        """
        app = cast(Any, current_app)._get_current_object()
        turn, _ = self._bulkhead.submit(keys, self._do, app, job, *arguments)
        turn.add_done_callback(_note_if_dropped)

    def send(self, message: EmailMessage, to: ValidatedEmail) -> None:
        """Send a message now; without a mail server, development prints it and production fails.

        A recipient whose local part is not in ASCII needs a server with SMTPUTF8 (RFC 6531).

        :raises OSError: when the server cannot be reached or refuses (smtplib.SMTPException).
        """
        address = Address(username=to.local_part, domain=to.ascii_domain)
        message["To"] = address
        message["From"] = self._settings.mail_from
        if self._settings.smtp_host:
            with self._connected() as server:
                # Not taken from the header, which could be read as another address.
                server.send_message(message, to_addrs=[address.addr_spec])
        elif self._settings.production:
            raise OSError("SMTP_HOST is not set")
        else:
            click.echo(message.as_string(), err=True)

    def _connected(self) -> SMTP:
        settings = self._settings
        address, verified = (settings.smtp_host, settings.smtp_port), create_default_context()
        if settings.smtp_tls == "tls":
            server: SMTP = SMTP_SSL(*address, timeout=SMTP_TIMEOUT, context=verified)
        else:
            server = SMTP(*address, timeout=SMTP_TIMEOUT)
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
            # No caller waits for the result.
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
