"""The commands that use trained models: texts in, one line or one JSON object for each answer out."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from tokenmill.core.errors import UserError
from tokenmill.inference import api
from tokenmill.inference.generation.generate import stream
from tokenmill.inference.normalization import beginnings, whole_texts
from tokenmill.model.exchange import export_model, import_model
from tokenmill.model.folder import LoadedModel, warn_of_unexpected
from tokenmill.model.readme import transformers_call

REGISTRY = "models:/"


def model_folder(name: str) -> Path:
    """Where a model's files are: a folder as it is, a ``models:/`` address through the MLflow registry.

    Raises:
        UserError: there is no such folder, it holds no model, or the registry does not know the address.
    """
    if name.startswith(REGISTRY):
        from tokenmill.registry.download import local_model_folder  # loads mlflow

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


def _load(name: str) -> LoadedModel:
    folder = model_folder(name)
    loaded = api.load(folder)
    warn_of_unexpected(folder, loaded)
    return loaded


def _given(texts: Sequence[str] | None, command: str) -> list[str]:
    """The texts of the command line, or without any the lines of stdin."""
    chosen = list(texts or ()) or [line.rstrip("\r\n") for line in sys.stdin if line.strip()]
    if not chosen:
        raise UserError(f"{command}: no text given; name texts after the model, or pipe lines into it")
    return chosen


def _print(**values: Any) -> None:
    print(json.dumps(values, ensure_ascii=False), flush=True)


def generate(name: str, prompts: Sequence[str] | None, *, as_json: bool, **settings: Any) -> None:
    """Print each prompt with each of its continuations, or a text-to-text model's answers alone.

    On a terminal a single text appears as it is written. ``settings`` are those of
    :class:`tokenmill.inference.generation.sampling.GenerationConfig`.
    """
    chosen = _given(prompts, "generate")
    loaded = _load(name)
    answers = loaded.model.config.kind == "text-to-text"
    single = len(chosen) == settings["num_return_sequences"] == settings["num_beams"] == 1
    if single and not as_json and sys.stdout.isatty():
        (read,) = (whole_texts if answers else beginnings)(loaded.normalization, chosen)
        pieces = stream(loaded.model, loaded.vocabulary, read, **settings)
        first = next(pieces, "")  # a mistake shows before anything is printed
        print("" if answers else chosen[0], end=first, flush=True)
        for piece in pieces:
            print(piece, end="", flush=True)
        print()
        return
    for prompt, texts in zip(chosen, api.generate(loaded, chosen, **settings), strict=True):
        for text in texts:
            if as_json:
                _print(prompt=prompt, text=text)
            else:
                print(text if answers else f"{prompt}{text}", flush=True)


def fill(name: str, texts: Sequence[str] | None, *, as_json: bool, top_k: int) -> None:
    """Print what may stand in the gaps of texts: number of the gap, probability, filling, text."""
    chosen = _given(texts, "fill")
    for text, gaps in zip(chosen, api.fill(_load(name), chosen, top_k=top_k), strict=True):
        if as_json:
            rows = [[{"text": c.text, "probability": round(c.probability, 6)} for c in gap] for gap in gaps]
            _print(text=text, gaps=rows)
            continue
        for number, gap in enumerate(gaps, 1):
            for candidate in gap:
                print(number, f"{candidate.probability:.3f}", candidate.text, text, sep="\t", flush=True)


def score(name: str, texts: Sequence[str] | None, *, as_json: bool, source: str | None) -> None:
    """Print the log-probability of texts in nats: in all, per token, and the text."""
    chosen = _given(texts, "score")
    loaded = _load(name)
    sources = None if source is None else [source] * len(chosen)
    for text, found in zip(chosen, api.score(loaded, chosen, sources=sources), strict=True):
        if not as_json:
            print(f"{found.total:.3f}", f"{found.mean:.3f}", text, sep="\t", flush=True)
            continue
        parts = zip(found.tokens, found.log_probabilities, strict=True)
        tokens = [{"token": loaded.vocabulary.token(id), "log_probability": round(p, 6)} for id, p in parts]
        _print(text=text, log_probability=round(found.total, 6), tokens=tokens)


def embed(
    name: str,
    texts: Sequence[str] | None,
    *,
    as_json: bool,
    pooling: Literal["mean", "first", "last"],
    normalise: bool,
) -> None:
    """Print texts as vectors: numbers between spaces, then the text; as JSON, a list."""
    chosen = _given(texts, "embed")
    found = api.embed(_load(name), chosen, pooling=pooling, normalise=normalise)
    for text, vector in zip(chosen, found.tolist(), strict=True):
        if as_json:
            _print(text=text, vector=[round(number, 7) for number in vector])
        else:
            print(" ".join(f"{number:.6f}" for number in vector), text, sep="\t", flush=True)


def classify(name: str, texts: Sequence[str] | None, *, as_json: bool) -> None:
    """Print the likeliest label of each text with its probability; as JSON, all probabilities.

    Of a classifier of tokens: every token with its place and label.
    """
    chosen = _given(texts, "classify")
    loaded = _load(name)
    if loaded.model.config.kind == "token-classifier":
        _tag(loaded, chosen, as_json)
        return
    for text, probabilities in zip(chosen, api.classify(loaded, chosen), strict=True):
        label, probability = next(iter(probabilities.items()))
        if as_json:
            rounded = {name: round(value, 6) for name, value in probabilities.items()}
            _print(text=text, label=label, probabilities=rounded)
        else:
            print(label, f"{probability:.3f}", text, sep="\t", flush=True)


def _tag(loaded: LoadedModel, texts: list[str], as_json: bool) -> None:
    for text, spans in zip(texts, api.tag(loaded, texts), strict=True):
        if as_json:
            _print(text=text, tokens=[asdict(span) for span in spans])
            continue
        for span in spans:
            print(span.label, f"{span.probability:.3f}", text[span.start : span.end], sep="\t", flush=True)


def export(name: str, folder: str) -> None:
    """Write a model where stock ``transformers`` can load it, and say how."""
    loaded = export_model(model_folder(name), Path(folder))
    imported, call = transformers_call(loaded.model.config.kind, folder)
    print(f"{folder}: written; load it with `from transformers import {imported}`, `{call}`")


def import_folder(path: str, target: str) -> None:
    """Make a model folder of one that ``transformers`` saved; a plain name stands for data/models/NAME."""
    folder = Path(target) if "/" in target else Path("data/models", target)
    loaded = import_model(Path(path), folder)
    config = loaded.model.config
    numbers = sum(parameter.numel() for parameter in loaded.model.parameters())
    print(f"{folder}: written, a {config.family} model, {config.kind}, {numbers:,} parameters")
    if loaded.unexpected_keys:
        print(f"not used: {', '.join(loaded.unexpected_keys)}")
