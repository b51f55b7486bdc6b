"""From rows of a token stream to what a model reads and predicts, one way for each objective."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokenmill.model.names import MaskUnits, ObjectiveName
from tokenmill.objectives import corruption as objectives
from tokenmill.objectives.corruption import IGNORE
from tokenmill.text.ngrams import BUCKETS
from tokenmill.text.tokenizer import BOS, EOS, FIRST_TEXT_ID, MASK, PAD, SENTINEL_IDS
from tokenmill.text.words import WordEdges, word_edges, word_starts

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from tokenmill.model.config import ModelConfig
    from tokenmill.model.heads import LanguageModel


def pad_rows(rows: Sequence[Sequence[int]], padding: int) -> tuple[Tensor, Tensor]:
    """Rows of unequal length as tokens (B, T), padded at the end, and where tokens are (B, T)."""
    lengths_B1 = torch.tensor([len(row) for row in rows])[:, None]
    attention_mask_BT = torch.arange(int(lengths_B1.max())) < lengths_B1
    tokens_BT = torch.full(attention_mask_BT.shape, padding)
    tokens_BT[attention_mask_BT] = torch.tensor([token for row in rows for token in row])
    return tokens_BT, attention_mask_BT


def pad_ngrams(buckets: Sequence[npt.NDArray[np.int64]]) -> Tensor:
    """Buckets of several texts' n-grams as one tensor (B, G), padded with BUCKETS."""
    rows = [torch.from_numpy(row) for row in buckets]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=BUCKETS)


@dataclass(frozen=True)
class Batch:
    """What a model reads, and its targets (B, T), IGNORE where none is."""

    inputs_BT: Tensor
    targets_BT: Tensor
    source_BS: Tensor | None = None
    """What a text-to-text model's encoder reads."""
    mask_BTS: Tensor | None = None
    """Where attention is allowed, if not to all before."""

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        parts = (self.inputs_BT, self.targets_BT, self.source_BS, self.mask_BTS)
        return Batch(*(None if part is None else part.to(device) for part in parts))  # type: ignore[arg-type]

    def rows(self, chosen: slice) -> "Batch":
        """Some of the rows."""
        parts = (self.inputs_BT, self.targets_BT, self.source_BS, self.mask_BTS)
        return Batch(*(None if part is None else part[chosen] for part in parts))  # type: ignore[arg-type]

    @property
    def count(self) -> int:
        """Number of targets."""
        return int((self.targets_BT != IGNORE).sum())

    def hidden(self, model: "LanguageModel") -> tuple[Tensor, Tensor]:
        """Hidden states (n, D) and targets (n) of the places that have one: nothing else goes through the
        output layer, which at small sizes costs as much as the backbone."""
        if self.source_BS is None:
            hidden_BTD = model.backbone(self.inputs_BT, mask_BTS=self.mask_BTS)
        else:
            backbone = model.transformer
            hidden_BTD = backbone.decode(self.inputs_BT, memory_BSD=backbone.encode(self.source_BS))
        hidden, targets = hidden_BTD.flatten(0, 1), self.targets_BT.flatten()
        chosen = (targets != IGNORE).nonzero().squeeze(1)
        if len(chosen) < len(targets):
            hidden, targets = hidden[chosen], targets[chosen]
        return hidden, targets

    def predictions(self, model: "LanguageModel") -> tuple[Tensor, Tensor]:
        """Logits (n, V) and targets (n) of the places that have one."""
        hidden, targets = self.hidden(model)
        return model.logits(hidden), targets

    def loss(self, model: "LanguageModel", *, of: int | None = None) -> Tensor:
        """Mean cross-entropy over the targets, in nats.

        ``of``: targets of the whole batch that these rows are a part of; the losses of its parts add up to
        its mean.
        """
        hidden, targets = self.hidden(model)
        loss = model.cross_entropy(hidden, targets)
        return loss if of is None else loss * (len(targets) / of)


@dataclass(frozen=True)
class Objective:
    """What a model learns to predict, for tokens of our tokenizers."""

    name: ObjectiveName
    share: float = 0.15
    """Share of tokens that is hidden (masked, span-corruption)."""
    units: MaskUnits = "tokens"
    """What is hidden together (masked)."""
    mean_span: float = 3.0
    """Mean length of a hidden span in tokens (span-corruption)."""
    edges: WordEdges | None = None
    """Of the tokenizer, for whole words."""
    apart: bool = False
    """Documents of a row do not see each other (causal, masked)."""

    def row_tokens(self, config: "ModelConfig") -> int:
        """Tokens of a row of the stream that fill a row of the model's context."""
        if self.name in ("causal", "prefix"):
            return config.context + 1
        if self.name == "masked":
            return config.context
        return objectives.span_lengths(config.context, share=self.share, mean_span=self.mean_span)[0]

    def batch(self, rows_BL: Tensor, *, vocab_size: int, generator: torch.Generator) -> Batch:
        """Rows (B, L) with L as :meth:`row_tokens` gives it, to a batch; chance comes from ``generator``."""
        if self.name == "causal":
            inputs_BT, targets_BT = objectives.causal(rows_BL)
            return Batch(inputs_BT, targets_BT, mask_BTS=self._mask(inputs_BT, causal=True))
        if self.name == "prefix":
            inputs_BT, targets_BT, prefix_B = objectives.prefix_lm(rows_BL, generator=generator)
            return Batch(inputs_BT, targets_BT, mask_BTS=objectives.prefix_mask(prefix_B, inputs_BT.shape[1]))
        if self.name == "masked":
            starts = None
            if self.units == "words":
                assert self.edges is not None
                starts = torch.from_numpy(word_starts(rows_BL.numpy(), self.edges))
            inputs_BT, targets_BT = objectives.masked(
                rows_BL,
                share=self.share,
                mask_id=MASK,
                first_text_id=FIRST_TEXT_ID,
                vocab_size=vocab_size,
                generator=generator,
                starts_word_BT=starts,
                spans=self.units == "spans",
            )
            return Batch(inputs_BT, targets_BT, mask_BTS=self._mask(rows_BL, causal=False))
        source_BS, targets_BT = objectives.span_corruption(
            rows_BL,
            share=self.share,
            mean_span=self.mean_span,
            sentinel_ids=SENTINEL_IDS,
            eos_id=EOS,
            first_text_id=FIRST_TEXT_ID,
            generator=generator,
        )
        return Batch(objectives.shift_right(targets_BT, start_id=PAD), targets_BT, source_BS=source_BS)

    def _mask(self, tokens_BT: Tensor, *, causal: bool) -> Tensor | None:
        return objectives.document_mask(tokens_BT, bos_id=BOS, causal=causal) if self.apart else None


def new_objective(
    name: ObjectiveName,
    *,
    share: float,
    units: MaskUnits,
    mean_span: float,
    apart: bool,
    tokenizer: "Tokenizer",
) -> Objective:
    """An objective for texts of ``tokenizer``.

    Raises:
        UserError: whole words are asked for, and the tokenizer does not tell where they begin.
    """
    edges = word_edges(tokenizer) if name == "masked" and units == "words" else None
    return Objective(name, share, units, mean_span, edges, apart)
