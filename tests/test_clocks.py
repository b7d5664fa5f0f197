"""Instances whose clocks differ let in whom they should, and lock nobody out."""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

import flask_jwt_extended.tokens
import pytest
from flask import Flask

from playlist_api.auth import service
from playlist_api.auth.tokens import ACCESS_TOKEN_LIFETIME
from tests.support.service import InProcess, sign_up

FIVE_MINUTES = [timedelta(minutes=5), timedelta(minutes=-5)]

Set = Callable[[timedelta], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Have the clock that sessions and tokens are made by be off; tokens are checked by another."""

    def set_clock(by: timedelta) -> None:
        class Off(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + by

        for module in (service, flask_jwt_extended.tokens):
            monkeypatch.setattr(module, "datetime", Off)

    return set_clock


@pytest.mark.parametrize("by", FIVE_MINUTES)
def test_tokens_of_an_instance_whose_clock_is_off_are_good_on_another(
    app: Flask, set_clock: Set, by: timedelta
) -> None:
    set_clock(by)
    ada = sign_up(InProcess(app))
    set_clock(timedelta())
    assert ada.get("/me").status == 200
    ada.hold(ada.refresh())
    set_clock(by)
    ada.hold(ada.refresh())
    set_clock(timedelta())
    assert ada.get("/me").status == 200
    assert ada.refresh().status == 200


@pytest.mark.parametrize("by", FIVE_MINUTES)
def test_a_late_tab_goes_on_though_another_instance_refreshed_by_another_clock(
    app: Flask, set_clock: Set, by: timedelta
) -> None:
    ada = sign_up(InProcess(app))
    set_clock(by)
    first = ada.refresh()
    set_clock(timedelta())
    late = ada.refresh()
    assert (first.status, late.status) == (200, 200)
    assert late.cookie.value == first.cookie.value


def test_a_token_expires_by_the_clock_of_the_instance_that_checks_it(
    app: Flask, set_clock: Set
) -> None:
    set_clock(-ACCESS_TOKEN_LIFETIME)
    ada = sign_up(InProcess(app))
    assert ada.get("/me").status == 401
    assert ada.refresh().status == 200
