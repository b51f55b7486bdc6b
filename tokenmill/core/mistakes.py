"""What is wrong with a setting, in one sentence: pydantic's errors, told in the words of params.yaml."""

import difflib
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel


def explain(error: Mapping[str, Any], root: type[BaseModel]) -> str:
    """One sentence for one of pydantic's errors about ``root``.

    Such as ``pretrain.gpt.layers must be a whole number >= 1, got "four"``.
    """
    parts = list(error["loc"])
    if parts[0] == "sources" and len(parts) > 2 and parts[2] != "[key]":
        del parts[2]  # the kind of source, by which pydantic tells them apart
    bad_key = parts[-1] == "[key]"
    location = [str(part) for part in (parts[:-1] if bad_key else parts)]
    where = ".".join(location)
    kind, got = error["type"], error["input"]
    if bad_key and kind == "literal_error":
        return f"{'.'.join(location[:-1])}: {quote(got)} must be {error['ctx']['expected']}"
    if bad_key and kind == "string_type":
        return f"{'.'.join(location[:-1])}: {quote(got)} must be text; put it in quotes"
    if bad_key:
        return f"{where}: a name must be lower-case letters, digits and hyphens, got {quote(got)}"
    if kind.startswith("union_tag"):
        choices = "package, files, huggingface"
        return f"{where}.kind must be one of {choices}, got {quote(dict(got).get('kind'))}"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(location[-1], _siblings(location, root), n=1, cutoff=0.5)
        hint = (
            f"did you mean {near[0]}?"
            if near
            else f"known here: {', '.join(sorted(_siblings(location, root)))}"
        )
        return f"{where} is not a setting; {hint}"
    if kind == "missing":
        return f"{where} is missing; add it{_shape_of(location, root)}"
    if kind == "value_error":
        prefix = f"{where}: " if where else ""
        return prefix + str(error["ctx"]["error"])
    expected = _shape_of(location, root).removeprefix(", ") or error["msg"][:1].lower() + error["msg"][1:]
    expected = expected if expected.startswith(("a ", "one of", "text", "true")) else f"valid: {expected}"
    return f"{where} must be {expected}, got {quote(got)}"


def quote(value: Any) -> str:
    """The value as it stands in YAML, cut where it is long."""
    words = {None: "nothing", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return words[value]
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) < 80 else text[:77] + "..."


def _walk(location: list[str], root: type[BaseModel]) -> Any:
    """The annotation (with its constraints) that stands at a place below ``root``, or None."""
    here: Any = root
    for part in location:
        here = _step(here, part)
        if here is None:
            return None
    return here


def _step(here: Any, part: str) -> Any:
    if get_origin(here) is Annotated:
        here = get_args(here)[0]
    if get_origin(here) in (Union, UnionType):
        return next((found for option in get_args(here) if (found := _step(option, part)) is not None), None)
    if get_origin(here) is dict:
        return get_args(here)[1]
    if get_origin(here) is list:
        return get_args(here)[0]
    if isinstance(here, type) and issubclass(here, BaseModel):
        for name, info in here.model_fields.items():
            if (info.alias or name) == part:
                annotation = info.annotation
                return Annotated[annotation, *info.metadata] if info.metadata else annotation
    return None


def _but_null(here: Any) -> Any:
    """What else than null may stand at a place, where that is one thing."""
    options = [option for option in get_args(here) if option is not type(None)]
    return options[0] if get_origin(here) in (Union, UnionType) and len(options) == 1 else here


def _siblings(location: list[str], root: type[BaseModel]) -> list[str]:
    parent = _walk(location[:-1], root)
    while get_origin(parent) is Annotated:
        parent = get_args(parent)[0]
    options = get_args(parent) if get_origin(parent) in (Union, UnionType) else (parent,)
    return [
        info.alias or name
        for option in options
        if isinstance(option, type) and issubclass(option, BaseModel)
        for name, info in option.model_fields.items()
    ]


_KINDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
_BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def _shape_of(location: list[str], root: type[BaseModel]) -> str:
    """``, a whole number >= 1``: what may stand at a place; empty when there is no short way to say it."""
    here, bounds = _but_null(_walk(location, root)), []
    while get_origin(here) is Annotated:
        here, *metadata = get_args(here)
        here = _but_null(here)
        for item in metadata:
            for part in getattr(item, "metadata", [item]):
                bounds += [f"{sign} {getattr(part, b)}" for b, sign in _BOUNDS.items() if hasattr(part, b)]
                if least := getattr(part, "min_length", None):
                    bounds.append(f"with at least {least} entry")
                if pattern := getattr(part, "pattern", None):
                    bounds.append(f"matching {pattern}")
    if get_origin(here) is Literal:
        return f", one of {', '.join(map(str, get_args(here)))}"
    if get_origin(here) in (list, dict):
        return " ".join([f", a {get_origin(here).__name__.replace('dict', 'mapping')}", *bounds])
    options = get_args(here) if get_origin(here) in (Union, UnionType) else (here,)
    if any(isinstance(option, type) and issubclass(option, BaseModel) for option in options):
        return ", a mapping"
    kind = next((_KINDS[option] for option in options if option in _KINDS), None)
    return f", {kind} {' and '.join(bounds)}".rstrip() if kind else ""
