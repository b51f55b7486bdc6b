"""The whole of params.yaml as typed settings that fit together; what is wrong costs one line."""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, TypeVar

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json
from tokenmill.core.settings import Name, Settings
from tokenmill.data.clean.settings import CleanSettings
from tokenmill.data.ingest.settings import Column, HuggingFaceSource, Source
from tokenmill.data.measure.settings import MeasureSettings
from tokenmill.evaluation.settings import FIGURES, EvaluateSettings
from tokenmill.jobs.mistakes import explain, quote
from tokenmill.jobs.runtime import RuntimeSettings
from tokenmill.objectives.table import OBJECTIVES
from tokenmill.pretraining.settings import FRESH, PretrainSettings
from tokenmill.registry.settings import RegisteredModel
from tokenmill.tasks.settings import FinetuneSettings
from tokenmill.tasks.table import TASKS, Needs
from tokenmill.tokenization.settings import TokenizeSettings

MODELS = "data/models/"
"""Where the models of the pipeline stand."""
WITHOUT: dict[Needs, tuple[str, ...]] = {
    "labels": ("txt", "tagged", "catalog", "po", "conversations"),
    "tags": ("txt", "catalog", "po", "conversations"),
}
"""What a task needs of its source, and the formats that have no place for it."""
COLUMNS: dict[Needs, Column] = {"labels": "label", "tags": "target"}
"""Where tables have it."""
REMEDIES: dict[Needs, str] = {
    "labels": "name the column of its labels under `columns`, or give it `labels`",
    "tags": "give it `format: tagged`, or name its column of tagged text as `target` under `columns`",
}

Entry = TypeVar("Entry")


class Params(Settings):
    """params.yaml."""

    sources: dict[Name, Source] = Field(min_length=1)
    measure: MeasureSettings
    clean: CleanSettings
    tokenize: dict[Name, TokenizeSettings]
    pretrain: dict[Name, PretrainSettings]
    finetune: dict[Name, FinetuneSettings]
    evaluate: dict[Name, EvaluateSettings]
    register_: dict[Name, RegisteredModel] = Field(alias="register")
    runtime: RuntimeSettings = RuntimeSettings()

    @property
    def trained(self) -> dict[str, dict[str, Any]]:
        """``{group: {name: settings}}`` of what is tokenized, pretrained, fine-tuned and evaluated."""
        groups = ("tokenize", "pretrain", "finetune", "evaluate")
        return {group: {name: e.model_dump() for name, e in getattr(self, group).items()} for group in groups}

    @property
    def models(self) -> dict[str, PretrainSettings | FinetuneSettings]:
        """What is trained, by the name of its folder in data/models."""
        return {**self.pretrain, **self.finetune}


def chosen(group: str, entries: Mapping[str, Entry]) -> tuple[str, Entry]:
    """The entry of a group that the command line names: ``python -m stages.GROUP NAME``.

    Raises:
        UserError: it names none, or one that is not there.
    """
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in entries:
        there = ", ".join(sorted(entries)) or "there is none in params.yaml"
        raise UserError(f"python -m stages.{group} NAME: give an entry of {group} ({there})")
    return name, entries[name]


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.yaml.

    Raises:
        UserError: the file is missing or no YAML, or a setting is unknown, missing or wrong; it is named.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: not found; run this from the project's folder") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; it must be a file that can be read") from None
    try:
        # DVC reads params.yaml as YAML 1.2, where 1e-4 is a number; PyYAML would make it a string.
        content = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        where, problem = "", str(error).splitlines()[0]
        if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
            mark, problem = error.problem_mark, error.problem
            where = f" line {mark.line + 1}, column {mark.column + 1}"
        raise UserError(f"{path}:{where} {problem}; mend the YAML") from None
    return check_params(content, path)


def check_params(content: Any, path: Path = Path("params.yaml")) -> Params:
    """The settings in what YAML made of the file ``path``, in whose folder other paths are looked up.

    Raises:
        UserError: a setting is unknown, missing or wrong, or does not fit the others; it is named.
    """
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: must be a mapping of settings, got {quote(content)}")
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        # A misspelt key is both unknown and missing: the unknown one, with its hint, is the one to show.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        raise UserError(f"{path.name}: {explain(first, Params)}") from None
    for mistake in mistakes(params, path.parent):
        raise UserError(f"{path.name}: {mistake}")
    return params


