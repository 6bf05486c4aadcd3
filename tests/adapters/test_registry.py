"""A configuration is held against the adapters that there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service import adapters
from service.config import Account, Api, Config, ConfigError, Secret
from tests.adapters.posts import account


def config(office: Account) -> Config:
    return Config("sqlite:///x.db", (office,))


def test_a_crm_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(
        ConfigError, match=r"account office: crm = 'sugar' is not supported.*amocrm.*standard"
    ):
        adapters.check(config(replace(account("standard"), crm="sugar")))


def test_an_api_is_refused_where_there_is_none_to_ask() -> None:
    with pytest.raises(ConfigError, match="standard has no API"):
        adapters.check(config(replace(account("standard"), api=Api(Secret("t")))))
