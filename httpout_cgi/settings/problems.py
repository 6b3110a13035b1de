"""Problems: pydantic's errors in our words, each with its file, line and key."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from httpout_cgi.settings.fields import MisplacedError
from httpout_cgi.settings.models import Config
from httpout_cgi.settings.values import quote
from httpout_cgi.strict_yaml import KeyPath, Node, Problem, find, format_path

_TYPES = {
    "bool_type": "a boolean; write true or false",
    "int_type": "a whole number",
    "string_type": "text; quote it",
    "tuple_type": "a list; write [...] or lines that begin with -",
    "dict_type": "a map of keys",
    "mapping_type": "a map of keys",
    "model_type": "a map of keys",
}


def describe(error: ValidationError, root: Node) -> list[Problem]:
    """Return one problem for each error; ``root`` is what was validated."""
    problems = []
    for detail in error.errors():
        cause = detail.get("ctx", {}).get("error")
        where = cause.where if isinstance(cause, MisplacedError) else ()
        wanted = (*detail["loc"], *where)
        node, known = find(root, wanted)
        # What pydantic adds for its own sake ("[key]", "literal") is no key; a key
        # that is missing is.
        path = wanted if detail["type"] == "missing" or where else known
        problems.append(Problem(node.place, path, explain(detail)))
    return problems


def explain(detail: ErrorDetails) -> str:
    """Say what is wrong, and what is right."""
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "extra_forbidden":
        return "unknown key; " + _suggest_key(detail["loc"])
    if kind == "missing":
        return "is missing; add it"
    if kind == "literal_error":
        return _suggest_choice(value, re.findall("'([^']*)'", context["expected"]))
    if kind in _TYPES:
        return _explain_type(value, _TYPES[kind])
    for name, words in (("ge", "at least"), ("le", "at most"), ("gt", "more than")):
        if name in context:
            return f"{value} is out of range; it must be {words} {context[name]:.15g}"
    if kind == "string_too_short":
        return "is empty; write a value, or remove it"
    if kind == "int_parsing":
        return f"{quote(value)} must be a whole number"
    return f"{quote(value)}: {detail['msg'].lower()}"


def _explain_type(value: object, wanted: str) -> str:
    if value is None:
        return f"is empty; it must be {wanted}"
    shown = f"{quote(value)} " if isinstance(value, str | int) else ""
    return f"{shown}must be {wanted}"


def _suggest_choice(value: object, choices: Sequence[str]) -> str:
    near = difflib.get_close_matches(str(value), choices, 1)
    meant = f'did you mean "{near[0]}"? ' if near else ""
    listed = f"{', '.join(choices[:-1])} or {choices[-1]}"
    text = "true" if value is True else "false" if value is False else value
    return f"{quote(text)} is not known; {meant}it must be {listed}"


def _suggest_key(path: KeyPath) -> str:
    """Name the nearest key in this map, else the map that the key belongs to."""
    key = str(path[-1])
    keys = [name for name in _model_at(path[:-1]).model_fields if name != "sources"]
    near = difflib.get_close_matches(key, keys, 1)
    if near:
        return f'did you mean "{near[0]}"?'
    homes = [home for home in _list_keys(Config, ()) if home[-1] == key]
    if homes:
        homes.sort(key=lambda home: home[: len(path) - 1] != path[:-1])  # below first
        return f'did you mean "{format_path(homes[0])}"?'
    return f"known keys are {', '.join(sorted(keys))}"


def _model_at(path: KeyPath) -> type[BaseModel]:
    model: type[BaseModel] = Config
    for part in path:
        if isinstance(part, str):
            model = _find_model(model.model_fields[part].annotation) or model
    return model


def _find_model(annotation: object) -> type[BaseModel] | None:
    """Return the model in ``tuple[Site, ...]`` or ``Users | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_find_model, get_args(annotation))), None)


def _list_keys(model: type[BaseModel], path: KeyPath) -> Iterator[KeyPath]:
    for name, field in model.model_fields.items():
        yield (*path, name)
        below = _find_model(field.annotation)
        if below is not None:
            many = (0,) if str(field.annotation).startswith("tuple") else ()
            yield from _list_keys(below, (*path, name, *many))
