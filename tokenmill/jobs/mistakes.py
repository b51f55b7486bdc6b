"""What is wrong with a setting, in one line: pydantic's message, where it is about, and a hint."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

MAPPING = "should be a mapping"
WORDS = {"dict_type": MAPPING, "model_type": MAPPING, "model_attributes_type": MAPPING}
"""Where pydantic speaks of Python's types."""
HINTS = {
    "string_type": "; put it in quotes",
    "string_pattern_mismatch": "; use lower-case letters, digits and hyphens",
    "missing": "; add it",
}

Schema = Mapping[str, Any]


def explain(error: Mapping[str, Any], root: type[BaseModel]) -> str:
    """One line for one of pydantic's errors about ``root``.

    Such as ``pretrain.gpt.layers should be a valid integer, got "four"``.
    """
    kind, got, said = error["type"], error["input"], error["msg"]
    names, parent, here = _walk(error["loc"], _schema(root))
    where = ".".join(names)
    if kind == "value_error":
        return f"{where}: {error['ctx']['error']}" if where else str(error["ctx"]["error"])
    if kind == "extra_forbidden":
        known = sorted({name for option in parent for name in option.get("properties", ())})
        near = difflib.get_close_matches(names[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return f"{where} is not a setting; {hint}"
    if kind == "missing":
        return f"{where} is missing{HINTS[kind]}"
    if kind.startswith("union_tag"):
        tag = next(option["discriminator"] for option in here if "discriminator" in option)
        name = tag["propertyName"]
        return f"{where}.{name} should be one of {', '.join(tag['mapping'])}, got {quote(got.get(name))}"
    if not error["loc"]:  # a name at the top that no text can be
        where = "a name"
    elif error["loc"][-1] == "[key]":
        where = f"{'.'.join(names[:-1])}: the name {quote(got)}"
    wanted = WORDS.get(kind) or re.sub(r"^\w+ (should .*?)( after validation.*)?$", r"\1", said)
    hint = HINTS.get(kind, "") if got is not None else ""
    return f"{where} {wanted}{hint}" if "the name" in where else f"{where} {wanted}, got {quote(got)}{hint}"


@cache
def _schema(root: type[BaseModel]) -> Schema:
    return root.model_json_schema()


def quote(value: Any) -> str:
    """The value as it stands in YAML, cut where it is long."""
    if value is None:
        return "nothing"
    if isinstance(value, str | bool):
        text = json.dumps(value[:80] if isinstance(value, str) else value, ensure_ascii=False)
    else:
        text = str(value)
    return text if len(text) < 80 else text[:77] + "..."


def _walk(location: tuple[Any, ...], schema: Schema) -> tuple[list[str], list[Schema], list[Schema]]:
    """The names on the way to a place, and what may stand at its parent and at the place itself.

    pydantic puts the tag by which it tells kinds of settings apart into the location: it is left out.
    """
    names: list[str] = []
    parent: list[Schema] = []
    here = list(_options(schema, schema))
    for part in location:
        if part == "[key]":
            break
        tagged = [
            option["discriminator"]["mapping"].get(part) for option in here if "discriminator" in option
        ]
        if any(tagged):
            here = [found for ref in tagged if ref for found in _options({"$ref": ref}, schema)]
            continue
        names.append(str(part))
        below = [child for option in here for child in _children(option, part)]
        parent, here = here, [found for child in below for found in _options(child, schema)]
    return names, parent, here


def _options(node: Schema, schema: Schema) -> Iterator[Schema]:
    """What may stand at a place: one shape, or several."""
    if "$ref" in node:
        yield from _options(schema["$defs"][node["$ref"].rpartition("/")[2]], schema)
    elif "anyOf" in node:
        for option in node["anyOf"]:
            yield from _options(option, schema)
    else:
        yield node


def _children(node: Schema, part: Any) -> list[Schema]:
    """What may stand below a place, under a name or a number."""
    if part in node.get("properties", ()):
        return [node["properties"][part]]
    any_name = [
        *node.get("patternProperties", {}).values(),
        node.get("additionalProperties"),
        node.get("items"),
    ]
    return [child for child in any_name if isinstance(child, Mapping)]
