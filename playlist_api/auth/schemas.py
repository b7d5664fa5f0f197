"""Accounts and sessions in JSON: what clients send, and what they get."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import Length, OneOf

from playlist_api.api.fields import (
    AccountEmail,
    CamelCase,
    EmailAddress,
    Text,
    Timestamp,
    Trimmed,
    email_address,
    not_blank,
)
from playlist_api.api.schemas import ResponseSchema
from playlist_api.auth.passwords import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH, password_problem
from playlist_api.db.models import EMAIL_LENGTH, NAME_LENGTH, ROLES, USER_AGENT_LENGTH
from playlist_api.errors import Problem

EXAMPLE, NEW_EXAMPLE = "correct horse battery", "a staple of another kind"
"""Passwords in the examples of the OpenAPI document."""


class NewPassword(Text):
    """A password that a user chooses."""

    def __init__(self, **kwargs: Any) -> None:
        predicate = f"must have at least {MIN_PASSWORD_LENGTH} characters."
        longer = Length(min=MIN_PASSWORD_LENGTH, error=Problem("too_short", predicate))
        super().__init__(longer, max_length=MAX_PASSWORD_LENGTH, required=True, **kwargs)


class SignUpSchema(CamelCase):
    """A new account."""

    example = {"name": "Ada Lovelace", "email": "ada@example.com", "password": EXAMPLE}

    name = Trimmed(not_blank, max_length=NAME_LENGTH, required=True)
    email = EmailAddress(email_address, required=True)
    password = NewPassword()

    @validates_schema(skip_on_field_errors=False)
    def _check_password(self, account: dict[str, Any], **_: Any) -> None:
        if "password" in account:
            owner = {"name": account.get("name", ""), "email": account.get("email", "")}
            if problem := password_problem(account["password"], **owner):
                raise ValidationError(problem, "password")


class LogInSchema(CamelCase):
    """An e-mail and a password, which may be of any length to be wrong."""

    example = {"email": "ada@example.com", "password": EXAMPLE}

    email = AccountEmail(not_blank, required=True)
    password = Text(not_blank, required=True)


class ProfileChangesSchema(CamelCase):
    """Changes of the account; a new e-mail needs the password."""

    example = {"name": "Ada King"}

    name = Trimmed(not_blank, max_length=NAME_LENGTH)
    # The service applies `email_address` only to a new e-mail: an account may be older than it.
    email = EmailAddress(not_blank)
    current_password = Text(not_blank, metadata={"description": "Needed for a new e-mail."})


class ConfirmationSchema(CamelCase):
    """The password, for a call that cannot be undone."""

    example = {"currentPassword": EXAMPLE}

    current_password = Text(not_blank, required=True)


class PasswordChangeSchema(ConfirmationSchema):
    """The current password and the new one."""

    example = {"currentPassword": EXAMPLE, "newPassword": NEW_EXAMPLE}

    new_password = NewPassword()


class ForgottenPasswordSchema(CamelCase):
    """Where to mail the link."""

    example = {"email": "ada@example.com"}

    email = AccountEmail(not_blank, required=True)


class PasswordResetSchema(CamelCase):
    """The token from the mailed link, and the new password."""

    example = {
        "token": "Zk3v0yq8m1cQnJ4wT7uXe2RbLsDpHf9aGiKoYtWvM5c",
        "newPassword": NEW_EXAMPLE,
    }

    token = Text(not_blank, required=True)
    new_password = NewPassword()


class UserSchema(ResponseSchema):
    """A user, without anything secret."""

    id = fields.UUID()
    name = fields.String(validate=Length(max=NAME_LENGTH))
    email = fields.String(validate=Length(max=EMAIL_LENGTH))
    role = fields.String(validate=OneOf(ROLES))
    created_at = Timestamp()
    updated_at = Timestamp()


class SignedInSchema(ResponseSchema):
    """A user and their access token; the refresh token travels in its cookie."""

    user = fields.Nested(UserSchema)
    access_token = fields.String(
        metadata={"description": "For `Authorization: Bearer …`, for 15 minutes."}
    )


class SessionSchema(ResponseSchema):
    """A session, and whether it is the caller's own."""

    id = fields.UUID()
    created_at = Timestamp()
    # A session in use is refreshed every few minutes, so that not every request has to write.
    last_used_at = Timestamp(metadata={"description": "When it was last refreshed."})
    expires_at = Timestamp()
    user_agent = fields.String(
        validate=Length(max=USER_AGENT_LENGTH),
        metadata={"description": "The device's `User-Agent`."},
    )
    current = fields.Boolean(metadata={"description": "Whether it is the session of this call."})


class SessionListSchema(ResponseSchema):
    """All active sessions of the user."""

    items = fields.List(fields.Nested(SessionSchema))


class PasswordResetLinkSchema(ResponseSchema):
    """A link to reset a password that has been mailed and not used."""

    expires_at = Timestamp()


sign_up_schema = SignUpSchema()
log_in_schema = LogInSchema()
profile_changes_schema = ProfileChangesSchema()
confirmation_schema = ConfirmationSchema()
password_change_schema = PasswordChangeSchema()
forgotten_password_schema = ForgottenPasswordSchema()
password_reset_schema = PasswordResetSchema()
user_schema = UserSchema()
signed_in_schema = SignedInSchema()
session_list_schema = SessionListSchema()
