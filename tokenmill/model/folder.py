"""Model folders: safetensors, JSON and the tokenizer, nothing that runs code when it is loaded.

A model of a family that stock ``transformers`` has is laid out as its class there, and loads with no code of
ours; our own config stands in config.json under the key ``tokenmill``. Folders that others wrote in that
layout are read as well.
"""

import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, to_json
from tokenmill.core.normalization import Normalization, read_normalization, write_normalization
from tokenmill.model.config import ModelConfig
from tokenmill.model.heads import Model, build_model
from tokenmill.model.published import architectures
from tokenmill.model.readme import model_readme
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

WEIGHTS, CONFIG, GENERATION = "model.safetensors", "config.json", "generation_config.json"
ANCESTRY, README = "ancestry.json", "README.md"
INDEX, PICKLED = "model.safetensors.index.json", "pytorch_model.bin"
OURS = "tokenmill"
"""Key of our config in config.json, and model_type of what ``transformers`` has no class for."""


def save_model(
    folder: Path,
    model: Model,
    *,
    tokenizer: Path,
    ancestry: Mapping[str, Any],
    normalization: Normalization | None = None,
) -> None:
    """Write a model folder: weights, configs, tokenizer, ancestry, README. Equal models give equal bytes.

    Args:
        folder: is made.
        model: any that :func:`tokenmill.model.heads.build_model` builds.
        tokenizer: the folder whose tokenizer the model was trained with: shards, or another model.
        ancestry: goes to ancestry.json as it is.
        normalization: what the model's training texts went through; without it what the tokenizer's folder
            says, if anything.
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
    if config.kind in ("causal-lm", "text-to-text"):
        generation = tokenizer / GENERATION
        # Special tokens other than <eos> are never written, by transformers' `generate` no more than by ours.
        never = {} if own else {"suppress_tokens": [id for id in range(FIRST_TEXT_ID) if id != EOS]}
        known = read_settings(generation) if generation.exists() else {**ids, **never}
        _write_json(folder / GENERATION, known)
    source = (tokenizer / TOKENIZER).read_bytes()
    (folder / TOKENIZER).write_bytes(source if own else framed(source, config.kind))
    if own:
        (folder / SETTINGS).write_bytes((tokenizer / SETTINGS).read_bytes())
    else:
        _write_json(folder / SETTINGS, tokenizer_settings(config.kind, config.context))


def _ids_of(folder: Path) -> dict[str, Any]:
    return {key: value for key, value in read_settings(folder / CONFIG).items() if key.endswith("_token_id")}


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(to_json(value), "utf-8")


def read_settings(path: Path) -> dict[str, Any]:
    """One of a model folder's JSON files.

    Raises:
        UserError: it is missing or broken.
    """
    return read_json(
        path, "give the folder of a model, such as data/models/gpt, or restore it with `dvc checkout`"
    )


@dataclass(frozen=True)
class LoadedModel:
    """A model from disk, on the CPU and in evaluation mode."""

    model: Model
    vocabulary: Vocabulary
    unexpected_keys: tuple[str, ...] = ()
    """Tensors of the folder that the model has no place for."""
    normalization: Normalization | None = None
    """What its training texts went through, and what it is asked with must; None where nothing says it."""


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
        kind, names = loaded.model.config.kind, ", ".join(loaded.unexpected_keys)
        print(f"{folder}: not used by a {kind} model: {names}", file=sys.stderr)


def read_model(folder: Path) -> LoadedModel:
    """A model folder: ours, or one in the layout of a class of ``transformers`` that we know.

    Raises:
        UserError: a file is missing or broken, the class is not known, or weights, config and tokenizer do
            not belong together.
    """
    values = read_settings(folder / CONFIG)
    ours = values.get(OURS)
    config = ModelConfig.from_dict(ours) if ours else architectures.from_config(values)
    stored = _read_weights(folder)
    unexpected_keys: list[str] = []
    state: Mapping[str, Tensor] = stored
    if architectures.published_class(config):
        placed = architectures.from_state(config, stored)
        config, state, unexpected_keys = placed.config, placed.state, placed.unexpected_keys
        if placed.missing_keys:
            raise UserError(
                f"{folder}: the weights lack {_some(placed.missing_keys)}; "
                "weights and config.json are of different models"
            )
    _check_tokenizer(folder)
    vocabulary = load_vocabulary(folder, values)
    tokens = vocabulary.tokenizer.get_vocab_size()
    if tokens > config.vocab_size:
        raise UserError(
            f"{folder / TOKENIZER}: has {tokens} tokens, but the model's vocabulary is {config.vocab_size}; "
            "put the model's own tokenizer there"
        )
    with torch.random.fork_rng(devices=[]):  # initial values are thrown away; leave the caller's random state
        model = build_model(config)
    _check_shapes(model, state, folder)
    model.load_state_dict(dict(state))
    return LoadedModel(model.eval(), vocabulary, tuple(unexpected_keys), read_normalization(folder))


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder in float32: one file, several with an index, or one made by torch.save."""
    if (folder / INDEX).exists():
        names = sorted(set(read_settings(folder / INDEX).get("weight_map", {}).values()))
        stored = {key: value for name in names for key, value in _read_safetensors(folder / name).items()}
    elif (folder / PICKLED).exists() and not (folder / WEIGHTS).exists():
        stored = _read_pickled(folder / PICKLED)
    else:
        stored = _read_safetensors(folder / WEIGHTS)
    return {name: value.float() if value.is_floating_point() else value for name, value in stored.items()}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: missing; restore it with `dvc checkout`, or train the model") from None
    except SafetensorError as error:
        raise UserError(f"{path}: broken ({error}); restore it with `dvc checkout`") from None


def _read_pickled(path: Path) -> dict[str, Tensor]:
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        problem = str(error).splitlines()[0][:120]
        raise UserError(
            f"{path}: not readable as plain tensors ({problem}); save the model as safetensors"
        ) from None


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


def _check_shapes(model: torch.nn.Module, state: Mapping[str, Tensor], folder: Path) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if expected != found:
        name = min(name for name, _ in set(expected.items()) ^ set(found.items()))
        raise UserError(
            f"{folder}: {name} is {found.get(name, 'missing')} in the weights, config.json asks for "
            f"{expected.get(name, 'no such tensor')}; weights and config are of different models"
        )
