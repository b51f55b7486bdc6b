"""Preference: of two answers to a prompt the chosen one is made more probable than the rejected one.

Direct preference optimization (Rafailov et al. 2023, arXiv:2305.18290): the reward of an answer is ``beta``
times the logarithm of how much more probable it is to the model than to the one that training began with,
which stays as it is; the loss of a pair is ``-log sigmoid(reward of chosen - reward of rejected)``.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import polars as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.data.documents.preferences import read_preference
from tokenmill.model.config import ModelConfig
from tokenmill.model.heads import LanguageModel, Model
from tokenmill.objectives.examples import IGNORE_INDEX
from tokenmill.tasks.by_length import ByLength
from tokenmill.tasks.chat import answers_of
from tokenmill.tasks.labelling import VALIDATION_ROWS
from tokenmill.tasks.settings import PreferenceSettings
from tokenmill.text.chat import ChatRow
from tokenmill.text.chat_template import is_chat
from tokenmill.text.preferences import preference_rows
from tokenmill.text.vocabulary import Vocabulary
from tokenmill.training.task import Batch

Pair = tuple[ChatRow, ChatRow]
"""Rows of the chosen and of the rejected answer."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of a batch; the dimension of 2 is chosen, rejected."""

    inputs_B2T: Tensor
    labels_B2T: Tensor
    """IGNORE_INDEX where nothing of an answer is predicted."""
    start_B2: Tensor
    """Log-probabilities of the answers to the model that training began with."""
    beta: float
    total: int
    """Pairs of the whole batch."""

    def __len__(self) -> int:
        return len(self.inputs_B2T)

    def __getitem__(self, rows: slice) -> Self:
        """Some of the pairs."""
        return replace(
            self,
            inputs_B2T=self.inputs_B2T[rows],
            labels_B2T=self.labels_B2T[rows],
            start_B2=self.start_B2[rows],
        )

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        return replace(
            self,
            inputs_B2T=self.inputs_B2T.to(device),
            labels_B2T=self.labels_B2T.to(device),
            start_B2=self.start_B2.to(device),
        )

    def log_probabilities(self, model: LanguageModel) -> Tensor:
        """Of the answers (B, 2) under a model, in nats, summed over their tokens and the end."""
        hidden_ND = model.backbone(self.inputs_B2T.flatten(0, 1)).flatten(0, 1)
        labels_N = self.labels_B2T.flatten()
        asked = (labels_N != IGNORE_INDEX).nonzero().squeeze(1)
        logits_MV = model.logits(hidden_ND[asked]).float()
        nats_M = F.cross_entropy(logits_MV, labels_N[asked], reduction="none")
        nats_N = torch.zeros(len(labels_N), device=nats_M.device).index_copy(0, asked, nats_M)
        return -nats_N.view(self.labels_B2T.shape).sum(-1)

    def margins(self, model: LanguageModel) -> Tensor:
        """By how much the reward of the chosen answer is above that of the rejected (B)."""
        rewards_B2 = self.beta * (self.log_probabilities(model) - self.start_B2)
        return rewards_B2[:, 0] - rewards_B2[:, 1]

    def loss(self, model: LanguageModel) -> Tensor:
        """These pairs' share of the batch's mean."""
        return -F.logsigmoid(self.margins(model)).sum() / self.total