def mistakes(params: Params, project: Path) -> Iterator[str]:
    """What does not fit together in settings each of which is right by itself: one line for each.

    Folders of models that others made are looked up below ``project``.
    """
    texts = {name: source for name, source in params.sources.items() if source.role == "text"}
    if params.clean.selection is not None:
        for role in ("good", "bad"):
            if not any(source.role == role for source in params.sources.values()):
                yield f"clean.selection learns from samples: give a source `role: {role}`, or set it to null"
    for name, tokenizer in params.tokenize.items():
        yield from _sources(f"tokenize.{name}.sources", tokenizer.sources, texts, params)
    for name in params.pretrain.keys() & params.finetune.keys():
        yield f"finetune.{name} and pretrain.{name} would both write {MODELS}{name}; rename one"
    for name, pretrain in params.pretrain.items():
        yield from _known(f"pretrain.{name}.tokenizer", pretrain.tokenizer, params.tokenize, "tokenize")
        if pretrain.sources and pretrain.tokenizer in params.tokenize:
            shards = params.tokenize[pretrain.tokenizer].sources
            for source in pretrain.sources:
                group = f"tokenize.{pretrain.tokenizer}.sources"
                yield from _known(f"pretrain.{name}.sources", source, shards, group)
        if not pretrain.fresh:
            yield from _model(f"pretrain.{name}.init_from", pretrain.init_from, params, project, FRESH)
    for name, finetune in params.finetune.items():
        yield from _model(f"finetune.{name}.init_from", finetune.init_from, params, project)
        yield from _sources(f"finetune.{name}.source", [finetune.source], texts, params)
        needs = TASKS[finetune.task].needs
        if finetune.source in texts and not may_have(needs, texts[finetune.source]):
            place = f"sources.{finetune.source}"
            yield f"finetune.{name}.source: {place} has no {needs}; {REMEDIES[needs]}, or name another source"
    yield from _circles(params)
    for name, evaluate in params.evaluate.items():
        yield from _sources(f"evaluate.{name}.sources", evaluate.sources or [], texts, params)
        if name not in params.models and not (project / MODELS / name / "config.json").is_file():
            place = f"evaluate.{name}: there is no such model"
            yield f"{place}; add it to pretrain or finetune, or put its folder at {MODELS}{name}"
    for name, registered in params.register_.items():
        yield from _known(f"register.{name}", name, params.evaluate, "evaluate")
        figures = FIGURES.get(_kind(name, params, project))
        if figures and registered.metric.partition(".")[0] not in figures:
            yield (
                f"register.{name}.metric: the evaluation of {name} writes no {quote(registered.metric)}; "
                f"use one of {', '.join(figures)}"
            )


def _known(where: str, name: str, names: Collection[str], group: str) -> Iterator[str]:
    if name not in names:
        there = f"use one of {', '.join(sorted(names))}" if names else "nothing stands there"
        yield f"{where} names {quote(name)}, which does not stand under {group}; {there}"


def _sources(where: str, names: Iterable[str], texts: Mapping[str, Any], params: Params) -> Iterator[str]:
    """Sources must be there, and must be text to learn from."""
    for name in names:
        if name in params.sources and name not in texts:
            role = params.sources[name].role
            yield f"{where} names {quote(name)}, whose role is {role}: no text to learn from; remove it"
        else:
            yield from _known(where, name, texts, "sources")


def _model(
    where: str, init_from: str, params: Params, project: Path, others: Iterable[str] = ()
) -> Iterator[str]:
    """A model to start from is one that we train, or a folder that is there."""
    if _entry(init_from) not in params.models and not (project / init_from / "config.json").is_file():
        choices = ", ".join([*others, *(f"{MODELS}{name}" for name in sorted(params.models))])
        yield (
            f"{where}: no entry of pretrain or finetune makes {init_from}, and no config.json stands there; "
            f"use one of {choices}, or put a downloaded model at that place"
        )


def _entry(path: str) -> str | None:
    """The name in ``data/models/NAME``; None for another path."""
    return path.removeprefix(MODELS) if path.startswith(MODELS) else None


def _circles(params: Params) -> Iterator[str]:
    """No model may start from itself, by whatever way."""
    for name in params.models:
        way = [name]
        while (before := _entry(params.models[way[-1]].init_from)) in params.models and before not in way:
            way.append(str(before))
        if before == name == min(way):  # once for each circle
            place = f"{'pretrain' if name in params.pretrain else 'finetune'}.{name}.init_from"
            yield f"{place}: {' <- '.join([*way, name])} is a circle; begin one of them anew"


def may_have(needs: Needs, source: Any) -> bool:
    """Whether documents of a source can have what a task needs, as far as its settings tell."""
    mapped = COLUMNS[needs] in source.columns
    if isinstance(source, HuggingFaceSource):
        return mapped
    if (needs == "labels" and source.labels) or (needs == "tags" and source.format == "tagged"):
        return True
    formats = [source.format]
    if source.format == "auto":
        names = [PurePath(path.removesuffix(".gz").removesuffix(".zst")) for path in source.paths]
        formats = [name.suffix.removeprefix(".") for name in names]
    return mapped and any(format_ not in WITHOUT[needs] for format_ in formats)


def _kind(name: str, params: Params, project: Path) -> Any:
    """The kind of a model by its objective, its task, or its folder; None if nothing says it."""
    if name in params.pretrain:
        return OBJECTIVES[params.pretrain[name].objective]
    if name in params.finetune:
        return TASKS[params.finetune[name].task].kind
    config = project / MODELS / name / "config.json"
    return read_json(config, "copy the model anew").get("kind") if config.is_file() else None
