"""Models in the layout of the Hugging Face classes: names of tensors and settings, both ways.

An architecture's file says which class holds which kind of model (``CLASSES``), how the configs translate
(``to_config``, ``from_config``) and where each tensor stands (``entries``); docs/add-an-architecture.md shows
how to add one. Files are read and written in tokenmill/model/folder.py.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, cast, get_args

import torch
from torch import Tensor

from tokenmill.core.errors import UserError, shown
from tokenmill.model.config import ModelConfig, ProblemType
from tokenmill.model.families import FAMILIES
from tokenmill.model.heads import build_model
from tokenmill.model.names import CLASSIFIERS, Kind
from tokenmill.model.published import bert, gpt2, llama, modernbert, opt, t5
from tokenmill.model.published.layout import Entry
from tokenmill.model.published.settings import published_settings
from tokenmill.model.published.spelling import spelling
from tokenmill.model.tensors import Tensors, same_values

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
    if module in (gpt2, opt) and not config.causal:
        return None  # theirs always are
    if config.head == "bilinear":
        return None  # LanguageModel.folded has a form that they know
    tied_lm = config.kind == "causal-lm" and config.tied
    if module is llama and config.embedding_norm != "none" and not tied_lm:
        return None  # their output layer holds our embeddings as they are before the norm
    if module is llama and config.kind == "sequence-classifier" and not config.causal:
        return None  # theirs has no bias
    return None if module is None else module.CLASSES[config.family].get(config.kind)


def to_config(config: ModelConfig) -> dict[str, Any]:
    """The settings of the published class, ready for config.json; special tokens are not among them."""
    name = published_class(config)
    assert name is not None
    values = {**MODULES[config.family].to_config(config), "architectures": [name], "dtype": "float32"}
    if config.kind in CLASSIFIERS:
        values["id2label"] = {str(number): label for number, label in enumerate(config.labels)}
        values["label2id"] = {label: number for number, label in enumerate(config.labels)}
    if config.problem_type != "single_label_classification":
        values["problem_type"] = config.problem_type
    return values


def from_config(values: Mapping[str, Any], largest: int = 2**31) -> ModelConfig:
    """Our config of a published config.json. Whether the output layer is tied, :func:`from_state` finds out.

    Args:
        values: the file's content.
        largest: of all dimensions of all tensors the largest; no size in the file may be larger.

    Raises:
        UserError: the class is not one of ours, or it asks for something that our backbone has not.
    """
    names = values.get("architectures")
    names = [] if names is None else names if isinstance(names, list) else [names]
    if len(names) != 1 or type(names[0]) is not str or names[0] not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise UserError(
            f"config.json: architectures is {', '.join(map(shown, names[:3])) or 'empty'}, which is "
            f"not known here; use a model of one of {known}"
        )
    family, kind = KINDS[names[0]]
    module = MODULES[family]
    model_type = module.__name__.rpartition(".")[2] if family != "qwen3" else "qwen3"
    if (said := values.get("model_type")) not in (None, model_type):
        raise UserError(
            f"config.json: model_type is {shown(said)}, but {names[0]} has {model_type}; keep the right one"
        )
    settings = published_settings(values, model_type, largest)
    labels = _labels(values, largest) if kind in CLASSIFIERS else ()
    config = cast(ModelConfig, module.from_config(settings, kind, labels))
    return dataclasses.replace(config, problem_type=_problem_type(values, config))


def _labels(values: Mapping[str, Any], largest: int) -> tuple[str, ...]:
    """Names of the classes by number; without any there are two, as in the published classes."""
    number = values.get("num_labels")
    if number is not None and (type(number) is not int or not 1 <= number <= largest):
        raise UserError(f"config.json: num_labels must be a whole number from 1 on, got {shown(number)}")
    named = values.get("id2label")
    if named is None:
        return tuple(f"LABEL_{place}" for place in range(2 if number is None else number))
    named = {str(place): label for place, label in named.items()} if isinstance(named, dict) else named
    if not isinstance(named, dict) or set(named) != set(map(str, range(min(len(named), largest)))):
        raise UserError(
            f"config.json: id2label must name the labels 0, 1, 2 and so on, got {shown(named)}; "
            "take the model's own config.json"
        )
    labels = tuple(named[str(place)] for place in range(len(named)))
    if not labels or not all(type(label) is str for label in labels) or len(set(labels)) < len(labels):
        raise UserError(
            f"config.json: id2label must give each label a name of its own, got {shown(named)}; rename them"
        )
    return labels


def _problem_type(values: Mapping[str, Any], config: ModelConfig) -> ProblemType:
    """How a classifier's outputs are to be read, as the published text-classification pipeline reads them."""
    said = values.get("problem_type")
    if said is not None and said not in get_args(ProblemType):
        raise UserError(
            f"config.json: problem_type must be one of {', '.join(get_args(ProblemType))}, got {shown(said)}"
        )
    if config.kind != "sequence-classifier":
        return "single_label_classification"
    if said == "single_label_classification" and len(config.labels) == 1:
        raise UserError(
            f"config.json: problem_type {said} needs two labels, id2label names one; keep the right one"
        )
    if said is None:  # one output that is no regression says yes or no
        return "multi_label_classification" if len(config.labels) == 1 else "single_label_classification"
    return cast(ProblemType, said)


