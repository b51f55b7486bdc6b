"""What a page needs to know of a model before anything is asked of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.inference.fill import SENTINELS
from tokenmill.model.folder import ANCESTRY, CONFIG, OURS, LoadedModel
from tokenmill.model.tensors import read_settings
from tokenmill.serving.models import Models
from tokenmill.serving.worker import Job
from tokenmill.text.chat_template import is_chat

REPORT = Path("data/report")
"""Where the report stage writes its pages."""


def listed(models: Models) -> list[dict[str, Any]]:
    """Name and kind of each model; kind is None where only loading it would tell."""
    return [{"name": name, "kind": _kind(folder)} for name, folder in models.folders.items()]


def _kind(folder: Path) -> str | None:
    try:
        ours = read_settings(folder / CONFIG).get(OURS)
    except UserError:
        return None
    kind = ours.get("kind") if isinstance(ours, Mapping) else None
    return kind if isinstance(kind, str) else None


def describe(loaded: LoadedModel, jobs: Sequence[Job]) -> None:
    """What a model is and what may be asked of it, for each job."""
    config, vocabulary = loaded.model.config, loaded.vocabulary
    facts = {
        "kind": config.kind,
        "family": config.family,
        "parameters": sum(parameter.numel() for parameter in loaded.model.parameters()),
        "context": config.context,
        "vocabulary": config.vocab_size,
        "labels": list(config.labels),
        "problem_type": config.problem_type,
        "tasks": _tasks(loaded),
        "gap": _gap(loaded),
        "answers": loaded.answering is not None,
        "chat": is_chat(vocabulary),
    }
    for job in jobs:
        job.emit(facts)
        job.finish()


def _tasks(loaded: LoadedModel) -> list[str]:
    """In the order in which a page shows them."""
    match loaded.model.config.kind:
        case "causal-lm":
            own = ["chat"] if is_chat(loaded.vocabulary) else []
            return [*own, "generate", "choose", "neighbours"]
        case "masked-lm":
            return ["fill", "choose", "neighbours"]
        case "text-to-text":
            gaps = ["fill"] if _gap(loaded) else []
            order = ["generate", *gaps] if loaded.answering else [*gaps, "generate"]
            return [*order, "neighbours"]
        case "sequence-classifier":
            return ["classify", "neighbours"]
        case "token-classifier" | "character-classifier":
            return ["tag", "neighbours"]
        case "span-extractor":
            return ["answer", "neighbours"]
    return ["neighbours"]


def _gap(loaded: LoadedModel) -> str | None:
    """How a gap is written; None where the model fills none."""
    vocabulary = loaded.vocabulary
    if loaded.model.config.kind == "masked-lm" and vocabulary.mask is not None:
        return vocabulary.token(vocabulary.mask)
    if loaded.model.config.kind == "text-to-text":
        names = [name.format(0) for name in SENTINELS]
        return next((name for name in names if vocabulary.tokenizer.token_to_id(name) is not None), None)
    return None


def origin(models: Models, name: str) -> dict[str, Any]:
    """What the files beside a model say: the sources it has learned from, and pages about it."""
    report = models.project / REPORT
    pages = {"report": report / "report.html", "card": report / "cards" / f"{name}.md"}
    links = {key: path.relative_to(report) for key, path in pages.items() if path.is_file()}
    return {
        "sources": sources_of(models.folder(name)),
        "links": {key: f"/report/{path.as_posix()}" for key, path in links.items()},
    }


def ancestry_of(folder: Path) -> dict[str, Any]:
    """ancestry.json; {} where there is none."""
    try:
        return read_settings(folder / ANCESTRY) if (folder / ANCESTRY).is_file() else {}
    except UserError:
        return {}


def sources_of(folder: Path) -> list[str]:
    """The sources whose training documents a model saw last."""
    ancestry = ancestry_of(folder)
    tuned = ancestry.get("finetune")
    found = tuned.get("source") if isinstance(tuned, Mapping) else ancestry.get("sources")
    named = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return [name for name in named if isinstance(name, str)]
