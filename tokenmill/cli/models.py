"""Using trained models: texts in, one line or one JSON object for each answer out."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError

REGISTRY = "models:/"


def model_folder(name: str) -> Path:
    """Where a model's files are: a folder as it is, a ``models:/`` address through the MLflow registry.

    Raises:
        UserError: there is no such folder, it holds no model, or the registry does not know the address.
    """
    if name.startswith(REGISTRY):
        from tokenmill.registry.download import local_model_folder

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


def _open(name: str) -> tuple[Any, Any]:
    folder = model_folder(name)
    from tokenmill.model.folder import load_model

    return load_model(folder)


def _given(texts: Sequence[str] | None, command: str) -> list[str]:
    """The texts of the command line, or without any the lines of stdin."""
    chosen = list(texts or ()) or [line.rstrip("\r\n") for line in sys.stdin if line.strip()]
    if not chosen:
        raise UserError(f"{command}: no text given; name texts after the model, or pipe lines into it")
    return chosen


def _print(**values: Any) -> None:
    print(json.dumps(values, ensure_ascii=False), flush=True)


def continuations(model: str, prompts: Sequence[str] | None, *, as_json: bool, **settings: Any) -> None:
    """Print each prompt with each of its continuations, or a text-to-text model's answers alone.

    On a terminal a single text appears as it is written. ``settings`` are those of
    :class:`tokenmill.inference.generation.sampling.Settings`.
    """
    chosen = _given(prompts, "generate")
    network, vocabulary = _open(model)
    from tokenmill.inference.generation.generate import generate, stream

    answers = network.config.kind == "text-to-text"
    single = len(chosen) == settings["num_return_sequences"] == settings["num_beams"] == 1
    if single and not as_json and sys.stdout.isatty():
        pieces = stream(network, vocabulary, chosen[0], **settings)
        first = next(pieces, "")  # a mistake shows before anything is printed
        print("" if answers else chosen[0], end=first, flush=True)
        for piece in pieces:
            print(piece, end="", flush=True)
        print()
        return
    for prompt, texts in zip(chosen, generate(network, vocabulary, chosen, **settings), strict=True):
        for text in texts:
            if as_json:
                _print(prompt=prompt, text=text)
            else:
                print(text if answers else f"{prompt}{text}", flush=True)


def fillings(model: str, texts: Sequence[str] | None, *, as_json: bool, top_k: int) -> None:
    """Print what may stand in the gaps of texts: number of the gap, probability, filling, text."""
    chosen = _given(texts, "fill")
    network, vocabulary = _open(model)
    from tokenmill.inference.fill import fill

    for text, gaps in zip(chosen, fill(network, vocabulary, chosen, top_k=top_k), strict=True):
        if as_json:
            rows = [[{"text": c.text, "probability": round(c.probability, 6)} for c in gap] for gap in gaps]
            _print(text=text, gaps=rows)
            continue
        for number, gap in enumerate(gaps, 1):
            for candidate in gap:
                print(number, f"{candidate.probability:.3f}", candidate.text, text, sep="\t", flush=True)


def scores(model: str, texts: Sequence[str] | None, *, as_json: bool, source: str | None) -> None:
    """Print how probable texts are, in nats: in all, per token, and the text."""
    chosen = _given(texts, "score")
    network, vocabulary = _open(model)
    from tokenmill.inference.score import score

    sources = None if source is None else [source] * len(chosen)
    for text, found in zip(chosen, score(network, vocabulary, chosen, sources=sources), strict=True):
        if not as_json:
            print(f"{found.total:.3f}", f"{found.mean:.3f}", text, sep="\t", flush=True)
            continue
        parts = zip(found.tokens, found.log_probabilities, strict=True)
        tokens = [{"token": vocabulary.token(id), "log_probability": round(p, 6)} for id, p in parts]
        _print(text=text, log_probability=round(found.total, 6), tokens=tokens)


def vectors(model: str, texts: Sequence[str] | None, *, as_json: bool, pooling: Any, normalise: bool) -> None:
    """Print texts as vectors: numbers between spaces, then the text; as JSON, a list."""
    chosen = _given(texts, "embed")
    network, vocabulary = _open(model)
    from tokenmill.inference.embed import embed

    found = embed(network, vocabulary, chosen, pooling=pooling, normalise=normalise)
    for text, vector in zip(chosen, found.tolist(), strict=True):
        if as_json:
            _print(text=text, vector=[round(number, 7) for number in vector])
        else:
            print(" ".join(f"{number:.6f}" for number in vector), text, sep="\t", flush=True)


def labels(model: str, texts: Sequence[str] | None, *, as_json: bool) -> None:
    """Print the likeliest label of each text with its probability; as JSON, all probabilities.

    Of a classifier of tokens: every token with its place and label.
    """
    chosen = _given(texts, "classify")
    network, vocabulary = _open(model)
    if network.config.kind == "token-classifier":
        _token_labels(network, vocabulary, chosen, as_json)
        return
    from tokenmill.inference.classify import classify

    for text, row in zip(chosen, classify(network, vocabulary, chosen).tolist(), strict=True):
        shares = dict(zip(network.config.labels, row, strict=True))
        label = max(shares, key=lambda name: shares[name])
        if as_json:
            _print(text=text, label=label, probabilities={k: round(v, 6) for k, v in shares.items()})
        else:
            print(label, f"{shares[label]:.3f}", text, sep="\t", flush=True)


def _token_labels(network: Any, vocabulary: Any, texts: list[str], as_json: bool) -> None:
    from dataclasses import asdict

    from tokenmill.inference.classify import tag

    for text, pieces in zip(texts, tag(network, vocabulary, texts), strict=True):
        if as_json:
            _print(text=text, tokens=[asdict(piece) for piece in pieces])
            continue
        for piece in pieces:
            print(
                piece.label, f"{piece.probability:.3f}", text[piece.begin : piece.end], sep="\t", flush=True
            )


def export(model: str, folder: str) -> None:
    """Write a model where stock ``transformers`` can load it, and say how."""
    source = model_folder(model)
    from tokenmill.model.transfer import USE, export_model

    loaded = export_model(source, Path(folder))
    use = USE[loaded.model.config.kind].format(folder)
    name = use.split("(")[0].split(".")[0]
    print(f"{folder}: written; load it with `from transformers import {name}`, `{use}`")


def import_folder(path: str, target: str) -> None:
    """Make a model folder of one that ``transformers`` saved; a plain name stands for data/models/NAME."""
    from tokenmill.model.transfer import import_model

    folder = Path(target) if "/" in target else Path("data/models", target)
    loaded = import_model(Path(path), folder)
    config = loaded.model.config
    numbers = sum(parameter.numel() for parameter in loaded.model.parameters())
    print(f"{folder}: written, a {config.family} model, {config.kind}, {numbers:,} parameters")
    if loaded.unplaced:
        print(f"not used: {', '.join(loaded.unplaced)}")
