"""Model folders: safetensors, JSON and the tokenizer, nothing that runs code when it is loaded.

A model of a family that stock ``transformers`` has is laid out as its class there, and loads with no code of
ours; our own config stands in config.json under the key ``tokenmill``. Folders that others wrote in that
layout are read as well.
"""

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from tokenmill.core.errors import UserError, shown
from tokenmill.core.files import to_json
from tokenmill.core.normalization import Normalization, read_normalization, write_normalization
from tokenmill.model.answering import Answering, read_answering
from tokenmill.model.config import ModelConfig
from tokenmill.model.heads import Model, build_model
from tokenmill.model.infilling import read_infilling
from tokenmill.model.published import architectures
from tokenmill.model.published.settings import LONGEST, check_generation
from tokenmill.model.readme import model_readme
from tokenmill.model.tensors import WEIGHTS, Tensors, open_tensors, read_settings
from tokenmill.text.chat_template import chat_generation, chat_settings
from tokenmill.text.classes import read_tokenizer_settings
from tokenmill.text.infill import InfillTokens
from tokenmill.text.tokenizer import EOS, FIRST_TEXT_ID, fingerprint
from tokenmill.text.tokenizer import FILE as TOKENIZER
from tokenmill.text.vocabulary import (
    SETTINGS,
    Vocabulary,
    framed,
    load_vocabulary,
    special_ids,
    tokenizer_settings,
)

CONFIG, GENERATION = "config.json", "generation_config.json"
ANCESTRY, README = "ancestry.json", "README.md"
GENERATES = ("causal-lm", "text-to-text")
"""Kinds of models that write texts."""
OURS = "tokenmill"
"""Key of our config in config.json, and model_type of what ``transformers`` has no class for."""


def save_model(
    folder: Path,
    model: Model,
    *,
    tokenizer: Path,
    ancestry: Mapping[str, Any],
    normalization: Normalization | None = None,
    chat: bool = False,
) -> None:
    """Write a model folder: weights, configs, tokenizer, ancestry, README. Equal models give equal bytes.

    Args:
        folder: is made.
        model: any that :func:`tokenmill.model.heads.build_model` builds.
        tokenizer: the folder whose tokenizer the model was trained with: shards, or another model.
        ancestry: goes to ancestry.json as it is.
        normalization: what the model's training texts went through; without it what the tokenizer's folder
            says, if anything.
        chat: the model answers in conversations, and its tokenizer says how these are written.
    """
    normalization = normalization or read_normalization(tokenizer)
    folder.mkdir(parents=True, exist_ok=True)
    config = model.config
    state: Mapping[str, Tensor] = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    own = (tokenizer / SETTINGS).exists()  # a model's: it knows its special tokens, and the text around them
    ids = _ids_of(tokenizer) if own else special_ids()
    if architectures.published_class(config):
        values = {**architectures.to_config(config), **ids}
        state = architectures.to_state(config, state)
    else:
        values = {"model_type": OURS, **ids}
    save_file(
        {name: value.contiguous().clone() for name, value in sorted(state.items())},
        folder / WEIGHTS,
        metadata={"format": "pt"},
    )
    _write_json(folder / CONFIG, {**values, OURS: config.to_dict()})
    _write_json(folder / ANCESTRY, ancestry)
    (folder / README).write_text(model_readme(model, ancestry, normalization), "utf-8")
    if normalization is not None:
        write_normalization(folder, normalization)
    if config.kind in GENERATES:
        generation = tokenizer / GENERATION
        # Special tokens other than <eos> are never written, by transformers' `generate` no more than by ours.
        never = {} if own else {"suppress_tokens": [id for id in range(FIRST_TEXT_ID) if id != EOS]}
        known = read_settings(generation) if generation.exists() else {**ids, **never}
        _write_json(folder / GENERATION, chat_generation(known) if chat else known)
    source = (tokenizer / TOKENIZER).read_bytes()
    (folder / TOKENIZER).write_bytes(source if own else framed(source, config.kind))
    if chat:
        known = read_tokenizer_settings(tokenizer) if own else tokenizer_settings(config.kind, config.context)
        _write_json(folder / SETTINGS, chat_settings(known))
    elif not own:
        _write_json(folder / SETTINGS, tokenizer_settings(config.kind, config.context))
    elif (known := read_tokenizer_settings(tokenizer)) == read_settings(tokenizer / SETTINGS):
        (folder / SETTINGS).write_bytes((tokenizer / SETTINGS).read_bytes())
    else:  # what else the folder or the tokenizer's class says of its special tokens
        _write_json(folder / SETTINGS, known)


def _ids_of(folder: Path) -> dict[str, Any]:
    return {key: value for key, value in read_settings(folder / CONFIG).items() if key.endswith("_token_id")}


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(to_json(value), "utf-8")


@dataclass(frozen=True)
class LoadedModel:
    """A model from disk, on the CPU and in evaluation mode."""

    model: Model
    vocabulary: Vocabulary
    unexpected_keys: tuple[str, ...] = ()
    """Tensors of the folder that the model has no place for."""
    normalization: Normalization | None = None
    """What its training texts went through, and what it is asked with must; None where nothing says it."""
    answering: Answering | None = None
    """How it is asked, if it was fine-tuned to answer texts."""
    infilling: InfillTokens | None = None
    """What stands around the parts of a text, if it learned to fill in their middle."""


def load_model(folder: Path) -> tuple[Model, Vocabulary]:
    """The model of a folder and its vocabulary; what could not be placed is said on stderr.

    Raises:
        UserError: see :func:`read_model`.
    """
    loaded = read_model(folder)
    warn_of_unexpected(folder, loaded)
    return loaded.model, loaded.vocabulary


