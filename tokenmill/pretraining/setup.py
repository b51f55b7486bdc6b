"""What a run's settings come to: the model's configuration, its objective, its steps, its first weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from tokenmill.core.errors import UserError
from tokenmill.model.config import ModelConfig
from tokenmill.model.families import family_config
from tokenmill.model.folder import ANCESTRY, load_model
from tokenmill.model.heads import LanguageModel, build_model, start_from
from tokenmill.model.tensors import read_settings
from tokenmill.objectives.objective import Objective, new_objective
from tokenmill.objectives.table import OBJECTIVES
from tokenmill.pretraining.bigrams import COUNTED, begin_with_bigrams
from tokenmill.pretraining.budget import Budget, new_budget
from tokenmill.pretraining.settings import BIGRAMS, PretrainSettings
from tokenmill.text.shards import TokenSplit, read_manifest, split_totals
from tokenmill.text.special import SpecialTokens
from tokenmill.text.tokenizer import fingerprint, open_tokenizer
from tokenmill.training.runtime import Runtime


@dataclass(frozen=True)
class Setup:
    """A run of pretraining before it begins."""

    settings: PretrainSettings
    config: ModelConfig
    objective: Objective
    budget: Budget
    tokenizer: str
    """Fingerprint."""
    sources: Sequence[str]
    """Names of the sources that it reads."""
    data: dict[str, Any]
    """What the tokens of these sources come from: for ancestry.json."""
    training_tokens: int
    validation_tokens: int
    base: LanguageModel | None
    """The model that it goes on from."""
    parent: dict[str, Any] | None
    """The ancestry of that."""

    def rows_at_once(self, runtime: Runtime) -> int:
        """Rows that one process computes at a time."""
        own = -(-self.budget.batch_rows // runtime.processes)
        return min(own, runtime.micro_batch or own)

    def new_model(self, train: TokenSplit) -> LanguageModel:
        """The model with its first weights: the seed's, with the bigrams of ``train``, or another model's."""
        torch.manual_seed(self.settings.seed)
        model = build_model(self.config)
        assert isinstance(model, LanguageModel)
        if self.base is not None:
            start_from(model, self.base)
        elif self.settings.init_from == BIGRAMS:
            begin_with_bigrams(model, train.excerpt(COUNTED), self.settings.seed)
        return model


def set_up(name: str, settings: PretrainSettings, tokens: Path, *, project: Path = Path()) -> Setup:
    """The run of ``pretrain.NAME`` on the shards in ``tokens``.

    Args:
        name: of the entry.
        settings: the entry.
        tokens: the folder of its tokenizer's shards.
        project: what a model folder in ``init_from`` is relative to.

    Raises:
        UserError: the settings do not fit together, or not with the tokenizer, or not with the model in
            ``init_from``.
    """
    manifest, tokenizer, found = read_manifest(tokens), open_tokenizer(tokens), fingerprint(tokens)
    vocab_size = manifest["vocab_size"]
    if tokenizer.get_vocab_size() > vocab_size:
        raise UserError(
            f"{tokens}: the tokenizer has {tokenizer.get_vocab_size()} tokens, the manifest says "
            f"{vocab_size}; make the shards anew with `dvc repro -f tokenize`"
        )
    base: LanguageModel | None = None
    if settings.fresh:
        assert settings.family is not None
        config = family_config(settings.family, vocab_size=vocab_size, **settings.shape)
    else:
        base = _base_model(name, settings, project / settings.init_from, found)
        # No objective trains a pooler.
        config = replace(base.config, context=settings.context or base.config.context, pooler=False)
    ancestry = project / settings.init_from / ANCESTRY
    special = SpecialTokens.from_json(manifest["special"])
    objective = new_objective(settings.model_dump(), tokenizer, special)
    train, validation = (
        split_totals(manifest, split, settings.sources)["tokens"] for split in ("train", "validation")
    )
    budget = new_budget(
        settings.budget(train),
        row_tokens=objective.tokens_used(config.context),
        batch_rows=settings.batch_rows,
        learning_rate=settings.learning_rate,
    )
    sources = settings.sources or list(manifest["sources"])
    raw = {source: manifest["ancestry"]["raw"][source] for source in sources}
    return Setup(
        settings,
        config,
        objective,
        budget,
        tokenizer=found,
        sources=sources,
        data={**manifest["ancestry"], "raw": raw},
        training_tokens=train,
        validation_tokens=validation,
        base=base,
        parent=read_settings(ancestry) if base is not None and ancestry.exists() else None,
    )


def _base_model(name: str, settings: PretrainSettings, folder: Path, tokenizer: str) -> LanguageModel:
    """The model to go on from, if it fits the entry."""
    where = f"params.yaml: pretrain.{name}"
    model, _ = load_model(folder)
    config, kind = model.config, OBJECTIVES[settings.objective]
    if fingerprint(folder) != tokenizer:
        raise UserError(
            f"{where}.tokenizer is {settings.tokenizer}, but the model in init_from has another tokenizer; "
            "name the one that it was trained with, or an entry of tokenize with "
            f"`from_pretrained: {settings.init_from}`"
        )
    if config.kind != kind:
        raise UserError(
            f"{where}.objective {settings.objective} trains a {kind} model, but {settings.init_from} is a "
            f"{config.kind} model; use an objective for that kind, or another model in init_from"
        )
    if (settings.context or 0) > config.context:
        raise UserError(
            f"{where}.context is {settings.context}, but that of {settings.init_from} is {config.context}; "
            "lower or remove it"
        )
    if settings.packing == "isolated" and config.cell != "attention":
        raise UserError(
            f"{where}.packing cannot be isolated: the state of {config.family} runs through the row"
        )
    assert isinstance(model, LanguageModel)
    return model