class Preferences(ByLength):
    """Pairs of answers, and the model that learns which is the better one."""

    figures: ClassVar[tuple[str, ...]] = ("loss", "reward_accuracy", "margin")
    control_is_start: ClassVar[bool] = True

    def __init__(
        self,
        config: ModelConfig,
        *,
        train: Sequence[Pair],
        validation: Sequence[Pair],
        beta: float,
        padding: int,
        chat: bool,
        batch_size: int,
        seed: int,
    ) -> None:
        lengths = (max(len(row.ids) for row in pair) - 1 for pair in train)  # the last token is a label only
        super().__init__(lengths, documents=len(train), batch_size=batch_size, seed=seed)
        self.config, self.train, self.validation = config, train, validation
        self.beta, self.padding, self.chat = beta, padding, chat
        self.start_N2 = torch.zeros(len(train) + len(validation), 2)
        """Log-probabilities under the model to start from, of training and then of validation."""

    @torch.inference_mode()
    def begin(self, base: Model) -> None:
        """Compute what the model to start from makes of each answer: it is not needed after that."""
        assert isinstance(base, LanguageModel)
        base.eval()
        pairs = [*self.train, *self.validation]
        order = sorted(range(len(pairs)), key=lambda index: max(len(row.ids) for row in pairs[index]))
        for at in range(0, len(order), VALIDATION_ROWS):
            chosen = order[at : at + VALIDATION_ROWS]
            examples = self._pairs([pairs[index] for index in chosen], torch.zeros(len(chosen), 2))
            self.start_N2[chosen] = examples.log_probabilities(base)

    def largest(self, rows: int) -> Pairs:
        """As many pairs as long as the longest, all of which is learnt."""
        tokens_B2T = torch.zeros(rows, 2, self.longest, dtype=torch.long)
        return _LargestPairs(tokens_B2T, tokens_B2T, torch.zeros(rows, 2), self.beta, rows)

    def batch(self, step: int) -> Batch:
        """Pairs of like length."""
        chosen = self._chosen(step)
        pairs = [self.train[index] for index in chosen]
        tokens = sum(len(row.ids) - 1 for pair in pairs for row in pair)
        return Batch(step, tokens, self._pairs(pairs, self.start_N2[chosen]))

    def origin(self, step: int) -> str:
        """Which training pairs a step reads, counted from 0."""
        return f"its pairs are numbers {', '.join(map(str, self._chosen(step)))} of the training preferences"

    @torch.inference_mode()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Loss in nats a pair, share of pairs with the higher reward for the chosen answer, mean margin."""
        assert isinstance(model, LanguageModel)
        model.eval()
        device, start_N2 = next(model.parameters()).device, self.start_N2[len(self.train) :]
        found = []
        for at in range(0, len(self.validation), VALIDATION_ROWS):
            part = slice(at, at + VALIDATION_ROWS)
            found.append(self._pairs(self.validation[part], start_N2[part]).to(device).margins(model).cpu())
        model.train()
        margins_N = torch.cat(found)
        return {
            "loss": float(-F.logsigmoid(margins_N).mean()),
            "reward_accuracy": float((margins_N > 0).float().mean()),
            "margin": float(margins_N.mean()),
        }

    def _pairs(self, pairs: Sequence[Pair], start_B2: Tensor) -> Pairs:
        """Pairs as one padded batch."""
        rows = [row for pair in pairs for row in pair]
        answers = answers_of(rows, self.padding)
        inputs_B2T, labels_B2T = (
            values.unflatten(0, (-1, 2)) for values in (answers.inputs_BT, answers.labels_BT)
        )
        return Pairs(inputs_B2T, labels_B2T, start_B2, self.beta, len(pairs))


class _LargestPairs(Pairs):
    """Pairs of which every position is learnt: that need not be read, as of tensors without content."""

    def log_probabilities(self, model: LanguageModel) -> Tensor:
        logits_NTV = model.logits(model.backbone(self.inputs_B2T.flatten(0, 1))).float()
        nats_N = F.cross_entropy(logits_NTV.flatten(0, 1), self.labels_B2T.flatten(), reduction="none")
        return -nats_N.view(self.labels_B2T.shape).sum(-1)


def new_task(
    name: str,
    settings: PreferenceSettings,
    documents: pl.DataFrame,
    vocabulary: Vocabulary,
    base: ModelConfig,
) -> Preferences:
    """The task of an entry ``name`` of ``finetune`` on its source's preferences.

    It prints how many pairs there are, and how many are left out as too long.

    Raises:
        UserError: a document's chosen answer equals the rejected, or a split has no pair to learn from.
    """
    train, validation = (
        _pairs_of(name, settings, documents, split, vocabulary) for split in ("train", "validation")
    )
    return Preferences(
        dataclasses.replace(base, dropout=settings.dropout, context=settings.max_tokens),
        train=train,
        validation=validation,
        beta=settings.beta,
        padding=vocabulary.pad,
        chat=is_chat(vocabulary),
        batch_size=settings.batch_size,
        seed=settings.seed,
    )


def _pairs_of(
    name: str, settings: PreferenceSettings, documents: pl.DataFrame, split: Split, vocabulary: Vocabulary
) -> list[Pair]:
    """The pairs of a split."""
    pairs, left_out = list[Pair](), 0
    for id, text, spans in documents.filter(split=split).select("id", "text", "spans").iter_rows():
        try:
            preference = read_preference(text, spans)
        except ValueError as error:
            raise UserError(f"preference {id} {error}; mend or remove it in its source") from None
        if preference is None:
            continue
        if pair := preference_rows(vocabulary, preference, settings.max_tokens):
            pairs.append(pair)
        else:
            left_out += 1
    said = f"{name}: {len(pairs):,} pairs for {split}"
    print(f"{said}, {left_out:,} left out, being longer than {settings.max_tokens} tokens")
    if not pairs:
        raise UserError(
            f"{settings.source_names}: no {split} preference to learn from; see sources, clean.split and "
            f"finetune.{name}.max_tokens in params.yaml"
        )
    return pairs
