"""Named entities: spans of texts have labels, learnt as BIO labels of characters.

Tokens do not matter to what can be learnt: 7% of the entities of Chinese news begin or end inside of one.
Texts are read in pieces of whole sentences; only an entity that is longer than a piece is lost.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor, nn

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.data.documents.entities import EntityDocument, entity_documents
from tokenmill.data.documents.spans import Span
from tokenmill.model.bio import read_bio, write_bio
from tokenmill.model.characters import CharacterBatch, CharacterClassifier, character_batch
from tokenmill.model.config import ModelConfig
from tokenmill.model.crf import log_likelihood, viterbi
from tokenmill.model.names import bio_labels
from tokenmill.tasks.by_length import ByLength
from tokenmill.tasks.labelling import VALIDATION_ROWS, label_config
from tokenmill.tasks.settings import NerSettings
from tokenmill.text.characters import Piece, text_pieces
from tokenmill.text.vocabulary import Vocabulary
from tokenmill.training.task import Batch


@dataclass(frozen=True)
class CharacterRows:
    """Rows of a batch: pieces of texts, and the number of each character's label."""

    batch: CharacterBatch
    labels_BC: Tensor
    total: int
    """Characters of the whole batch."""

    def __len__(self) -> int:
        return len(self.batch)

    def __getitem__(self, rows: slice) -> Self:
        """Some of the rows."""
        return replace(self, batch=self.batch[rows], labels_BC=self.labels_BC[rows])

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        return replace(self, batch=self.batch.to(device), labels_BC=self.labels_BC.to(device))

    def loss(self, model: CharacterClassifier) -> Tensor:
        """Negative log-likelihood in nats a character, summed over the model's parts.

        Each part learns on its own, as those of classifiers of texts do (docs/experiments.md).
        """
        emissions_PBCL, transitions_PLL = self.batch.scores(model, apart=True)
        parts, rows = emissions_PBCL.shape[:2]
        likelihood_N = log_likelihood(
            emissions_PBCL.flatten(0, 1),
            transitions_PLL.repeat_interleave(rows, 0),
            self.labels_BC.repeat(parts, 1),
            self.batch.mask_BC.repeat(parts, 1),
        )
        return -likelihood_N.sum() / self.total

    def found(self, model: CharacterClassifier) -> tuple[Tensor, Tensor]:
        """Likeliest labels (B, C), and the log-likelihood (B) of the true ones."""
        emissions_BCL, transitions_LL = self.batch.scores(model)
        transitions_BLL, mask_BC = transitions_LL.expand(len(self), -1, -1), self.batch.mask_BC
        best_BC = viterbi(emissions_BCL, transitions_BLL, mask_BC)
        return best_BC, log_likelihood(emissions_BCL, transitions_BLL, self.labels_BC, mask_BC)


@dataclass(frozen=True)
class CharacterTexts:
    """Pieces of texts and the numbers of their characters' labels."""

    pieces: Sequence[Piece]
    labels: Sequence[npt.NDArray[np.int64]]
    padding: int
    """Id that fills up shorter rows of a batch."""
    documents: int

    def examples(self, chosen: Sequence[int]) -> CharacterRows:
        """Some of the pieces as one padded batch."""
        batch = character_batch([self.pieces[index] for index in chosen], self.padding)
        labels = [torch.from_numpy(self.labels[index]) for index in chosen]
        labels_BC = nn.utils.rnn.pad_sequence(labels, batch_first=True)
        return CharacterRows(batch, labels_BC, int(batch.mask_BC.sum()))


