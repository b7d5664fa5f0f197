"""Mail by SMTP, sent in a thread of its own: no response waits for it or depends on it."""

import logging
import re
from collections.abc import Callable, Mapping
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

from playlist_api.ops.bulkheads import ThreadBulkhead, client_keys

SMTP_TIMEOUT = 10
"""Seconds to wait for an answer from the mail server."""

mail_bulkhead = ThreadBulkhead(
    "mail",
    1,
    queue=100,  # when more jobs wait in a process, the mail server must be down
    timeout=None,
    busy="Too many mails are waiting to be sent. Please try again in a moment.",
)

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


def do_later(job: Callable[..., None], *arguments: Any) -> None:
    """Do a job that sends a mail soon, in an application context; a failure is logged.

    Jobs are done one at a time, and queued fairly by the clients that they are for.

    :raises TooManyRequests, ServiceUnavailable: when too many jobs wait already.
    """
    app = cast(Any, current_app)._get_current_object()
    turn, _ = mail_bulkhead.submit(client_keys(), _do, app, job, *arguments)
    turn.add_done_callback(_log_if_displaced)


def _do(app: Flask, job: Callable[..., None], *arguments: Any) -> None:
    try:
        with app.app_context():
            job(*arguments)
    except Exception:
        # No caller waits for the result.
        log.exception("A mail could not be sent.")


def _log_if_displaced(turn: Future[bool]) -> None:
    if not turn.result():
        log.error("A mail is dropped: too many of one client are waiting.")


def send(message: EmailMessage, to: ValidatedEmail) -> None:
    """Send a message now; without a mail server, development prints it and production fails.

    A recipient whose local part is not in ASCII needs a server with SMTPUTF8 (RFC 6531).

    :raises OSError: when the server cannot be reached or refuses (smtplib.SMTPException).
    """
    config = current_app.config
    address = Address(username=to.local_part, domain=to.ascii_domain)
    message["To"] = address
    message["From"] = config["MAIL_FROM"]
    if config["SMTP_HOST"]:
        with _connect(config) as server:
            # Not taken from the header, which could be read as another address.
            server.send_message(message, to_addrs=[address.addr_spec])
    elif config["APP_ENV"] == "production":
        raise OSError("SMTP_HOST is not set")
    else:
        click.echo(message.as_string(), err=True)


def _connect(config: Mapping[str, Any]) -> SMTP:
    address, context = (config["SMTP_HOST"], config["SMTP_PORT"]), create_default_context()
    if config["SMTP_TLS"] == "tls":
        server: SMTP = SMTP_SSL(*address, timeout=SMTP_TIMEOUT, context=context)
    else:
        server = SMTP(*address, timeout=SMTP_TIMEOUT)
    if config["SMTP_TLS"] == "starttls":
        server.starttls(context=context)
    if config["SMTP_USERNAME"]:
        server.login(config["SMTP_USERNAME"], config["SMTP_PASSWORD"])
    return server
