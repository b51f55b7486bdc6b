"""The whole of params.yaml as typed, validated settings. A wrong one costs one clear line before any work."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError, model_validator

from tokenmill.core.errors import UserError
from tokenmill.core.mistakes import explain, quote
from tokenmill.core.settings import Name, Settings
from tokenmill.data.clean.settings import CleanSettings
from tokenmill.data.ingest.settings import Source
from tokenmill.data.measure.settings import MeasureSettings
from tokenmill.evaluation.settings import EvaluateSettings
from tokenmill.jobs.runtime import RuntimeSettings
from tokenmill.pretraining.settings import PretrainSettings
from tokenmill.registry.settings import RegisteredModel
from tokenmill.tasks.settings import FinetuneSettings
from tokenmill.tokenization.settings import TokenizeSettings

MODELS = "data/models/"
"""Where the models of the pipeline stand."""

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

    @model_validator(mode="after")
    def _names_exist(self) -> "Params":
        for tokenizer, entry in self.tokenize.items():
            for name in entry.sources:
                _known(f"tokenize.{tokenizer}.sources", name, self.sources, "sources")
        return self


def _known(where: str, name: str, names: Mapping[str, Any], group: str) -> None:
    if name not in names:
        raise UserError(
            f"params.yaml: {where} names {name!r}, which does not stand under {group}; "
            f"use one of {', '.join(sorted(names))}"
        )


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
    # DVC reads params.yaml as YAML 1.2, where 1e-4 is a number; PyYAML would make it a string.
    from ruamel.yaml import YAML, YAMLError

    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: not found; run this from the project's folder") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; it must be a file that can be read") from None
    try:
        content = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{path}:{where} {problem}; mend the YAML") from None
    return check_params(content, path)


def check_params(content: Any, path: Path = Path("params.yaml")) -> Params:
    """The settings in what YAML made of a file; ``path`` is for the message.

    Raises:
        UserError: a setting is unknown, missing or wrong; it is named.
    """
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: must be a mapping of settings, got {quote(content)}")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        # A misspelt key is both unknown and missing: the unknown one, with its hint, is the one to show.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        raise UserError(f"{path.name}: {explain(first, Params)}") from None
