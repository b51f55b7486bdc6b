"""Extractive question answering: where in a passage the answer to a question begins and ends, or that it
holds none, which the first position stands for (Devlin et al. 2019).

A passage that is too long for one row is read in windows; where an answer is not wholly in a window, the
window's answer is none. Answers begin and end at characters, and what a model can point at are tokens: where
training answers begin or end inside a token, the model's tokenizer is made to cut scripts without spaces into
single characters.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import polars as pl
import torch
from tokenizers import Encoding
from torch import Tensor, nn

from tokenmill.core.errors import UserError
from tokenmill.data.documents.questions import Question, questions_of
from tokenmill.model.config import ModelConfig
from tokenmill.model.heads import TaskModel
from tokenmill.model.padding import pad_rows
from tokenmill.tasks.by_length import ByLength
from tokenmill.tasks.labelling import VALIDATION_ROWS
from tokenmill.tasks.settings import QuestionAnsweringSettings
from tokenmill.tasks.table import kind_of
from tokenmill.text.vocabulary import Vocabulary
from tokenmill.training.task import Batch


@dataclass(frozen=True)
class WindowRows:
    """Padded windows: questions, each with a part of its passage."""

    tokens_BT: Tensor
    attention_mask_BT: Tensor | None
    """None: nothing is padding."""
    segments_BT: Tensor | None
    """None: the model has none."""
    eligible_BT: Tensor
    """Where an answer may begin and end: the passage, and the first position for none."""
    right_BT2: Tensor
    """Where one begins, and where one ends; a question may have several answers."""
    total: int
    """Rows of the whole batch."""

    def __len__(self) -> int:
        return len(self.tokens_BT)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        changed: dict[str, Any] = {
            name: change(value) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return dataclasses.replace(self, **changed)

    def __getitem__(self, rows: slice) -> Self:
        """Some of the rows."""
        return self._each(lambda tensor: tensor[rows])

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        return self._each(lambda tensor: tensor.to(device))

    def log_probabilities(self, model: TaskModel) -> Tensor:
        """Of each position (B, T, 2) as a beginning and as an end, of those that are eligible."""
        logits_BT2 = model(self.tokens_BT, self.attention_mask_BT, segments_BT=self.segments_BT).float()
        return logits_BT2.masked_fill(~self.eligible_BT[..., None], -torch.inf).log_softmax(1)

    def nats(self, log_probabilities_BT2: Tensor) -> Tensor:
        """Summed over the rows: the mean of the cross-entropies of begin and end.

        Of several answers the probabilities add up (Kadlec et al. 2016, Clark & Gardner 2018).
        """
        right_BT2 = log_probabilities_BT2.masked_fill(~self.right_BT2, -torch.inf)
        return -right_BT2.logsumexp(1).sum() / 2

    def loss(self, model: TaskModel) -> Tensor:
        """These rows' share of the batch's mean, in nats."""
        return self.nats(self.log_probabilities(model)) / self.total


@dataclass(frozen=True)
class Windows:
    """The windows of a split's questions."""

    encodings: Sequence[Encoding]
    answers: Sequence[Sequence[tuple[int, int]]]
    """First and last token of each answer that is wholly in the window."""
    padding: int
    """Id that fills up shorter rows of a batch."""
    segments: int
    """Kinds of segments that the model knows."""

    def rows(self, chosen: Sequence[int]) -> WindowRows:
        """Some of them as one padded batch."""
        encodings = [self.encodings[index] for index in chosen]
        tokens_BT, attention_mask_BT = pad_rows([encoding.ids for encoding in encodings], self.padding)
        segments_BT = None
        if self.segments:
            segments_BT, _ = pad_rows([encoding.type_ids for encoding in encodings], 0)
            segments_BT = segments_BT.clamp(max=self.segments - 1)
        eligible, _ = pad_rows([[side == 1 for side in e.sequence_ids] for e in encodings], False)
        eligible_BT = eligible.bool()
        eligible_BT[:, 0] = True
        right_BT2 = torch.zeros(*tokens_BT.shape, 2, dtype=torch.bool)
        for row, index in enumerate(chosen):
            for begin, end in self.answers[index] or [(0, 0)]:
                right_BT2[row, begin, 0] = right_BT2[row, end, 1] = True
        return WindowRows(tokens_BT, attention_mask_BT, segments_BT, eligible_BT, right_BT2, len(chosen))


