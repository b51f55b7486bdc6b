"""The whole of params.yaml as typed, validated settings. A wrong one costs one clear line before any work."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


class Params(Settings):
    """params.yaml."""

    sources: dict[Name, Source] = Field(min_length=1)
    measure: MeasureSettings
    clean: CleanSettings
    tokenize: TokenizeSettings
    pretrain: dict[Name, PretrainSettings]
    finetune: dict[Name, FinetuneSettings]
    evaluate: EvaluateSettings
    register_: dict[Name, RegisteredModel] = Field(alias="register")
    runtime: RuntimeSettings = RuntimeSettings()

    @model_validator(mode="after")
    def _names_exist(self) -> "Params":
        for name in self.tokenize.sources:
            _known("tokenize.sources", name, self.sources, "sources")
        for task, settings in self.finetune.items():
            _known(f"finetune.{task}.source", settings.source, self.sources, "sources")
            start = settings.init_from
            if start.startswith(MODELS):
                _known(f"finetune.{task}.init_from", start.removeprefix(MODELS), self.pretrain, "pretrain")
        for model in self.register_:
            _known("register", model, {**self.pretrain, **self.finetune}, "pretrain and finetune")
        return self


def _known(where: str, name: str, names: Mapping[str, Any], group: str) -> None:
    if name not in names:
        raise UserError(
            f"params.yaml: {where} names {name!r}, which does not stand under {group}; "
            f"use one of {', '.join(sorted(names))}"
        )


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