class Entities(ByLength):
    """Pieces in batches of like length, and the model that finds their entities."""

    figures: ClassVar[tuple[str, ...]] = ("loss", "f1", "precision", "recall")

    def __init__(
        self,
        config: ModelConfig,
        *,
        train: CharacterTexts,
        validation: CharacterTexts,
        batch_size: int,
        seed: int,
    ) -> None:
        lengths = (len(piece.tokens) for piece in train.pieces)
        super().__init__(lengths, documents=train.documents, batch_size=batch_size, seed=seed)
        self.config, self.train, self.validation = config, train, validation

    def largest(self, rows: int) -> CharacterRows:
        """As many of the longest pieces."""
        tokens_BT = torch.zeros(rows, self.longest, dtype=torch.long)
        # A recurrent network looks at what the mask says, which tensors without content do not tell.
        mask_BT = torch.ones_like(tokens_BT, dtype=torch.bool) if self.config.cell == "attention" else None
        characters = max(len(piece.characters) for piece in self.train.pieces)
        nothing_BC = torch.zeros(rows, characters, dtype=torch.long)
        batch = CharacterBatch(tokens_BT, mask_BT, nothing_BC, nothing_BC)
        return CharacterRows(batch, nothing_BC, nothing_BC.numel())

    def batch(self, step: int) -> Batch:
        """Pieces of like length."""
        chosen = self._chosen(step)
        tokens = sum(len(self.train.pieces[index].tokens) for index in chosen)
        return Batch(step, tokens, self.train.examples(chosen))

    def origin(self, step: int) -> str:
        """Which of the training pieces a step reads, counted from 0."""
        return f"its pieces are numbers {', '.join(map(str, self._chosen(step)))} of the training split"

    @torch.inference_mode()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Loss in nats a character, and how many entities are found: by exact places and labels."""
        assert isinstance(model, CharacterClassifier)
        model.eval()
        device, labels = next(model.parameters()).device, model.config.labels
        pieces = self.validation.pieces
        order = sorted(range(len(pieces)), key=lambda index: (len(pieces[index].tokens), index))
        likelihood, counts = 0.0, Counter[str]()
        for start in range(0, len(order), VALIDATION_ROWS):
            chosen = order[start : start + VALIDATION_ROWS]
            rows = self.validation.examples(chosen)
            best_BC, likelihood_B = rows.to(device).found(model)
            likelihood += float(likelihood_B.sum())
            for index, best in zip(chosen, best_BC.tolist(), strict=True):
                true = set(read_bio(self.validation.labels[index].tolist(), labels))
                said = set(read_bio(best[: len(pieces[index].characters)], labels))
                counts.update(right=len(true & said), true=len(true), said=len(said))
        model.train()
        characters = sum(len(piece.characters) for piece in pieces)
        return {"loss": -likelihood / characters, **_shares(counts)}


def _shares(counts: Counter[str]) -> dict[str, float]:
    right = counts["right"]
    return {
        "f1": 2 * right / max(counts["true"] + counts["said"], 1),
        "precision": right / max(counts["said"], 1),
        "recall": right / max(counts["true"], 1),
    }


def new_task(
    name: str, settings: NerSettings, documents: pl.DataFrame, vocabulary: Vocabulary, base: ModelConfig
) -> Entities:
    """The task of an entry ``name`` of ``finetune`` on its source's documents, for the backbone of ``base``.

    The labels are those of the training documents. What cannot be learnt is said on stderr.

    Raises:
        UserError: a split has no entity, entities overlap, or one that is not for training has a label that
            none for training has.
    """
    splits = {split: _of_split(name, settings, documents, split) for split in ("train", "validation", "test")}
    names = sorted({span.label for document in splits["train"] for span in document.entities})
    for split in ("validation", "test"):
        for document in splits[split]:
            for span in document.entities:
                if span.label not in names:
                    raise UserError(
                        f"params.yaml: finetune.{name}: label {span.label!r} of "
                        f"{settings.source_names} is in the {split} split ({document.id}) and on no document "
                        "for training; mend the label, add documents, or lower the shares of clean.split"
                    )
    labels = bio_labels(names)
    # A label depends on what follows, too: no position need be blind to it.
    config = label_config(
        base, settings, labels, ngrams=settings.ngrams, causal=base.causal and base.cell != "attention"
    )
    train, validation = (
        _texts(splits[split], labels, vocabulary, settings.max_tokens) for split in ("train", "validation")
    )
    _say_what_is_lost(name, settings, splits["train"], train, labels)
    return Entities(
        config, train=train, validation=validation, batch_size=settings.batch_size, seed=settings.seed
    )


def _of_split(
    name: str, settings: NerSettings, documents: pl.DataFrame, split: Split
) -> list[EntityDocument]:
    where = f"params.yaml: finetune.{name}"
    try:
        found = entity_documents(documents.filter(pl.col("split") == split), settings.labels)
    except ValueError as error:
        raise UserError(f"{where}: {error}; entities must lie apart: mend {settings.source_names}") from None
    if split != "test" and not any(document.entities for document in found):
        remedy = (
            "name tags that it has, as in `labels: {nr: PER, ns: LOC, nt: ORG}`"
            if settings.labels
            else "its documents need spans; for tagged text name the tags, as `labels: {nr: PER, ns: LOC}`"
        )
        raise UserError(f"{where}: no {split} document of {settings.source_names} has an entity; {remedy}")
    return found


def _texts(
    documents: Sequence[EntityDocument], labels: Sequence[str], vocabulary: Vocabulary, longest: int
) -> CharacterTexts:
    numbers = {label: number for number, label in enumerate(labels)}
    pieces, labelled = [], []
    for document in documents:
        places = [(span.begin, span.end) for span in document.entities]
        for piece in text_pieces(vocabulary, document.text, longest, places):
            inside = [
                Span(span.begin - piece.begin, span.end - piece.begin, span.label)
                for span in document.entities
                if piece.begin <= span.begin and span.end <= piece.end
            ]
            pieces.append(piece)
            labelled.append(np.array(write_bio(inside, len(piece.characters), numbers), np.int64))
    return CharacterTexts(pieces, labelled, vocabulary.pad, len(documents))


def _say_what_is_lost(
    name: str,
    settings: NerSettings,
    documents: Sequence[EntityDocument],
    texts: CharacterTexts,
    labels: Sequence[str],
) -> None:
    entities = sum(len(document.entities) for document in documents)
    kept = sum(len(read_bio(row.tolist(), labels)) for row in texts.labels)
    what = f"{name}: {entities:,} entities in {len(texts.pieces):,} pieces of {len(documents):,} documents"
    lost = f"{entities - kept:,} are longer than a piece ({settings.max_tokens} tokens) and are not learnt"
    print(f"{what}; {lost if entities > kept else 'all can be learnt'}", file=sys.stderr, flush=True)
