"""Whom `lossboard forget` is about: how a person is recognised in changes, texts and raw bodies. Pure."""

from __future__ import annotations

import codecs
import html
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_plus

from service.model import PERSONAL, Change, Entity, Value
from service.projections import stripped
from service.projections.batch import Changed
from service.projections.facts import DEAL_CLIENT

_WORD: Final = re.compile(r"\w+")
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")

FULL: Final = 2
"""Words in a full name. A given name alone stands in other people's texts, too."""


@dataclass(slots=True)
class Person:
    """A client of a CRM, under all ids that the CRM merged, with what is or was linked to it.

    Args:
        names: Each name that the CRM has had for it, as a set of words.
        shared: Those of them that other clients have, too: namesakes, or "New client".
        given: Names that the operator says are the person's, in the same form.
    """

    clients: set[str] = field(default_factory=set)
    deals: set[str] = field(default_factory=set)
    tasks: set[str] = field(default_factory=set)
    names: set[frozenset[str]] = field(default_factory=set)
    shared: set[frozenset[str]] = field(default_factory=set)
    given: frozenset[frozenset[str]] = frozenset()

    @classmethod
    def of(cls, client_id: str, names: Iterable[str] = ()) -> Person:
        """The person with a client id; one that begins with `deal:` is a deal without a client."""
        given = frozenset(found for name in names if (found := words(name)))
        if client_id.startswith(DEAL_CLIENT):
            return cls(deals={client_id.removeprefix(DEAL_CLIENT)}, given=given)
        return cls(clients={client_id}, given=given)

    def learn(self, change: Change) -> None:
        """Take in what a change says of the person: names, and links to deals and tasks."""
        self.learn_values(change.entity, change.id, change.fields.items())

    def learn_changed(self, changed: Changed) -> None:
        """Take in what a delivery has changed: old and new values."""
        for key, fields in changed.items():
            entity, _, entity_id = key.partition(" ")
            pairs = ((name, value) for name, values in fields.items() for value in values)
            self.learn_values(entity, entity_id, pairs)

    def learn_values(self, entity: str, entity_id: str, values: Iterable[tuple[str, Value]]) -> None:
        """Take in values of one entity's fields."""
        ids = {"client": self.clients, "deal": self.deals, "task": self.tasks}.get(entity)
        for name, value in values:
            if not isinstance(value, str) or not value or ids is None:
                continue
            linked = (name == "client_id" and value in self.clients) or (
                name == "deal_id" and value in self.deals
            )
            if linked:
                ids.add(entity_id)
            is_own = entity == "client" or not self.clients
            if name == "name" and is_own and entity_id in ids and (found := words(value)):
                self.names.add(found)

    def has(self, entity: str, entity_id: str) -> bool:
        """Whether an entity is the person, or is linked to it."""
        ids = {"client": self.clients, "deal": self.deals, "task": self.tasks}.get(entity)
        return ids is not None and entity_id in ids

    def learn_of_others(self, client_id: str, name: Value) -> None:
        """Take in that another client has this name."""
        if client_id not in self.clients and isinstance(name, str) and (found := words(name)) in self.names:
            self.shared.add(found)

    def is_named_in(self, text: str) -> bool:
        """Whether a text has all words of a full name that the person alone has, or of a given name, in any
        order."""
        found = words(text)
        full = {name for name in self.names - self.shared if len(name) >= FULL}
        return any(name <= found for name in self.given | full)

    def owns(self, entity: Entity, entity_id: str, text: Value) -> bool:
        """Whether the text in a personal field of an entity is to be forgotten. Another client of the same
        name keeps it."""
        if not isinstance(text, str) or not text:
            return False
        return self.has(entity, entity_id) or (entity != "client" and self.is_named_in(text))

    def without(self, change: Change) -> Change:
        """The change without what is to be forgotten of it."""
        names = [name for name in PERSONAL.get(change.entity, ()) if name in change.fields]
        owned = [name for name in names if self.owns(change.entity, change.id, change.fields[name])]
        return stripped.without(change, owned)

    def without_changed(self, changed: Changed) -> Changed:
        """What a delivery has changed, without what is to be forgotten of it."""
        return {
            key: {name: self._pair(key, name, values) for name, values in fields.items()}
            for key, fields in changed.items()
        }

    def _pair(self, key: str, name: str, values: tuple[Value, Value]) -> tuple[Value, Value]:
        entity, _, entity_id = key.partition(" ")
        for personal, names in PERSONAL.items():
            if personal == entity and name in names:
                old, new = (None if self.owns(personal, entity_id, value) else value for value in values)
                return old, new
        return values

    def is_in(self, body: bytes, *, quarantined: bool) -> bool:
        """Whether a raw body has all words of a full name, however the CRM encodes it. Of a delivery in
        quarantine nothing else tells whom it is about, so there one word may be enough."""
        found = words(_text_in(body))
        full = {name for name in self.names if len(name) >= FULL}
        single = self.names - self.shared if quarantined else frozenset()
        return any(name <= found for name in self.given | full | single)


def words(text: str) -> frozenset[str]:
    """The words of a text, without case, and with ё as е."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    return frozenset(_WORD.findall(plain))


def _text_in(body: bytes) -> str:
    """The text of a raw body, without the escapes of JSON, forms and HTML."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = body.decode("utf-16", "replace")
    else:
        try:
            text = body.decode()
        except UnicodeDecodeError:  # a file that was made on Windows
            text = body.decode("cp1251", "replace")
    return html.unescape(_ESCAPED.sub(lambda code: chr(int(code[1], 16)), unquote_plus(text)))
