"""Column types and table options that SQLite's STRICT tables accept, for `tables` and for the migrations.

Released migrations call these functions: never change what one of them creates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from sqlalchemy import BigInteger, Boolean, Column, Integer, PrimaryKeyConstraint, Text
from sqlalchemy.ext.compiler import compiles

STRICT: Final[Mapping[str, Any]] = {"sqlite_strict": True}
"""SQLite refuses a value of another type than its column's, as PostgreSQL does."""

KEYED: Final[Mapping[str, Any]] = {**STRICT, "sqlite_with_rowid": False}
"""A STRICT table whose rows SQLite stores in the order of the primary key."""

Number: Final = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer on both databases."""


class Flag(Boolean):
    """A boolean. On SQLite it is an INTEGER, which `create_constraint` limits to 0 and 1."""


@compiles(Flag, "sqlite")
def _sqlite_flag(_type: Flag, _compiler: object, **_options: Any) -> str:
    return "INTEGER"


def sums_columns(key: Sequence[str], measures: Sequence[str]) -> list[Column[Any]]:
    """The columns of a relation's table after `account`. A key column called `day` holds an ordinal, every
    other one text.

    No CHECK keeps measures from being negative: a delta is inserted before the conflict with its row is
    resolved, and databases check what is inserted.
    """
    return [
        *(Column(name, Integer if name == "day" else Text, nullable=False) for name in key),
        *(Column(name, Number, nullable=False) for name in measures),
    ]


class Operations(Protocol):
    """What a migration needs of `alembic.op`."""

    def create_table(self, table_name: str, *columns: Any, **options: Any) -> object:
        """Create a table."""
        ...


def create_sums(op: Operations, name: str, key: Sequence[str], measures: Sequence[str]) -> None:
    """Create the table of a projection's relation; for migrations."""
    account = Column("account", Text, nullable=False)
    pkey = PrimaryKeyConstraint("account", *key, name=f"{name}_pkey")
    op.create_table(name, account, *sums_columns(key, measures), pkey, **KEYED)
