"""The whole of params.yaml as typed settings that fit together; what is wrong costs one line."""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, get_args

from pydantic import Field, ValidationError

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json
from tokenmill.core.settings import Name, Settings
from tokenmill.data.clean.settings import CleanSettings
from tokenmill.data.ingest.names import FORMATS, suffix
from tokenmill.data.ingest.settings import Column, FileSettings, Format, Source, TableFormat
from tokenmill.data.measure.settings import MeasureSettings
from tokenmill.evaluation.settings import FIGURES, EvaluateSettings, measured_as
from tokenmill.jobs.mistakes import explain, quote
from tokenmill.jobs.runtime import RuntimeSettings
from tokenmill.jobs.settings_file import read_yaml
from tokenmill.objectives.table import OBJECTIVES
from tokenmill.pretraining.settings import FRESH, PretrainSettings
from tokenmill.registry.settings import RegisteredModel
from tokenmill.tasks.settings import FinetuneSettings, TaskSettings
from tokenmill.tasks.table import TASKS, Needs
from tokenmill.tokenization.settings import TokenizeSettings

MODELS = "data/models/"
"""Where the models of the pipeline stand."""


class Place(NamedTuple):
    """Where the documents of a source have what a task needs."""

    remedy: str
    formats: tuple[Format, ...] = ()
    """Those that have it by themselves."""
    column: Column | None = None
    """Ours, by which tables have it."""


PLACES: dict[Needs, Place] = {
    "labels": Place("name the column of its labels under `columns`, or give it `labels`", column="label"),
    "tags": Place(
        "give it `format: tagged`, or name its column of tagged text as `target` under `columns`",
        ("tagged",),
        "target",
    ),
    "entities": Place(
        "give it `format: entities`, conll or tagged", ("entities", "conll", "tagged"), "spans"
    ),
    "questions": Place("give it `format: squad` or cloze", ("squad", "cloze"), "spans"),
    "turns": Place("give it `format: messages`", ("messages",), "spans"),
    "preferences": Place("give it `format: preferences`", ("preferences",), "spans"),
    "targets": Place(
        "name the column of its targets as `target` under `columns`",
        ("articles", "catalog", "po", "mo", "tmx", "parallel", "conversations"),
        "target",
    ),
}
"""Of each need. docs/formats.md describes the formats."""
CHOOSING = ("causal-lm", "masked-lm")
"""Kinds of models that choose among candidates."""
ASKED: dict[str, Needs] = {"homophones": "tags", "prompted": "labels", "classes": "labels"}
"""What kinds of choices and embeddings need of their source."""

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
    def models(self) -> dict[str, PretrainSettings | TaskSettings]:
        """What is trained, by the name of its folder in data/models."""
        return {**self.pretrain, **self.finetune}

    def behind(self, name: str) -> dict[str, Any]:
        """All settings that a trained model comes from, by their groups and without names of entries.

        So they are columns by which MLflow compares models. Of several entries of a group the nearest counts.
        """
        found: dict[str, Any] = {"measure": self.measure, "clean": self.clean}
        way: str | None = name
        while way in self.models:
            entry = self.models[way]
            if isinstance(entry, PretrainSettings):
                found.setdefault("tokenize", self.tokenize[entry.tokenizer])
                found.setdefault("pretrain", entry)
            else:
                found.setdefault("finetune", entry)
            way = _entry(entry.init_from)
        return found


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
    if not path.exists():
        raise UserError(f"{path}: not found; run this from the project's folder")
    return check_params(read_yaml(path), path)


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
        yield from _sources(f"finetune.{name}.source", finetune.sources, texts, params)
        needs = TASKS[finetune.task].needs
        for source in finetune.sources:
            if source in texts and not may_have(needs, texts[source]):
                yield (
                    f"finetune.{name}.source: sources.{source} has no {needs}; {PLACES[needs].remedy}, "
                    "or name another source"
                )
    yield from _circles(params)
    yield from _sizes(params)
    for name, evaluate in params.evaluate.items():
        yield from _sources(f"evaluate.{name}.sources", evaluate.sources or [], texts, params)
        yield from _asked(name, evaluate, texts, params, project)
        if name not in params.models and not _holds_model(project / MODELS / name):
            place = f"evaluate.{name}: there is no such model"
            yield f"{place}; add it to pretrain or finetune, or put its folder at {MODELS}{name}"
    for name, registered in params.register_.items():
        yield from _known(f"register.{name}", name, params.evaluate, "evaluate")
        task = params.finetune[name].task if name in params.finetune else None
        problem = _problem(name, params, project)
        figures = FIGURES.get(measured_as(str(_kind(name, params, project)), task, problem))
        if figures and registered.metric.partition(".")[0] not in figures:
            yield (
                f"register.{name}.metric: the evaluation of {name} writes no {quote(registered.metric)}; "
                f"use one of {', '.join(figures)}"
            )


