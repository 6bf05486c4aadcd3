"""The routes of the description."""

from __future__ import annotations

import ast
import inspect

import pytest

from service.interface import routes
from service.interface.openapi import openapi
from tests.interface.calls import HOST, call
from tests.interface.office import Office


def test_a_start_imports_nothing_that_makes_the_description() -> None:
    tree = ast.parse(inspect.getsource(routes))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in imported if name.startswith(("service.interface", "service.adapters"))]


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
async def test_everybody_may_read_it_compressed_too(opened: Office, name: str) -> None:
    plain = await call(opened.app, "GET", f"/{name}.json")
    packed = await call(opened.app, "GET", f"/{name}.json", {**HOST, "accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()


def test_under_a_root_path_it_leads_there() -> None:
    assert openapi("/sales")["servers"] == [{"url": "/sales"}]
