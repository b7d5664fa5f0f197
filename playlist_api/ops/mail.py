"""Mail by SMTP, sent outside of any request: no answer waits for it or depends on it."""

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

TIMEOUT = 10
"""Seconds that a mail server may be silent."""

QUEUE = 100
"""Jobs that may wait in a process; more are refused, for the mail server must be down."""

BUSY = "Too many mails are waiting to be sent. Please try again in a moment."

ENCODED_WORD = "=?"
"""How a text begins that mail programs and libraries, Python's too, read as what it decodes to:
RFC 2047, section 2."""

INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
"""Letters and marks that show nothing: Unicode's Default_Ignorable_Code_Point, as far as
email-validator takes them, and the blank of Braille."""

log = logging.getLogger(__name__)

# Private networks have mail at .local, and developers at .test: whether a domain takes mail is for
# the mail server to find out.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


def recipient(address: str) -> ValidatedEmail:
    """Return an e-mail address in the spellings that mails and accounts need.

    :raises ValueError: when it is no address of RFC 5321 or RFC 6531, has more than 254 bytes, a
        quoted local part or an IP address for a domain, or can be read as something else.
    """
    if ENCODED_WORD in address or INVISIBLE.search(address):
        raise EmailNotValidError
    return validate_email(address, check_deliverability=False)


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
                # The envelope has the address as it is, and not as the header could be read.
                server.send_message(message, to_addrs=[address.addr_spec])
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
