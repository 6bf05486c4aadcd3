"""The templates in each language, with what they can call."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from service.config import Language
from service.live.page import template_globals
from service.live.text.i18n import translations_of


@cache
def template(language: Language, name: str) -> Template:
    """A template by its file's name."""
    return _environment(language).get_template(name)


@cache
def _environment(language: Language) -> Environment:
    translations = translations_of(language)
    environment = Environment(
        loader=PackageLoader("service.live", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    # The extension has this method, and the type of an environment does not know it.
    install: Callable[..., None] = vars(environment)["install_gettext_callables"]
    install(translations.catalogue.gettext, translations.catalogue.ngettext, newstyle=True)
    environment.globals.update(template_globals.globals_of(language), language=language)
    return environment
