"""The commands that use trained models: texts in, one line or one JSON object for each answer out."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from tokenmill.core.errors import UserError, one_line, shown
from tokenmill.inference import api
from tokenmill.inference.generation.generate import stream
from tokenmill.inference.generation.sampling import GenerationConfig
from tokenmill.inference.normalization import inner_texts
from tokenmill.inference.prompts import asked_with, read_prompts
from tokenmill.model.exchange import export_model, import_model, suggested_settings
from tokenmill.model.folder import LoadedModel, warn_of_unexpected
from tokenmill.model.readme import transformers_call
from tokenmill.serving.answers import gaps_answer
from tokenmill.serving.limits import CONTINUING
from tokenmill.serving.models import Models

REGISTRY = "models:/"
SHOWN = 3
"""Models that a hint names."""

LINES_AT_ONCE = 1024
"""Of stdin: however many there are, so many are held, and answered before more are read."""
LONGEST_LINE = 10_000_000
"""Characters. A file without line ends, such as /dev/zero, is no list of texts."""


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
        there = [model.as_posix() for model in Models().folders.values()] or ["a model folder"]
        more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
        raise UserError(
            f"{name}: no such folder; give {', '.join(there[:SHOWN])}{more}, or {REGISTRY}NAME@ALIAS"
        )
    if not (folder / "config.json").is_file():
        raise UserError(
            f"{name}: holds no model (config.json is missing); trained models are under data/models"
        )
    return folder


def load(name: str) -> LoadedModel:
    folder = model_folder(name)
    loaded = api.load(folder)
    warn_of_unexpected(folder, loaded)
    return loaded


def answer(
    command: str, name: str, texts: Sequence[str] | None, show: Callable[[LoadedModel, list[str]], None]
) -> None:
    """Load the model and ``show`` its answers to the texts of the command line, or to the lines of stdin.

    Raises:
        UserError: there is no text, a line is too long or no UTF-8, or the model cannot answer.
    """
    done, loaded = 0, None
    for chosen in [list(texts)] if texts else _lines():
        loaded = loaded or load(name)
        try:
            show(loaded, chosen)
        except UserError as error:
            raise UserError(f"after {done:,} texts: {error}" if done else str(error)) from None
        done += len(chosen)
    if not done:
        raise UserError(f"{command}: no text given; name texts after the model, or pipe lines into it")


def _lines() -> Iterator[list[str]]:
    """The lines of stdin that hold something, some at a time."""
    chosen: list[str] = []
    number = 0
    while sys.stdin is not None and (line := sys.stdin.readline(LONGEST_LINE + 1)):
        number += 1
        if len(line) > LONGEST_LINE:
            raise UserError(f"line {number} of stdin has more than {LONGEST_LINE:,} characters; break it up")
        if line.strip():
            chosen.append(line.rstrip("\r\n"))
        if len(chosen) == LINES_AT_ONCE:
            yield chosen
            chosen = []
    if chosen:
        yield chosen


def print_json(**values: Any) -> None:
    print(json.dumps(values, ensure_ascii=False), flush=True)


def generate(
    name: str, prompts: Sequence[str] | None, *, as_json: bool, suffix: str | None = None, **settings: Any
) -> None:
    """Print each prompt with each of its continuations, or the answers alone of a model that gives them.

    With a ``suffix``, what is written stands between the prompt and it. On a terminal a single text appears
    as it is written. ``settings`` are those of
    :class:`tokenmill.inference.generation.sampling.GenerationConfig`.
    """
    named = {name: value for name, value in settings.items() if value is not None}
    GenerationConfig(**named)  # refuses what is out of range before a model is loaded

    def show(loaded: LoadedModel, chosen: list[str]) -> None:
        given = named if loaded.answering else {**CONTINUING, **named}
        answers = loaded.answering is not None or loaded.model.config.kind == "text-to-text"
        single = len(chosen) == settings["num_return_sequences"] == settings["num_beams"] == 1
        if single and not as_json and sys.stdout.isatty():
            (read,) = read_prompts(loaded, chosen)
            (behind,) = [None] if suffix is None else inner_texts(loaded.normalization, [suffix])
            pieces = stream(
                loaded.model,
                loaded.vocabulary,
                read,
                suffix=behind,
                infilling=loaded.infilling,
                **asked_with(loaded, given),
            )
            first = next(pieces, "")  # a mistake shows before anything is printed
            print("" if answers else chosen[0], end=first, flush=True)
            for piece in pieces:
                print(piece, end="", flush=True)
            print(suffix or "")
            return
        suffixes = None if suffix is None else [suffix] * len(chosen)
        written = api.generate(loaded, chosen, suffixes=suffixes, **given)
        for prompt, texts in zip(chosen, written, strict=True):
            for text in texts:
                if as_json:
                    print_json(prompt=prompt, text=text)
                else:
                    print(text if answers else f"{prompt}{text}{suffix or ''}", flush=True)

    answer("generate", name, prompts, show)


def fill(name: str, texts: Sequence[str] | None, *, as_json: bool, top_k: int) -> None:
    """Print what may stand in the gaps of texts: number of the gap, probability, filling, text."""

    def show(loaded: LoadedModel, chosen: list[str]) -> None:
        for text, gaps in zip(chosen, api.fill(loaded, chosen, top_k=top_k), strict=True):
            if as_json:
                print_json(text=text, gaps=gaps_answer(gaps))
                continue
            for number, gap in enumerate(gaps, 1):
                for candidate in gap:
                    print(number, f"{candidate.probability:.3f}", candidate.text, text, sep="\t", flush=True)

    answer("fill", name, texts, show)


def score(name: str, texts: Sequence[str] | None, *, as_json: bool, source: str | None) -> None:
    """Print the log-probability of texts in nats: in all, per token, and the text."""

    def show(loaded: LoadedModel, chosen: list[str]) -> None:
        sources = None if source is None else [source] * len(chosen)
        for text, found in zip(chosen, api.score(loaded, chosen, sources=sources), strict=True):
            if not as_json:
                print(f"{found.total:.3f}", f"{found.mean:.3f}", text, sep="\t", flush=True)
                continue
            parts = zip(found.tokens, found.log_probabilities, strict=True)
            tokens = [{"token": loaded.vocabulary.token(t), "log_probability": round(p, 6)} for t, p in parts]
            print_json(text=text, log_probability=round(found.total, 6), tokens=tokens)

    answer("score", name, texts, show)


def embed(
    name: str,
    texts: Sequence[str] | None,
    *,
    as_json: bool,
    pooling: Literal["mean", "first", "last"],
    normalise: bool,
) -> None:
    """Print texts as vectors: numbers between spaces, then the text; as JSON, a list."""

    def show(loaded: LoadedModel, chosen: list[str]) -> None:
        found = api.embed(loaded, chosen, pooling=pooling, normalise=normalise)
        for text, vector in zip(chosen, found.tolist(), strict=True):
            if as_json:
                print_json(text=text, vector=[round(number, 7) for number in vector])
            else:
                print(" ".join(f"{number:.6f}" for number in vector), text, sep="\t", flush=True)

    answer("embed", name, texts, show)


def export(name: str, folder: str) -> None:
    """Write a model where stock ``transformers`` can load it, and say how."""
    loaded = export_model(model_folder(name), Path(folder))
    imported, call = transformers_call(loaded.model.config.kind, folder)
    print(one_line(f"{folder}: written; load it with `from transformers import {imported}`, `{call}`"))
    if loaded.unexpected_keys:
        print(f"left out, since transformers has no class for them: {', '.join(loaded.unexpected_keys)}")


def import_folder(path: str, target: str) -> None:
    """Make a model folder of one that ``transformers`` saved; a plain name stands for data/models/NAME."""
    folder = Path(target) if "/" in target else Path("data/models", target)
    loaded = import_model(Path(path), folder)
    config = loaded.model.config
    numbers = sum(parameter.numel() for parameter in loaded.model.parameters())
    print(one_line(f"{folder}: written, a {config.family} model, {config.kind}, {numbers:,} parameters"))
    if loaded.unexpected_keys:
        print(one_line(f"not used: {', '.join(map(shown, loaded.unexpected_keys))}"))
    if suggested := suggested_settings(folder):
        said = ", ".join(f"{key} {shown(value)}" for key, value in suggested.items())
        print(
            f"its generation_config.json suggests {said}: options of `tokenmill generate`, not "
            "taken by themselves"
        )
