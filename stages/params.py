"""The whole of params.yaml as typed, validated settings. A wrong one costs one clear line before any work."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from lm.errors import UserError
from lm.names import KIND_OF, Decoder, Encoder, Family, MaskUnits, ObjectiveName, ScheduleName, TextToText
from stages.data_settings import CleanSettings, MeasureSettings
from stages.mistakes import explain, quote
from stages.settings import Count, Name, Positive, Settings, Share

MODELS = "data/models/"
"""Where the models of the pipeline stand."""

Format = Literal["auto", "txt", "jsonl", "csv", "tsv", "parquet", "tagged", "catalog", "po", "conversations"]
Column = Literal["id", "source", "text", "label", "target", "language"]


Kept = Literal["last", "best"]
"""The weights after the last step, or those with the lowest validation loss on the way (early stopping)."""


class SourceSettings(Settings):
    """What every kind of source has."""

    license: str | None = None
    """SPDX name; a package's own metadata is used when this is empty."""
    language: str | None = None
    """ISO 639-1 code written into every document of the source."""
    columns: dict[Column, str] = Field(default={})
    """Our column -> the file's column. What is not named keeps its own name."""
    max_bad_share: Share = 0.01
    """More unreadable lines than this share of a source fail the stage."""


class PackageSource(SourceSettings):
    """Files of an installed distribution, found through its metadata; nothing of it is imported."""

    kind: Literal["package"]
    package: str
    paths: list[str] = Field(min_length=1)
    """Globs over the distribution's file list."""
    format: Format = "auto"
    labels: dict[str, str] = Field(default={})
    """File name -> label of every document in it."""


class FilesSource(SourceSettings):
    """The user's own files below data/sources, the folder that DVC watches."""

    kind: Literal["files"]
    paths: list[str] = Field(min_length=1)
    format: Format = "auto"
    labels: dict[str, str] = Field(default={})


class HuggingFaceSource(SourceSettings):
    """A dataset that the ``datasets`` library can load: saved on disk below data/sources, or on a hub."""

    kind: Literal["huggingface"]
    dataset: str
    subset: str | None = None
    split: str = "train"
    revision: str | None = None


Source = Annotated[PackageSource | FilesSource | HuggingFaceSource, Field(discriminator="kind")]


class TokenizeSettings(Settings):
    """The tokenizer, and which sources become shards."""

    sources: list[Name] = Field(min_length=1)
    algorithm: Literal["bpe", "wordpiece", "unigram"]
    vocab_size: Annotated[int, Field(ge=320, le=1_000_000)]
    max_han_run: Count
    """Runs of Han characters are cut at this length before training, or every clause would be one word."""


class PretrainSettings(Settings):
    """One pretrained model."""

    family: Family
    layers: Count
    """Of the encoder and, in a text-to-text model, as many of the decoder."""
    width: Count
    heads: Count
    context: Annotated[int, Field(ge=8)]
    objective: ObjectiveName
    mask_share: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of tokens that is hidden (masked, span-corruption)."""
    mask_units: MaskUnits = "tokens"
    """What is hidden together (masked)."""
    mean_span: Annotated[float, Field(ge=1)] = 3.0
    """Mean length of a hidden span in tokens (span-corruption)."""
    start: Literal["random", "bigrams"] = "random"
    """Weights to begin with: drawn from the seed, or such that the model is the bigram model of its training
    text (lm/training/bigrams.py), with an output layer of its own. For budgets below a million tokens."""
    tokens: Count | None = None
    """Training budget in tokens of the stream; or ``epochs``."""
    epochs: Positive | None = None
    """Training budget in passes over the training tokens; or ``tokens``."""
    batch_rows: Count | None = None
    """Rows of ``context`` tokens in one optimizer step. Null: by the formula of lm/training/budget.py."""
    learning_rate: Positive | None = None
    """Of the matrices (Muon); embeddings and vectors follow from it. Null: what suits the batch."""
    schedule: ScheduleName = "linear"
    """How the learning rate falls after its warm-up."""
    keep: Kept = "last"
    """Which weights are published."""
    packing: Literal["stream", "documents", "apart"] = "stream"
    """Rows are cut from the stream of documents, or packed from whole documents, of which some are cut off
    at the row's end (``packing_waste`` in the metrics); ``apart``: and which do not see each other."""
    seed: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _possible(self) -> "PretrainSettings":
        families = {"causal-lm": Decoder, "masked-lm": Encoder, "text-to-text": TextToText}
        fitting = get_args(families[KIND_OF[self.objective]])
        if self.family not in fitting:
            raise ValueError(
                f"family must be one of {', '.join(fitting)} for the objective {self.objective}, "
                f"got {self.family}"
            )
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width must be a multiple of 2 x heads (rotary positions pair up dimensions), "
                f"got width {self.width} and heads {self.heads}"
            )
        if self.objective == "masked" and self.mask_units == "spans" and self.mask_share > 0.5:
            raise ValueError(f"mask_share must be at most 0.5 for spans, got {self.mask_share}")
        if self.packing == "apart" and self.objective not in ("causal", "masked"):
            raise ValueError(f"packing can be apart for causal and masked only, not for {self.objective}")
        if self.packing == "apart" and self.family in ("rnn", "lstm"):
            raise ValueError(f"packing cannot be apart for {self.family}, whose state runs through the row")
        if self.start == "bigrams" and self.family != "small-gpt":
            raise ValueError(f"start can be bigrams for family small-gpt only, got {self.family}")
        if (self.tokens is None) == (self.epochs is None):
            got = "neither" if self.tokens is None else "both"
            raise ValueError(f"give either tokens or epochs as the budget of training, got {got}")
        return self

    def budget(self, training_tokens: int) -> int:
        """Tokens to train on, of a stream of ``training_tokens``."""
        return self.tokens or round((self.epochs or 0) * training_tokens)

    @property
    def shape(self) -> dict[str, Any]:
        """What sets this model apart from others of its family, as families take it."""
        size = {name: getattr(self, name) for name in ("layers", "width", "heads", "context")}
        # Embeddings that have a length already need no norm.
        return {**size, "tied": False, "embedding_norm": "none"} if self.start == "bigrams" else size


