"""What is wrong between an account and its CRM, in an operator's words, with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from service.config import Account
from service.model import TroubleCode

_WORDS: Final[Mapping[TroubleCode, str]] = {
    "api_token": "the CRM refuses the token: put a valid one into [accounts.api]",
    "api_forbidden": "the CRM forbids the token to read {subject}: grant it the rights in the CRM",
    "api_unpaid": "the CRM is not paid for: pay for it, or for a plan with an API",
    "api_moved": "the CRM has moved to another address: correct url in [accounts.api]",
    "api_not_found": "there is no API at the CRM's address: correct url in [accounts.api]",
    "api_rejected": "the CRM rejects the question for {subject}: the log has its status",
    "api_unreachable": "the CRM does not answer: check whether it works and can be reached from here",
    "api_junk": "the CRM's answer to the question for {subject} is not understood: check url in "
    "[accounts.api], and what stands between",
    "webhook_off": "the CRM has switched its webhook off: switch it on in the CRM's settings",
    "reason_field": "the CRM has no field {subject}: correct reason_field in [accounts.{crm}]",
    "requests_refused": "webhooks are refused ({subject}): check their address and secret",
}


def in_words(account: Account, code: TroubleCode, subject: str) -> str:
    """A trouble in one line.

    Args:
        subject: See `Trouble`.
    """
    return _WORDS[code].format(subject=subject, crm=account.crm)