class QuestionAnswering(ByLength):
    """Windows of passages with their questions, and the model that learns to answer them."""

    figures: ClassVar[tuple[str, ...]] = ("loss", "accuracy")

    def __init__(
        self,
        config: ModelConfig,
        train: Windows,
        validation: Windows,
        *,
        documents: int,
        settings: QuestionAnsweringSettings,
        tokenizer: str | None,
    ) -> None:
        lengths = [len(encoding.ids) for encoding in train.encodings]
        super().__init__(lengths, documents=documents, batch_size=settings.batch_size, seed=settings.seed)
        self.config, self.tokenizer = config, tokenizer
        self.train, self.validation = train, validation

    def batch(self, step: int) -> Batch:
        """Windows of like length."""
        chosen = self._chosen(step)
        return Batch(step, sum(len(self.train.encodings[n].ids) for n in chosen), self.train.rows(chosen))

    def largest(self, rows: int) -> WindowRows:
        """As many of the longest windows, none of which has an answer."""
        tokens_BT = torch.zeros(rows, self.longest, dtype=torch.long)
        everywhere_BT = torch.ones_like(tokens_BT, dtype=torch.bool)
        right_BT2 = torch.zeros(*tokens_BT.shape, 2, dtype=torch.bool)
        right_BT2[:, 0] = True
        mask_BT = everywhere_BT if self.config.cell == "attention" else None
        segments_BT = tokens_BT if self.config.segments else None
        return WindowRows(tokens_BT, mask_BT, segments_BT, everywhere_BT, right_BT2, rows)

    def origin(self, step: int) -> str:
        """Which of the training windows a step reads, counted from 0."""
        return f"its windows are numbers {', '.join(map(str, self._chosen(step)))} of the training questions"

    @torch.inference_mode()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Loss in nats a window; accuracy: share whose likeliest begin and likeliest end are both right."""
        assert isinstance(model, TaskModel)
        model.eval()
        device = next(model.parameters()).device
        encodings = self.validation.encodings
        order = sorted(range(len(encodings)), key=lambda index: (len(encodings[index].ids), index))
        loss, right = 0.0, 0
        for start in range(0, len(order), VALIDATION_ROWS):
            rows = self.validation.rows(order[start : start + VALIDATION_ROWS]).to(device)
            found_BT2 = rows.log_probabilities(model)
            loss += float(rows.nats(found_BT2))
            right += int(rows.right_BT2.gather(1, found_BT2.argmax(1, keepdim=True)).all(-1).sum())
        model.train()
        return {"loss": loss / len(order), "accuracy": right / len(order)}


def new_task(
    name: str,
    settings: QuestionAnsweringSettings,
    documents: pl.DataFrame,
    vocabulary: Vocabulary,
    base: ModelConfig,
) -> QuestionAnswering:
    """The task of an entry ``name`` of ``finetune`` on its source's documents, for the backbone of ``base``.

    Raises:
        UserError: spans are no questions, a split has none, no training question has an answer, or one is
            too long for ``max_tokens``.
    """
    source = settings.source_names
    train, validation = (_questions(documents, split, source) for split in ("train", "validation"))
    if not any(question.answers for question in train):
        raise UserError(
            f"{source}: none of its {len(train):,} training questions has an answer in its passage, so "
            "there is nothing to learn; mark answers in the source"
        )
    tokenizer = None
    if lost := lost_answers(train, vocabulary):
        by_character = vocabulary.by_character()
        left, done = lost_answers(train, by_character), "single characters would lose as many"
        if left < lost:
            vocabulary, tokenizer = by_character, by_character.tokenizer.to_str(pretty=True)
            done = f"its tokenizer cuts scripts without spaces into characters, which leaves {left:,}"
        print(
            f"{name}: {lost:,} of {sum(len(q.answers) for q in train):,} training answers begin or end "
            f"inside a token; {done}"
        )
    config = dataclasses.replace(
        base,
        kind=kind_of(settings.task, base.kind),
        labels=(),
        problem_type="single_label_classification",
        ngrams=0,
        pooler=False,
        dropout=settings.dropout,
        context=settings.max_tokens,
        # Question and passage are read as a whole: no position need be blind to what follows it.
        causal=base.causal and base.cell != "attention",
    )
    return QuestionAnswering(
        config,
        windows(name, train, vocabulary, config, settings),
        windows(name, validation, vocabulary, config, settings),
        documents=len({question.document for question in train}),
        settings=settings,
        tokenizer=tokenizer,
    )


def _questions(documents: pl.DataFrame, split: str, source: str) -> list[Question]:
    try:
        found = questions_of(documents.filter(pl.col("split") == split))
    except ValueError as error:
        raise UserError(f"{source}: {error}; mend the source") from None
    if not found:
        raise UserError(
            f"{source}: no {split} documents with questions; give the source `format: squad` or "
            "`format: cloze`, or see clean.split in params.yaml"
        )
    return found


def windows(
    name: str,
    questions: Sequence[Question],
    vocabulary: Vocabulary,
    config: ModelConfig,
    settings: QuestionAnsweringSettings,
) -> Windows:
    """The windows of questions, in their order, and the answers in them.

    Raises:
        UserError: a question leaves no room for its passage.
    """
    encodings, answers = [], []
    for question in questions:
        try:
            rows = vocabulary.encode_windows(
                question.text, question.passage, settings.max_tokens, settings.stride
            )
        except UserError as error:
            raise UserError(
                f"params.yaml: finetune.{name}.max_tokens: of {question.id} {error}, or raise it"
            ) from None
        for row in rows:
            encodings.append(row)
            places = (answer_tokens(row, begin, end) for begin, end in question.answers)
            answers.append([place for place in places if place is not None])
    return Windows(encodings, answers, vocabulary.pad, config.segments)


def answer_tokens(window: Encoding, begin: int, end: int) -> tuple[int, int] | None:
    """The first and the last token that hold characters ``begin`` to ``end`` of the passage.

    None where the window does not hold them all.
    """
    tokens = [
        (place, first, last)
        for place, (side, (first, last)) in enumerate(zip(window.sequence_ids, window.offsets, strict=True))
        if side == 1 and first < last
    ]
    inside = [(place, first, last) for place, first, last in tokens if first < end and last > begin]
    if not inside or inside[0][1] > begin or inside[-1][2] < end:
        return None
    return inside[0][0], inside[-1][0]


def lost_answers(questions: Sequence[Question], vocabulary: Vocabulary) -> int:
    """How many answers begin or end inside a token; white space around them does not matter."""
    lost = 0
    passages = {question.passage: None for question in questions}
    encoded = vocabulary.tokenizer.encode_batch(list(passages), add_special_tokens=False)
    edges = {}
    for passage, encoding in zip(passages, encoded, strict=True):
        pieces = [(passage[a:b], a, b) for a, b in encoding.offsets]
        edges[passage] = (
            {a + len(piece) - len(piece.lstrip()) for piece, a, _ in pieces},
            {b - len(piece) + len(piece.rstrip()) for piece, _, b in pieces},
        )
    for question in questions:
        begins, ends = edges[question.passage]
        lost += sum(begin not in begins or end not in ends for begin, end in question.answers)
    return lost
