"""The Jinja environment of each language, with the globals that templates can use."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from service.config import Language
from service.live.page.template_globals import template_globals
from service.live.text.i18n import translations_of


@lru_cache(maxsize=64)
def template(language: Language, name: str) -> Template:
    """A template by its file name, in a language."""
    return _environment(language).get_template(name)


@cache
def _environment(language: Language) -> Environment:
    catalogue = translations_of(language).catalogue
    environment = Environment(
        loader=PackageLoader("service.live", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    # The i18n extension adds this method at run time, so the type of an environment lacks it.
    install: Callable[..., None] = vars(environment)["install_gettext_callables"]
    install(catalogue.gettext, catalogue.ngettext, newstyle=True)
    environment.globals.update(template_globals(language))
    return environment
