"""The JSON schema of params.yaml, by which editors complete and check it while one types."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from docs.fields import explanations, plain
from stages.params import Params
from tokenmill.data.clean.rules import DOCUMENT_RULES
from tokenmill.objectives.table import OBJECTIVES

Schema = dict[str, Any]


def schema() -> Schema:
    """The schema of the types, with explanations, which also refuses names that do not fit."""
    made = Params.model_json_schema()
    for model in groups():
        node = made if model is Params else made["$defs"][model.__name__]
        node["description"] = plain(model.__doc__ or "")
        for name, text in explanations(model).items():
            node["properties"][model.model_fields[name].alias or name]["description"] = text
    thresholds = made["$defs"]["Thresholds"]["properties"]
    for rule in DOCUMENT_RULES:
        for name in rule.thresholds:
            thresholds[name]["description"] = f"{'Least' if name == rule.least else 'Most'}: {rule.meaning}."
    made["$defs"]["PretrainSettings"]["properties"]["objective"]["enum"] = list(OBJECTIVES)
    _tidy(made)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def groups() -> list[type[BaseModel]]:
    """All groups of settings, from outside to inside."""
    return list(dict.fromkeys(_named_in(Params)))


def _named_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from _named_in(field.annotation)
    for part in get_args(annotation):
        yield from _named_in(part)


def _tidy(node: Any) -> None:
    """Refuse names that fit no pattern; leave out titles, which repeat names."""
    if isinstance(node, dict):
        if "patternProperties" in node:
            node["additionalProperties"] = False
        if isinstance(node.get("title"), str):
            del node["title"]
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _tidy(part)
