"""Models in the layout of the Hugging Face classes: names of tensors and settings, both ways.

An architecture's file says which class holds which kind of model (``CLASSES``), how the configs translate
(``to_config``, ``from_config``) and where each tensor stands (``entries``); docs/add-an-architecture.md shows
how to add one. Files are read and written in tokenmill/model/folder.py.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.model.config import ModelConfig
from tokenmill.model.families import FAMILIES
from tokenmill.model.names import CLASSIFIERS, Kind
from tokenmill.model.published import bert, gpt2, llama, modernbert, opt, t5
from tokenmill.model.published.layout import Entry

ARCHITECTURES: tuple[ModuleType, ...] = (bert, gpt2, llama, modernbert, opt, t5)
"""Those that are read and written, a file each."""

MODULES: Mapping[str, ModuleType] = {family: module for module in ARCHITECTURES for family in module.CLASSES}
"""By family of ours."""

KINDS: Mapping[str, tuple[str, Kind]] = {
    name: (family, cast(Kind, kind))
    for family, module in MODULES.items()
    if not family.startswith("small-")
    for kind, name in module.CLASSES[family].items()
}
"""By name of the published class: its family, and the kind of model it is."""


def published_class(config: ModelConfig) -> str | None:
    """The class of ``transformers`` that computes what a model of this config computes, or None."""
    module = MODULES.get(config.family)
    if config.kind == "sequence-classifier":
        # They weigh no n-grams, and only ModernBERT's leaves a choice of pooling.
        own = ("mean", "first") if module is modernbert else (FAMILIES[config.family].get("pooling", "mean"),)
        if config.ngrams or config.pooling not in own:
            return None
    if config.head == "bilinear":
        return None  # LanguageModel.folded has a form that they know
    if module is llama and config.embedding_norm != "none" and not config.tied:
        return None  # their output layer holds our embeddings as they are before the norm
    return None if module is None else module.CLASSES[config.family].get(config.kind)


def to_config(config: ModelConfig) -> dict[str, Any]:
    """The settings of the published class, ready for config.json; special tokens are not among them."""
    name = published_class(config)
    assert name is not None
    values = {**MODULES[config.family].to_config(config), "architectures": [name], "dtype": "float32"}
    if config.kind in CLASSIFIERS:
        values["id2label"] = {str(number): label for number, label in enumerate(config.labels)}
        values["label2id"] = {label: number for number, label in enumerate(config.labels)}
    return values


def from_config(values: Mapping[str, Any]) -> ModelConfig:
    """Our config of a published config.json. Whether the output layer is tied, :func:`from_state` finds out.

    Raises:
        UserError: the class is not one of ours, or it asks for something that our backbone has not.
    """
    names = values.get("architectures") or []
    if len(names) != 1 or names[0] not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise UserError(
            f"config.json: architectures is {', '.join(names) or 'empty'}, which is not known here; "
            f"use a model of one of {known}"
        )
    family, kind = KINDS[names[0]]
    labels: tuple[str, ...] = ()
    if kind in CLASSIFIERS:
        by_number = values.get("id2label") or {"0": "LABEL_0", "1": "LABEL_1"}
        labels = tuple(by_number[number] for number in sorted(by_number, key=int))
    try:
        return cast(ModelConfig, MODULES[family].from_config(values, kind, labels))
    except KeyError as error:
        raise UserError(
            f"config.json: {error.args[0]} is missing; take the model's own config.json"
        ) from None


def entries(config: ModelConfig) -> list[Entry]:
    """Where each of our tensors stands in the published layout."""
    return list(MODULES[config.family].entries(config))


def to_state(config: ModelConfig, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors under the published names."""
    stored: dict[str, Tensor] = {}
    for entry in entries(config):
        stored.update(zip(entry.theirs, entry.store(state[entry.ours]), strict=True))
    return stored


@dataclass(frozen=True)
class Placed:
    """What became of the tensors of a published file."""

    config: ModelConfig
    state: dict[str, Tensor]
    """By our names."""
    unexpected_keys: list[str]
    """Published names that our model has no place for."""
    missing_keys: list[str]
    """Published names that it needs and that are not there."""


def from_state(config: ModelConfig, stored: Mapping[str, Tensor]) -> Placed:
    """Published tensors under our names.

    An output layer that is there and is not the embedding matrix unties the config; the class's own config
    does not tell reliably.
    """
    module = MODULES[config.family]
    output = stored.get(module.OUTPUT)
    if config.tied and config.embedding_norm != "plain" and output is not None:
        embedding = next(
            entry for entry in entries(config) if entry.ours == "backbone.embeddings.token.weight"
        )
        if not torch.equal(output, stored[embedding.theirs[0]]):
            config = dataclasses.replace(config, tied=False)
    state: dict[str, Tensor] = {}
    used = {module.OUTPUT, *module.REPEATED}
    missing: list[str] = []
    for entry in entries(config):
        used.update(entry.theirs)
        if entry.ours in state:  # derived from a tensor that is already there
            continue
        if absent := [name for name in entry.theirs if name not in stored]:
            missing += absent
        else:
            state[entry.ours] = entry.load([stored[name] for name in entry.theirs])
    return Placed(config, state, sorted(set(stored) - used), sorted(missing))
