"""What stands in the log and in quarantine in place of a delivery that could not be applied."""

from __future__ import annotations

import logging
import traceback

from msgspec import structs

from service.model import Decoded, Delivery, Rejection
from service.telemetry.delivery_id import stored_id

_log = logging.getLogger(__name__)


def rejection_of(error: Exception) -> Rejection:
    """What stands in place of a delivery's content that could not be applied."""
    detail = "".join(traceback.format_exception(error))
    return Rejection(0, f"it could not be applied: {type(error).__name__}", detail)


def rejected(delivery: Delivery, error: Exception) -> Delivery:
    """The same delivery with a rejection in place of what could not be applied."""
    decoded = Decoded(
        delivery.decoded.key, rejections=(rejection_of(error),), content=delivery.decoded.content
    )
    return structs.replace(delivery, decoded=decoded, applied=False)


def tell(account_id: str, number: int, error: Exception) -> None:
    """Log that a delivery with this number could not be applied."""
    about = {"account": account_id, "delivery": stored_id(account_id, number)}
    _log.error("%s is in quarantine: %s", about["delivery"], type(error).__name__, extra=about)