class LoraSettings(Settings):
    """Low-rank adaptation (Hu et al. 2021): small matrices are trained beside frozen layers."""

    layers: list[str] = Field(min_length=1)
    """Patterns of the names of linear layers, such as ``*.attention.*``."""
    rank: Count
    alpha: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class FinetuneSettings(Settings):
    """One task on labelled documents."""

    source: Name
    init_from: str
    """Folder of the model to start from: data/models/NAME of a key of ``pretrain``, or one of the user's own
    below data/sources, ours or in the layout of Hugging Face."""
    epochs: Count
    batch_size: Count
    max_tokens: Annotated[int, Field(ge=8)]
    learning_rate: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)]
    lora: LoraSettings | None = None
    pooling: Literal["mean", "first", "last"] | None = None
    """Which position stands for a text; null: what suits the family, a decoder's last. With ``mean`` a
    decoder's positions see the whole text, not only what precedes them (BehnamGhader et al. 2024)."""
    ngrams: Annotated[int, Field(ge=0, le=5)] = 0
    """Longest run of characters whose weights are learned beside the encoder; 0: none. ``transformers`` has
    no class for such a model."""
    freeze: list[str] = Field(default=[])
    """Patterns of the names of parts that stay as they are, such as ``trunk.embeddings``."""
    keep: Kept = "last"
    """Which weights are published."""
    seed: Annotated[int, Field(ge=0)]


class EvaluateSettings(Settings):
    """What stands beside the models in the report."""

    ngram_order: Annotated[int, Field(ge=1, le=8)]
    prompts: list[str] = Field(min_length=1)
    max_new_tokens: Count
    temperature: Positive
    seed: Annotated[int, Field(ge=0)]


class RegisteredModel(Settings):
    """A name in the registry and the figure that decides who is champion."""

    name: Name
    metric: str
    better: Literal["higher", "lower"]


class RuntimeSettings(Settings):
    """How things are computed. No stage depends on these; they do not change what comes out."""

    threads: Annotated[int, Field(ge=0)] = 0
    """Compute threads; 0 means one for each core."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes that measure documents; 0 means one for each core."""
    dask: str | None = None
    """Address of a Dask scheduler whose workers measure documents instead."""
    devices: Count = 1
    """Processes that train together on one machine, each on a GPU of its own, or on cores of its own."""
    nodes: Count = 1
    """Machines that train together; docs/scaling.md says how to start them."""
    strategy: Literal["ddp", "fsdp"] = "ddp"
    """What processes share: the rows of a batch (ddp), or also weights and optimizer state (fsdp), for models
    that one GPU cannot hold."""
    micro_batch: Annotated[int, Field(ge=0)] = 0
    """Rows of a batch that a process computes at a time; 0 means all of its own. Less takes less memory."""
    checkpoint_every_seconds: Positive = 30.0
    log_every_steps: Count = 10

    @property
    def shards(self) -> int:
        """Processes over which the weights of a model are shared out."""
        return self.devices * self.nodes if self.strategy == "fsdp" else 1


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
