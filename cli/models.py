"""Using a trained model: continue a text, label texts."""

import json
from pathlib import Path
from typing import Any

from lm.errors import UserError

REGISTRY = "models:/"


def model_folder(name: str) -> Path:
    """Where a model's files are: a folder as it is, a ``models:/`` address through the MLflow registry.

    Raises:
        UserError: there is no such folder, it holds no model, or the registry does not know the address.
    """
    if name.startswith(REGISTRY):
        from stages.register.registry import local_model_folder

        return Path(local_model_folder(name))
    folder = Path(name)
    if not folder.is_dir():
        raise UserError(
            f"{name}: no such folder; give a model folder (data/models/gpt) or {REGISTRY}NAME@ALIAS"
        )
    if not (folder / "config.json").is_file():
        raise UserError(
            f"{name}: holds no model (config.json is missing); trained models are under data/models"
        )
    return folder


def continuations(model: str, prompt: str, *, as_json: bool, **sampling: Any) -> None:
    """Print the prompt with each of its continuations.

    ``sampling`` goes to :func:`lm.generate.generate`.
    """
    folder = model_folder(model)
    from lm.checkpoint import load_model
    from lm.generate import generate

    network: Any  # which kind of model it is, generate and classify check themselves
    network, tokenizer = load_model(folder)
    (texts,) = generate(network, tokenizer, [prompt], **sampling)
    for text in texts:
        print(_line(prompt=prompt, continuation=text) if as_json else f"{prompt}{text}", flush=True)


def labels(model: str, texts: list[str], *, as_json: bool) -> None:
    """Print the likeliest label of each text with its probability; as JSON, all probabilities."""
    if not texts:
        raise UserError("classify: no text given; name texts after the model, or pipe lines into it")
    folder = model_folder(model)
    from lm.checkpoint import load_model
    from lm.classify import classify

    network: Any
    network, tokenizer = load_model(folder)
    for text, row in zip(texts, classify(network, tokenizer, texts).tolist(), strict=True):
        shares = dict(zip(network.config.labels, row, strict=True))
        label = max(shares, key=lambda name: shares[name])
        if as_json:
            print(_line(text=text, label=label, probabilities={k: round(v, 6) for k, v in shares.items()}))
        else:
            print(f"{label}\t{shares[label]:.3f}\t{text}")


def _line(**values: Any) -> str:
    return json.dumps(values, ensure_ascii=False)
