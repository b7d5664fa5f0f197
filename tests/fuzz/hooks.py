"""What schemathesis cannot read in the document: who calls, and what may be refused all the same.

schemathesis imports this module, as `schemathesis.toml` tells it to.
"""

from collections import Counter
from typing import Any

import schemathesis
from schemathesis import AuthContext, BaseSchema, Case, HookContext, Response
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.wfc.escalation import EscalatingAuthProvider

from playlist_api.api.openapi import PATH_PARAMETERS
from playlist_api.auth.schemas import SignUpSchema
from playlist_api.movies.schemas import NewMovieSchema
from playlist_api.posters.images import BROKEN, MISNAMED, NO_PICTURE
from playlist_api.posters.schemas import NO_BASE64
from tests.support.service import Actor, Remote, call, log_in, new_email, sign_up

CALLS_OF_ONE = 500
"""After so many calls somebody new goes on: a list that only grows would slow all of them down,
and an access token lives 15 minutes."""

SELF_ENDING = frozenset({"changePassword", "deleteMe", "endOtherSessions", "logOut", "refresh"})
"""What is called by somebody who signs up for that one call, as it may end their session."""

EXAMPLE_IDS = {str(parameter["example"]) for parameter in PATH_PARAMETERS.values()}

UNFORESEEABLE = {
    ("currentPassword", "Current password is wrong."),
    ("currentPassword", "Current password must be given to change the e-mail."),
    ("token", "Token is no longer valid. Please ask for a new link."),
    # Formats are looser than what mail servers take.
    ("email", "E-mail must be an e-mail address."),
    *(
        ("imageUrl", problem.of("imageUrl")["message"])
        for problem in (NO_PICTURE, NO_BASE64, BROKEN, MISNAMED)
    ),
    ("cursor", "Cursor must be a cursor that this list has given."),
    ("year", "Year must begin with the earlier year."),
}
"""Problems of fields that are as the document asks: it cannot tell, or only the database knows."""


listed: set[tuple[str, str]] = set()
"""The movies that must be found: the `Authorization` that has put each on its list, and the id."""


class Caller:
    """Somebody who calls, in as many persons as this takes."""

    def __init__(self) -> None:
        self.persons: dict[str, Actor] = {}
        self.calls: Counter[str] = Counter()

    def get(self, _case: Case[Any], context: AuthContext) -> Actor | None:
        """Choose the person; calls that take no token are nobody's."""
        service, operation = Remote(str(context.operation.base_url)), _operation(context)
        if "security" not in operation:
            return None
        if operation["operationId"] in SELF_ENDING:
            return sign_up(service)
        role = "visitor" if operation["operationId"] in {"listSessions", "endSession"} else "owner"
        if self.calls[role] % CALLS_OF_ONE == 0:
            self.persons[role] = sign_up(service)
        self.calls[role] += 1
        # Sessions are ended from a new one, so that those listed before can be ended.
        return log_in(self.persons[role]) if role == "visitor" else self.persons[role]

    def set(self, case: Case[Any], data: Actor, context: AuthContext) -> None:
        """Show the tokens that the call takes."""
        schemes = {name for requirement in _operation(context)["security"] for name in requirement}
        if "accessToken" in schemes:
            case.headers["Authorization"] = f"Bearer {data.token}"
        if "refreshToken" in schemes:
            case.cookies["refreshToken"] = data.cookie


