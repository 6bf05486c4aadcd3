"""The stages of a Bitrix24 portal's deals and leads, and the history of who was in which.

Source: bitrix24/b24restdocs: crm/status/crm-status-list.md, crm/universal/category/crm-category-list.md,
crm/crm-stage-history-list.md.

A lost deal's reason is its stage: every reason is a stage in every pipeline, and a deal lost without a reason
is in the portal's own one. Leads have one list of statuses, in which every reason is a status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from service.demo.crms.bitrix24.query import Json, Object, iso
from service.demo.office import Deal, Event, Office, Second

SEMANTICS: Final[Mapping[str, str]] = {"open": "P", "won": "S", "lost": "F"}
"""Of a stage, by the status of the deals in it."""

_DEALS: Final = 2
_BEGIN: Final = {"P": "process", "S": "success", "F": "failure"}
_OF_DEALS: Final = {"won": "WON", "open": "EXECUTING", "lost": "LOSE"}
_OF_LEADS: Final = {"won": "CONVERTED", "open": "IN_PROCESS", "lost": "JUNK"}
_CREATED, _MOVED, _FINISHED, _FUNNEL = 1, 2, 3, 5
"""Types of entries in a history."""


class Stages:
    """The stages. They must exist before the first event, because they remember who was in which.

    Args:
        is_lead: Whether a deal of the office is a lead.
    """

    def __init__(self, office: Office, is_lead: Callable[[Deal], bool]) -> None:
        self._office = office
        self._is_lead = is_lead
        self._entries: list[tuple[Deal, int, Second]] = []
        """The deal as it entered a stage, the type of the entry, and when."""
        self._last: dict[int, tuple[Second, str]] = {}
        office.listeners.append(self._watch)

    def _watch(self, event: Event) -> None:
        before, after = event.before, event.after
        if not isinstance(after, Deal):
            return
        if not isinstance(before, Deal):
            self._entries.append((after, _CREATED, event.at))
        elif self.stage(before) != self.stage(after):
            self._last[after.id] = event.at, self.stage(before)
            elsewhere = before.pipeline_id != after.pipeline_id
            kind = _FUNNEL if elsewhere else _MOVED if after.status == "open" else _FINISHED
            self._entries.append((after, kind, event.at))

    def moved_at(self, deal: Deal) -> Second:
        """When a deal or a lead came to its stage."""
        return self._last.get(deal.id, (deal.created_at, ""))[0]

    def previous(self, deal: Deal) -> str:
        """The stage before the present one; empty if there was none."""
        return self._last.get(deal.id, (0, ""))[1]

    def stage(self, deal: Deal) -> str:
        """A deal's stage, or a lead's status."""
        is_lead = self._is_lead(deal)
        prefix = f"C{deal.pipeline_id}:" if deal.pipeline_id and not is_lead else ""
        reason_id = self._office.reason_id(deal.reason)
        if deal.status == "lost" and reason_id is not None:
            return f"{prefix}UC_R{reason_id:05d}"
        return prefix + (_OF_LEADS if is_lead else _OF_DEALS)[deal.status]

    def history(self, leads: bool) -> list[Object]:
        """The entries of all deals, or of all leads, in the form of `crm.stagehistory.list`."""
        return [
            self._entry(number, deal, kind, at)
            for number, (deal, kind, at) in enumerate(self._entries, start=1)
            if self._is_lead(deal) == leads
        ]

    def _entry(self, number: int, deal: Deal, kind: int, at: Second) -> Object:
        entry: Object = {"ID": number, "TYPE_ID": kind, "OWNER_ID": deal.id, "CREATED_TIME": iso(at)}
        stage, semantics = self.stage(deal), SEMANTICS[deal.status]
        if self._is_lead(deal):
            return {**entry, "STATUS_SEMANTIC_ID": semantics, "STATUS_ID": stage}
        return {
            **entry,
            "CATEGORY_ID": deal.pipeline_id,
            "STAGE_SEMANTIC_ID": semantics,
            "STAGE_ID": stage,
        }

    def statuses(self) -> list[Object]:
        """The statuses of leads and the stages of all pipelines, in the form of `crm.status.list`."""
        reasons = [(f"UC_R{id:05d}", name, "F") for id, name in self._office.reasons.items()]
        of_leads = [
            ("NEW", "Не обработан", "P"),
            ("IN_PROCESS", "В работе", "P"),
            ("CONVERTED", "Качественный лид", "S"),
            ("JUNK", "Некачественный лид", "F"),
        ]
        of_deals = [
            ("NEW", "Новая", "P"),
            ("EXECUTING", "В работе", "P"),
            ("WON", "Сделка успешна", "S"),
            ("LOSE", "Сделка провалена", "F"),
        ]
        statuses = [
            _status("STATUS", None, 900 + n, stage, n)
            for n, stage in enumerate([*of_leads, *reasons], start=1)
        ]
        for pipeline_id in self._office.pipelines:
            entity = f"DEAL_STAGE_{pipeline_id}" if pipeline_id else "DEAL_STAGE"
            statuses += [
                _status(entity, pipeline_id, 1000 + 100 * pipeline_id + n, stage, n)
                for n, stage in enumerate([*of_deals, *reasons], start=1)
            ]
        return statuses

    def categories(self) -> list[Json]:
        """The pipelines; the one with id 0 is the portal's default."""
        return [
            {
                "id": pipeline_id,
                "name": name,
                "sort": 200,
                "entityTypeId": _DEALS,
                "isDefault": "N" if pipeline_id else "Y",
                **({"originId": "", "originatorId": ""} if pipeline_id else {}),
            }
            for pipeline_id, name in self._office.pipelines.items()
        ]


def _status(entity: str, pipeline_id: int | None, id: int, stage: tuple[str, str, str], n: int) -> Object:
    code, name, semantics = stage
    system = not code.startswith(("UC_", "EXECUTING"))
    extra = "apology" if semantics == "F" and not system else _BEGIN[semantics]
    return {
        "ID": str(id),
        "ENTITY_ID": entity,
        "STATUS_ID": f"C{pipeline_id}:{code}" if pipeline_id else code,
        "NAME": name,
        "NAME_INIT": name if system else "",
        "SORT": str(10 * n),
        "SYSTEM": "Y" if system else "N",
        "CATEGORY_ID": str(pipeline_id) if pipeline_id else None,
        "COLOR": "#39A8EF",
        "SEMANTICS": None if semantics == "P" else semantics,
        "EXTRA": {"SEMANTICS": extra, "COLOR": "#39A8EF"},
    }
