"""A board in a few lines, kept from the posted bodies alone: what the webhooks say, whatever was meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from service.demo.wire import Webhook

MOSCOW = ZoneInfo("Europe/Moscow")
EXCLUDED = {"Спам", "Дубль"}


def fields_of(webhook: Webhook) -> dict[str, str]:
    """The form's fields; no field may come twice."""
    pairs = parse_qsl(webhook.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    fields = dict(pairs)
    assert len(fields) == len(pairs)
    return fields


@dataclass
class Replay:
    """Leads and tasks by id, each as its latest webhook says; all figures in roubles."""

    leads: dict[str, dict[str, str]] = field(default_factory=dict)
    tasks: dict[str, dict[str, str]] = field(default_factory=dict)
    clients: dict[str, str] = field(default_factory=dict)
    versions: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def take(self, webhooks: Iterable[Webhook]) -> None:
        for webhook in webhooks:
            fields = fields_of(webhook)
            root = next(name for name in fields if not name.startswith("account["))
            prefix = root.removesuffix("[id]")
            item = {name.removeprefix(prefix): value for name, value in fields.items() if name != root}
            item["id"] = fields[root]
            self._keep(prefix.partition("[")[0], item)

    def _keep(self, entity: str, item: dict[str, str]) -> None:
        self.versions[(entity, item["id"], item["[updated_at]"])] += 1
        if entity == "contacts":
            lead_id = next(value for name, value in item.items() if name.startswith("[linked_leads_id]"))
            self.clients[lead_id] = item["[name]"]
            return
        kept = self.leads if entity == "leads" else self.tasks
        known = kept.get(item["id"])
        if known is None or int(known["[updated_at]"]) <= int(item["[updated_at]"]):
            kept[item["id"]] = item

    def refusals(self, first: date, last: date) -> dict[str, tuple[int, int]]:
        """Count and amount by reason of the leads that were lost on these days, in Moscow."""
        counts: Counter[str] = Counter()
        amounts: Counter[str] = Counter()
        for lead in self.leads.values():
            day = datetime.fromtimestamp(int(lead["[updated_at]"]), MOSCOW).date()
            if lead["[status_id]"] == "143" and first <= day <= last:
                reason = lead["[custom_fields][0][values][0][value]"]
                counts[reason] += 1
                amounts[reason] += int(lead["[price]"])
        return {reason: (counts[reason], amounts[reason]) for reason in counts}

    def open_leads(self) -> dict[str, int]:
        return {
            id: int(lead["[price]"])
            for id, lead in self.leads.items()
            if lead["[status_id]"] not in {"142", "143"}
        }

    def open_tasks(self) -> list[dict[str, str]]:
        return [task for task in self.tasks.values() if task["[status]"] == "0"]

    def overdue(self, now: int) -> list[dict[str, str]]:
        leads = self.open_leads()
        return [
            task
            for task in self.open_tasks()
            if int(task["[complete_before]"]) <= now and task["[element_id]"] in leads
        ]

    def without_next_step(self) -> dict[str, int]:
        busy = {task["[element_id]"] for task in self.open_tasks()}
        return {id: price for id, price in self.open_leads().items() if id not in busy}