@schemathesis.hook
def before_load_schema(_context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Let the example of `If-Match` match, or the calls made with it would all end there."""
    raw_schema["components"]["parameters"]["If-Match"]["schema"]["examples"] = ["*"]


@schemathesis.hook
def after_load_schema(_context: HookContext, schema: BaseSchema) -> None:
    """Have Ada call; `object_level_authorization` asks as Bob for what she has read."""
    names = ["Ada", "Bob"]
    callers = EscalatingAuthProvider(
        [Caller() for _ in names], names, peers=tuple(names), pinned=names[0]
    )
    schema.auth.providers.append(callers)
    # Else nobody that the examples know could log in.
    call(Remote(schema.get_base_url()), "POST", "/auth/signup", SignUpSchema.example)


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Replace what the document's examples have that is not there, or can be used only once."""
    if str(case.path_parameters.get("id")) in EXAMPLE_IDS and case.auth_identity:
        case.path_parameters = {"id": _existing(case)}
    if case.meta and case.meta.generation.mode.is_positive and "cursor" in case.query:
        # The document cannot say that it has no page, and a sort of its own.
        case.query = {k: v for k, v in case.query.items() if k not in {"page", "sort"}}
    body = case.body if _operation(case)["operationId"] == "signUp" else None
    if isinstance(body, dict) and body.get("email") == SignUpSchema.example["email"]:
        case.body = {**body, "email": new_email()}


@schemathesis.hook
def after_call(_context: HookContext, case: Case[Any], response: Response) -> None:
    """Keep track of the movies that there are."""
    # A key that is used again brings back the first answer, be that movie gone or not.
    if _sent(case, response) == ("addMovie", 201) and "Idempotency-Key" not in case.headers:
        listed.add((_caller(case), str(response.json()["id"])))
    if _sent(case, response) == ("deleteMovie", 204):
        listed.discard(_addressed(case))


@schemathesis.hook
def filter_failure(
    _context: HookContext, failure: Failure, case: Case[Any], response: Response
) -> bool:
    """Pass over refusals that are right, though the document cannot tell when they come."""
    if isinstance(failure, RejectedPositiveData):
        return not _depends_on_state(case, response)
    if isinstance(failure, AcceptedNegativeData):
        return not (_precedes_validation(case, response) or _is_a_file(case))
    return True


def _existing(case: Case[Any]) -> Any:
    service, caller = Remote(str(case.operation.base_url)), _caller(case)
    if case.path == "/movies/{id}":
        movie = call(service, "POST", "/movies", NewMovieSchema.example, Authorization=caller).json
        listed.add((caller, str(movie["id"])))
        return movie["id"]
    sessions = call(service, "GET", "/auth/sessions", Authorization=caller).json["items"]
    return sessions[-1]["id"]


def _depends_on_state(case: Case[Any], response: Response) -> bool:
    match _sent(case, response):
        case _, 304:
            return "If-None-Match" in case.headers
        case "importMovies", 400:
            return _is_a_file(case)  # what is in it no schema tells
        case _, 400:
            problems = response.json()["error"]["details"]
            return {(each["field"], each["message"]) for each in problems} <= UNFORESEEABLE
        case "logIn", 401:
            return True
        case _, 403 | 404:
            return "id" in case.path_parameters and _addressed(case) not in listed
        case "signUp" | "changeMe", 409:
            return True
        case "addMovie", 409:
            return "Idempotency-Key" in case.headers
        case _, 412:
            return "If-Match" in case.headers or "If-None-Match" in case.headers
    return False


def _precedes_validation(case: Case[Any], response: Response) -> bool:
    if response.status_code == 401:
        return case.auth_identity is None
    in_path = case.meta is not None and case.meta.is_negative_at(ParameterLocation.PATH)
    return response.status_code == 404 and in_path


def _is_a_file(case: Case[Any]) -> bool:
    if _operation(case)["operationId"] != "importMovies" or case.meta is None:
        return False
    return not case.meta.is_negative_at(ParameterLocation.QUERY)


def _sent(case: Case[Any], response: Response) -> tuple[str, int]:
    return _operation(case)["operationId"], response.status_code


def _caller(case: Case[Any]) -> str:
    return case.headers.get("Authorization") or ""


def _addressed(case: Case[Any]) -> tuple[str, str]:
    return _caller(case), str(case.path_parameters["id"])


def _operation(of: AuthContext | Case[Any]) -> dict[str, Any]:
    described: dict[str, Any] = of.operation.definition.raw
    return described