def _asked(
    name: str, evaluate: EvaluateSettings, texts: Mapping[str, Any], params: Params, project: Path
) -> Iterator[str]:
    """Choices are for language models, and their sources must have what is asked about."""
    kind = _kind(name, params, project)
    if evaluate.choices and kind is not None and kind not in CHOOSING:
        yield f"evaluate.{name}.choices: {name} is a {kind}; only a {' or a '.join(CHOOSING)} chooses"
    for group in ("code", "privacy"):
        if getattr(evaluate, group) is not None and kind not in ("causal-lm", None):
            yield f"evaluate.{name}.{group}: {name} is a {kind}, and this is for a causal-lm; remove it"
    for group in ("choices", "embeddings"):
        for entry, settings in getattr(evaluate, group).items():
            where, needs = f"evaluate.{name}.{group}.{entry}.source", ASKED.get(settings.kind)
            source = getattr(settings, "source", None)
            if source is None:
                continue
            yield from _sources(where, [source], texts, params)
            if needs and source in texts and not may_have(needs, texts[source]):
                place = f"sources.{source}"
                yield f"{where}: {place} has no {needs}; {PLACES[needs].remedy}, or name another source"


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
    if _entry(init_from) not in params.models and not _holds_model(project / init_from):
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


def _sizes(params: Params) -> Iterator[str]:
    """What is asked of a model that is not trained yet must fit its shape, as far as params.yaml tells it."""
    for group in ("pretrain", "finetune"):
        for name, entry in getattr(params, group).items():
            base, setting = _entry(entry.init_from), "context" if group == "pretrain" else "max_tokens"
            wanted, most = getattr(entry, setting), _shape_of(base, "context", params)
            if wanted and most and wanted > most:
                place = f"{group}.{name}.{setting}"
                yield f"{place} is {wanted}, but the context of {entry.init_from} is {most}; lower it"
    for name, finetune in params.finetune.items():
        base = _entry(finetune.init_from)
        kind, fitting = _kind(base, params, Path()) if base else None, TASKS[finetune.task].starts_from
        answers, most = getattr(finetune, "max_target_tokens", None), _shape_of(base, "context", params)
        both = finetune.max_tokens if kind == "causal-lm" else 0
        if answers and most and both + answers > most:
            place = f"finetune.{name}.max_target_tokens"
            yield (
                f"{place} is {answers}{f' and max_tokens {both}' if both else ''}, but the context of "
                f"{finetune.init_from} is {most}; lower {'one' if both else 'it'}"
            )
        if base in params.models and kind not in fitting:
            yield (
                f"finetune.{name}.init_from: {finetune.task} cannot begin with {base}, a {kind} model; "
                f"name one of the kinds {', '.join(fitting)}"
            )
        width = _shape_of(base, "width", params)
        if finetune.lora is not None and width and finetune.lora.rank > width:
            place = f"finetune.{name}.lora.rank"
            yield f"{place} is {finetune.lora.rank}, but the width of {base} is {width}; lower it"
    for name, evaluate in params.evaluate.items():
        context = _shape_of(name, "context", params)
        if evaluate.prompts and context and evaluate.max_new_tokens >= context and name in params.pretrain:
            yield (
                f"evaluate.{name}.max_new_tokens is {evaluate.max_new_tokens}, but the context of {name} is "
                f"{context}; lower it"
            )
        for group in ("code", "privacy"):
            asked = getattr(evaluate, group)
            if asked is not None and context and (problem := asked.problem(context)):
                yield f"evaluate.{name}.{group}.{problem}, but the context of {name} is {context}; lower it"


def _shape_of(name: str | None, what: Literal["context", "width"], params: Params) -> int | None:
    """The context or the width of a model that an entry makes; None where its start alone knows it."""
    while name in params.models:
        entry = params.models[name]
        own = "max_tokens" if what == "context" and isinstance(entry, TaskSettings) else what
        if size := getattr(entry, own, None):
            return int(size)
        name = _entry(entry.init_from)
    return None


def _holds_model(folder: Path) -> bool:
    try:
        return (folder / "config.json").is_file()
    except OSError:  # such as a name that is too long
        return False


def may_have(needs: Needs, source: Any) -> bool:
    """Whether documents of a source can have what a task needs, as far as its settings tell."""
    place, formats = PLACES[needs], {source.format}
    if isinstance(source, FileSettings):
        if needs == "labels" and source.labels:
            return True
        if source.format == "auto":
            formats = {FORMATS.get(suffix(path)) for path in source.paths}
    in_tables = place.column in source.columns and not formats.isdisjoint(("table", *get_args(TableFormat)))
    return in_tables or not formats.isdisjoint(place.formats)


def _kind(name: str, params: Params, project: Path) -> Any:
    """The kind of a model by its objective, its task, or its folder; None if nothing says it."""
    if name in params.pretrain:
        return OBJECTIVES[params.pretrain[name].objective]
    if name in params.finetune:
        entry = params.finetune[name]
        base = _entry(entry.init_from)
        return TASKS[entry.task].kind or (_kind(base, params, project) if base else None)
    return _config(name, project).get("kind")


def _problem(name: str, params: Params, project: Path) -> Any:
    """The problem of a classifier of texts by its settings or its folder; None if nothing says it."""
    if name in params.models:
        return getattr(params.models[name], "problem", None)
    return _config(name, project).get("problem_type")


def _config(name: str, project: Path) -> dict[str, Any]:
    """What the folder of a model says of kind and problem; {} where there is none."""
    if not _holds_model(project / MODELS / name):
        return {}
    config = read_json(project / MODELS / name / "config.json", "copy the model anew")
    ours = config.get("tokenmill")
    said = {**config, **(ours if isinstance(ours, dict) else {})}
    return {key: said[key] for key in ("kind", "problem_type") if isinstance(said.get(key), str)}
