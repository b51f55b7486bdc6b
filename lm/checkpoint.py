"""Model folders: safetensors, JSON and the tokenizer, nothing that runs code when it is loaded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lm.config import ModelConfig
from lm.errors import UserError
from lm.heads import LanguageModel, SequenceClassifier, build_model
from lm.tokenizer import FILE as TOKENIZER
from lm.tokenizer import fingerprint, load_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WEIGHTS, CONFIG, ANCESTRY = "model.safetensors", "config.json", "ancestry.json"


def save_model(
    folder: Path,
    model: LanguageModel | SequenceClassifier,
    *,
    tokenizer_json: bytes,
    ancestry: Mapping[str, Any],
) -> None:
    """Write a model folder: weights, config, tokenizer and ancestry. Equal models give equal bytes."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().contiguous().cpu() for name, tensor in sorted(model.state_dict().items())}
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / TOKENIZER).write_bytes(tokenizer_json)
    for name, value in ((CONFIG, model.config.to_dict()), (ANCESTRY, ancestry)):
        text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
        (folder / name).write_text(text + "\n", "utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """One of a model folder's JSON files.

    Raises:
        UserError: it is missing or broken.
    """
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise UserError(f"{path}: missing; give the folder of a model, such as data/models/gpt") from None
    except ValueError:
        raise UserError(f"{path}: not readable as JSON; restore it with `dvc checkout`") from None


def load_model(folder: Path) -> "tuple[LanguageModel | SequenceClassifier, Tokenizer]":
    """The model of a folder, on the CPU and in evaluation mode, and its tokenizer.

    Raises:
        UserError: a file is missing or broken, or weights, config and tokenizer do not belong together.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    config = ModelConfig.from_dict(read_json(folder / CONFIG))
    weights = folder / WEIGHTS
    try:
        state = load_file(weights)
    except FileNotFoundError:
        raise UserError(f"{weights}: missing; restore it with `dvc checkout`, or train the model") from None
    except SafetensorError as error:
        raise UserError(f"{weights}: broken ({error}); restore it with `dvc checkout`") from None
    _check_tokenizer(folder)
    tokenizer = load_tokenizer(folder)
    with torch.random.fork_rng(
        devices=[]
    ):  # initial values are drawn and thrown away; leave the caller's state
        model = build_model(config)
    _check_shapes(model, state, weights)
    model.load_state_dict(state)
    return model.eval(), tokenizer


def _check_tokenizer(folder: Path) -> None:
    """The tokenizer beside the weights must be the one that they were trained with."""
    expected, found = read_json(folder / ANCESTRY).get("tokenizer"), fingerprint(folder)
    if expected != found:
        raise UserError(
            f"{folder / TOKENIZER}: fingerprint {found[:12]}, but "
            f"the model was trained with {str(expected)[:12]}; "
            "put its own tokenizer back, `dvc checkout` does that"
        )


def _check_shapes(model: nn.Module, state: Mapping[str, torch.Tensor], weights: Path) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if expected != found:
        name = min(name for name, _ in set(expected.items()) ^ set(found.items()))
        raise UserError(
            f"{weights}: {name} is {found.get(name, 'missing')}, config.json asks for "
            f"{expected.get(name, 'no such tensor')}; weights and config are of different models"
        )