def warn_of_unexpected(folder: Path, loaded: LoadedModel) -> None:
    """Say on stderr which tensors of the folder the model has no place for."""
    if loaded.unexpected_keys:
        kind, names = loaded.model.config.kind, _some(list(loaded.unexpected_keys))
        print(f"{folder}: not used by a {kind} model: {names}", file=sys.stderr)


def read_model(folder: Path) -> LoadedModel:
    """A model folder: ours, or one in the layout of a class of ``transformers`` that we know.

    Raises:
        UserError: a file is missing or broken, the class is not known, or weights, config and tokenizer do
            not belong together.
    """
    values = read_settings(folder / CONFIG)
    stored = open_tensors(folder)
    config = _config_of(folder, values, stored)
    placed = _place(folder, config, stored)
    config = placed.config
    _check_tokenizer(folder)
    vocabulary = load_vocabulary(folder, values)
    if (folder / GENERATION).exists() and config.kind in GENERATES:
        check_generation(read_settings(folder / GENERATION), str(folder / GENERATION))
    vocabulary = _fitting(folder, vocabulary, config)
    with torch.random.fork_rng(devices=[]):  # initial values are thrown away; leave the caller's random state
        model = build_model(config)
    model.load_state_dict(placed.state)
    return LoadedModel(
        model.eval(),
        vocabulary,
        tuple(placed.unexpected_keys),
        read_normalization(folder),
        read_answering(folder) if config.kind in GENERATES else None,
        read_infilling(folder, vocabulary.tokenizer) if config.kind == "causal-lm" else None,
    )


def _config_of(folder: Path, values: Mapping[str, Any], stored: Tensors) -> ModelConfig:
    """The config of a folder, with no size beyond what its tensors say.

    Ours stands beside the published one. Where others have changed the class since, it is no longer true.
    """
    ours, named = values.get(OURS), values.get("architectures")
    try:
        config = None if ours is None else ModelConfig.from_dict(_object(ours))
        if config is None or (
            isinstance(named, list)
            and named
            and architectures.published_class(config) not in (None, named[0])
        ):
            config = architectures.from_config(values, stored.largest)
    except UserError as error:
        raise UserError(f"{folder}: {error}") from None
    layers = config.layers + config.decoder_layers
    if layers > len(stored.shapes):
        raise UserError(
            f"{folder}: config.json asks for {layers} layers, but the weights have "
            f"{len(stored.shapes)} tensors in all; weights and config.json are of different models"
        )
    if config.positions in ("rotary", "sinusoidal") and config.context > LONGEST:
        raise UserError(
            f"{folder}: config.json asks for a context of {config.context}, at most {LONGEST} is possible"
        )
    return config


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(
            f"config.json: {OURS} must be an object, got {shown(value)}; take the model's own file"
        )
    return value


def _place(folder: Path, config: ModelConfig, stored: Tensors) -> architectures.Placed:
    """The tensors under our names, each there and of the shape that the config asks for."""
    try:
        if architectures.published_class(config):
            placed = architectures.from_state(config, stored)
        else:
            placed = _place_own(config, stored)
    except UserError as error:
        raise UserError(f"{folder}: {error}") from None
    if placed.missing_keys:
        raise UserError(
            f"{folder}: the weights lack {_some(placed.missing_keys)}; "
            "weights and config.json are of different models"
        )
    if placed.misshapen:
        raise UserError(f"{folder}: {placed.misshapen[0]}; weights and config are of different models")
    return placed


def _place_own(config: ModelConfig, stored: Tensors) -> architectures.Placed:
    """Those of a model that is stored under our names."""
    shapes = architectures.own_shapes(config)
    missing = sorted(set(shapes) - set(stored))
    misshapen = [
        f"{name} is {stored.shapes[name]} in the weights, config.json asks for {shape}"
        for name, shape in shapes.items()
        if name not in missing and stored.shapes[name] != shape
    ]
    state = {} if missing or misshapen else {name: stored.read(name) for name in shapes}
    return architectures.Placed(config, state, sorted(set(stored) - set(shapes)), missing, misshapen)


def _some(names: list[str]) -> str:
    return ", ".join(map(shown, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _fitting(folder: Path, vocabulary: Vocabulary, config: ModelConfig) -> Vocabulary:
    """The vocabulary of the ids for which the model has rows.

    A special token that config.json numbers beyond them, as the class's own defaults may, is none.
    """
    size, last = config.vocab_size, vocabulary.largest_id()
    if last >= size:
        raise UserError(
            f"{folder / TOKENIZER}: has {last + 1} tokens, but the model's vocabulary is {size}; "
            "put the model's own tokenizer there"
        )

    def there(id: int | None) -> int | None:
        return None if id is None or id >= size else id

    eos = there(vocabulary.eos)
    return dataclasses.replace(
        vocabulary,
        bos=there(vocabulary.bos),
        eos=eos,
        mask=there(vocabulary.mask),
        start=there(vocabulary.start),
        pad=vocabulary.pad if vocabulary.pad < size else eos or 0,
        other_ends=frozenset(id for id in vocabulary.other_ends if id < size),
    )


def _check_tokenizer(folder: Path) -> None:
    """The tokenizer beside the weights must be the one that they were trained with, where that is known."""
    if not (folder / ANCESTRY).exists() and not (folder / TOKENIZER).exists():
        raise UserError(
            f"{folder / TOKENIZER}: missing; save the model's tokenizer in that format beside its weights"
        )
    if not (folder / ANCESTRY).exists():
        return
    expected, found = read_settings(folder / ANCESTRY).get("tokenizer"), fingerprint(folder)
    if expected != found:
        raise UserError(
            f"{folder / TOKENIZER}: fingerprint {found[:12]}, but "
            f"the model was trained with {str(expected)[:12]}; "
            "put its own tokenizer back, `dvc checkout` does that"
        )
