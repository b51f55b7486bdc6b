"""How probable answers in conversations are to a model: as they stand, and as candidates among others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from tokenmill.data.documents.conversations import Turn
from tokenmill.evaluation.ngram import NGram
from tokenmill.evaluation.replies import Question
from tokenmill.inference.rows import by_length
from tokenmill.model.heads import LanguageModel
from tokenmill.model.padding import pad_rows
from tokenmill.text.chat import ChatRow, chat_prompt, turn_row
from tokenmill.text.chat_template import ASSISTANT, END_OF_TURN
from tokenmill.text.vocabulary import Vocabulary

BATCH_ROWS = 32
"""In one forward pass."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """What a model makes of the tokens that rows ask for."""

    nats: Floats
    """(rows,) their negative log-probabilities, summed."""
    confidence: npt.NDArray[np.float64]
    """(tokens,) probability of the most probable token."""
    right: npt.NDArray[np.bool_]
    """(tokens,) whether that is the true one."""


def asked_tokens(row: ChatRow, *, ends: bool) -> list[int]:
    """Places of a row's learnt tokens, with the ends of turns or without."""
    pairs = enumerate(zip(row.ids, row.learnt, strict=True))
    return [place for place, (id, learnt) in pairs if learnt and (ends or id != END_OF_TURN)]


@torch.inference_mode()
def score_answers(model: LanguageModel, padding: int, rows: Sequence[ChatRow], *, ends: bool) -> Answers:
    """The answers in rows; their ends count too where ``ends``."""
    device = next(model.eval().parameters()).device
    nats = np.zeros(len(rows))
    confidence, right = [np.zeros(0)], [np.zeros(0, np.bool_)]
    for chosen in by_length([row.ids for row in rows], BATCH_ROWS):
        tokens_BT, _ = pad_rows([rows[index].ids for index in chosen], padding)
        hidden_BTD = model.backbone(tokens_BT[:, :-1].to(device))
        for index, tokens_T, hidden_TD in zip(chosen, tokens_BT, hidden_BTD, strict=True):
            places = torch.tensor(asked_tokens(rows[index], ends=ends), dtype=torch.long)
            logits_NV = model.logits(hidden_TD[places.to(device) - 1]).float().cpu()
            nats[index] = float(F.cross_entropy(logits_NV, tokens_T[places], reduction="sum"))
            highest_N, best_N = logits_NV.max(-1)
            confidence.append((highest_N - logits_NV.logsumexp(-1)).exp().double().numpy())
            right.append((best_N == tokens_T[places]).numpy())
    return Answers(nats, np.concatenate(confidence), np.concatenate(right))


def ngram_nats(
    training: Sequence[ChatRow], rows: Sequence[ChatRow], *, order: int, vocab_size: int, begin: int
) -> Floats:
    """(rows,) of the texts of answers, by an n-gram model of the training rows as they stand."""
    stream = np.concatenate([row.ids for row in training])
    ngram = NGram.fit(stream, order, vocab_size, begin)
    return np.array(
        [
            -np.log(2) * ngram.log2_probs(np.array(row.ids))[asked_tokens(row, ends=False)].sum()
            for row in rows
        ]
    )


def choices(
    model: LanguageModel, vocabulary: Vocabulary, questions: Sequence[Question]
) -> dict[str, npt.NDArray[np.bool_]]:
    """Whether the right candidate of each question is the best one, by three ways of scoring.

    ``sum`` is the log-probability of the candidate and its end in the conversation, ``per_byte`` that per
    UTF-8 byte, ``pmi`` that less what it has without the conversation (pointwise mutual information).
    """
    within, alone, sizes = list[ChatRow](), list[ChatRow](), list[int]()
    for question in questions:
        parts = [turn_row(vocabulary, Turn("assistant", content)) for content in question.candidates]
        room = model.config.context - max(len(part.ids) for part in parts) + 1
        prompt = chat_prompt(vocabulary, question.turns, room)
        begin = [*prompt[: vocabulary.bos is not None], ASSISTANT]
        for part, content in zip(parts, question.candidates, strict=True):
            for rows, before in ((within, prompt), (alone, begin)):
                rows.append(ChatRow([*before, *part.ids[1:]], [*[False] * len(before), *part.learnt[1:]]))
            sizes.append(len(content.encode()) + 1)
    inside, outside = (
        -score_answers(model, vocabulary.pad, rows, ends=True).nats for rows in (within, alone)
    )
    scores = {"sum": inside, "per_byte": inside / np.array(sizes), "pmi": inside - outside}
    ends = np.cumsum([len(question.candidates) for question in questions])
    return {
        name: np.array([part.argmax() == len(part) - 1 for part in np.split(values, ends[:-1])])
        for name, values in scores.items()
    }