def entries(config: ModelConfig) -> list[Entry]:
    """Where each of our tensors stands in the published layout."""
    return list(MODULES[config.family].entries(config))


def to_state(config: ModelConfig, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors under the published names."""
    stored: dict[str, Tensor] = {}
    for entry in entries(config):
        stored.update(zip(entry.theirs, entry.store(state[entry.ours]), strict=True))
    return stored


def stored_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of the published layout, without building anything.

    Raises:
        UserError: the config's parts do not fit together.
    """
    own = own_shapes(config)
    if lacking := [entry.ours for entry in entries(config) if entry.ours not in own]:
        raise UserError(
            f"model config: a {config.family} model has {lacking[0]}, and one of this config has not; take "
            "config.json anew from where the model comes"
        )
    with torch.device("meta"):
        return {
            name: tuple(value.shape)
            for entry in entries(config)
            for name, value in zip(entry.theirs, entry.store(torch.empty(own[entry.ours])), strict=True)
        }


def own_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of a model, without building it.

    Raises:
        UserError: the config's parts do not fit together.
    """
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            return {name: tuple(value.shape) for name, value in build_model(config).state_dict().items()}
    except (AssertionError, ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"model config: no model can be built of it ({shown(str(error))})") from None


@dataclass(frozen=True)
class Placed:
    """What became of the tensors of a published file."""

    config: ModelConfig
    state: dict[str, Tensor]
    """By our names; empty where something is missing or of another shape."""
    unexpected_keys: list[str]
    """Published names that our model has no place for."""
    missing_keys: list[str]
    """Published names that it needs and that are not there."""
    misshapen: list[str]
    """What is there in another shape: a sentence each."""


def from_state(config: ModelConfig, stored: Tensors) -> Placed:
    """Published tensors under our names, whatever prefix, older or other name they are stored under.

    An output layer that is there and is not the embedding matrix unties the config; the class's own config
    does not tell reliably.

    Raises:
        UserError: a tensor that the class holds several times is stored with different values.
    """
    module = MODULES[config.family]
    config = _with_pooler(config, stored)
    wanted = {module.OUTPUT, *getattr(module, "COPIES", ()), *getattr(module, "PREFERRED", {}).values()}
    wanted.update(name for entry in entries(config) for name in entry.theirs)
    names = spelling(stored, wanted, module.PREFIX)
    copies = _one_value(config, stored, names)
    if config.tied and config.embedding_norm != "plain" and module.OUTPUT in names:
        embedding = _embedding(config)
        if embedding not in names:
            names[embedding] = names[module.OUTPUT]
        elif not same_values(stored, names[module.OUTPUT], names[embedding]):
            config = dataclasses.replace(config, tied=False)
    needed = [entry for entry in entries(config)]
    missing = sorted({name for entry in needed for name in entry.theirs if name not in names})
    shapes = {} if missing else stored_shapes(config)
    misshapen = [
        f"{names[name]} is {stored.shapes[names[name]]} in the weights, config.json asks for {shape}"
        for name, shape in shapes.items()
        if stored.shapes[names[name]] != shape
    ]
    state: dict[str, Tensor] = {}
    if not missing and not misshapen:
        for entry in needed:
            if entry.ours not in state:  # else derived from a tensor that is already there
                state[entry.ours] = entry.load([stored.read(names[name]) for name in entry.theirs])
    used = {names[name] for entry in needed for name in entry.theirs if name in names}
    used |= copies | {names.get(module.OUTPUT, "")}
    unexpected = [name for name in stored.shapes if name not in used and not module.IGNORED.search(name)]
    return Placed(config, state, sorted(unexpected), missing, misshapen)


def _with_pooler(config: ModelConfig, stored: Tensors) -> ModelConfig:
    """The config of what is stored: BERT's files may have a pooler, which config.json does not tell."""
    if config.family != "bert" or config.kind not in ("features", "masked-lm"):
        return config
    with_one = dataclasses.replace(config, pooler=True)
    poolers = {name for entry in entries(with_one) if "pooler." in entry.ours for name in entry.theirs}
    found = spelling(stored, poolers, bert.PREFIX)
    return with_one if poolers <= set(found) else dataclasses.replace(config, pooler=False)


def _embedding(config: ModelConfig) -> str:
    """The published name of the embedding matrix."""
    return next(
        entry for entry in entries(config) if entry.ours == "backbone.embeddings.token.weight"
    ).theirs[0]


def _one_value(config: ModelConfig, stored: Tensors, names: dict[str, str]) -> set[str]:
    """Let each name of a tensor that has several lead to the stored one; returns those there twice."""
    module = MODULES[config.family]
    copies: set[str] = set()
    for name, preferred in getattr(module, "PREFERRED", {}).items():
        stored_as = {names[each] for each in (name, preferred) if each in names}
        if stored_as:
            names[name] = names[preferred] = names.get(preferred) or names[name]
            copies |= stored_as
    first = "shared.weight"
    for copy in getattr(module, "COPIES", ()):
        if copy not in names:
            continue
        if not same_values(stored, names.setdefault(first, names[copy]), names[copy]):
            raise UserError(
                f"{copy} and {first} differ in the weights; an encoder and a decoder with "
                "embeddings of their own are not supported"
            )
        copies.add(names[copy])
    return copies
