"""Labels of texts and of their tokens, by models with a head for the task."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.inference.rows import by_length, check_finite, check_texts
from tokenmill.model.config import ProblemType
from tokenmill.model.heads import Model, TaskModel
from tokenmill.model.names import Kind
from tokenmill.model.padding import pad_ngrams, pad_rows
from tokenmill.text.ngrams import ngram_buckets
from tokenmill.text.vocabulary import Vocabulary

ANSWERS: Mapping[ProblemType, Callable[[Tensor], Tensor]] = {
    "single_label_classification": lambda logits_BL: logits_BL.softmax(-1),
    "multi_label_classification": torch.sigmoid,
    "regression": lambda logits_BL: logits_BL,
}
"""What a classifier's outputs say, as transformers' text-classification pipeline reads them."""


THRESHOLD = 0.5
"""Probability from which on a label fits, where several may."""


def task_model(model: Model, kind: Kind, example: str) -> TaskModel:
    """A model in evaluation mode, if it is of a kind.

    Raises:
        UserError: it is of another.
    """
    if not isinstance(model, TaskModel) or model.config.kind != kind:
        raise UserError(f"this model is a {model.config.kind}; give a {kind}, such as {example}")
    model.eval()
    return model


@torch.inference_mode()
def classify(
    model: Model, vocabulary: Vocabulary, texts: Sequence[str], *, batch_size: int = 64
) -> npt.NDArray[np.float32]:
    """Probabilities (texts, labels), labels in the order of ``model.config.labels``.

    Where several labels may be right at a time, each has a probability of its own; what a regression gives is
    no probability but the number itself (``model.config.problem_type``).

    Of a text that is longer than the model's context the beginning is read; n-grams are those of the whole.

    Raises:
        UserError: the model is no classifier of texts, or its weights are damaged.
    """
    classifier = task_model(model, "sequence-classifier", "sentiment")
    check_texts(texts)
    rows = [row or [vocabulary.pad] for row in vocabulary.encode(texts, model.config.context)]
    result = np.empty((len(rows), len(model.config.labels)), np.float32)
    device, longest = next(model.parameters()).device, model.config.ngrams
    for chosen in by_length(rows, batch_size):
        tokens_BT, attention_mask_BT = pad_rows([rows[index] for index in chosen], vocabulary.pad)
        ngrams_BG = None
        if longest:
            ngrams_BG = pad_ngrams([ngram_buckets(texts[index], longest) for index in chosen]).to(device)
        logits_BL = classifier(tokens_BT.to(device), attention_mask_BT.to(device), ngrams_BG=ngrams_BG)
        answers_BL = ANSWERS[model.config.problem_type](check_finite(logits_BL.float()))
        result[chosen] = answers_BL.cpu().numpy()
    return result


def fitting(probabilities: Mapping[str, float]) -> dict[str, float]:
    """Of the probabilities of a text that several labels may fit, those of the labels that do."""
    return {label: value for label, value in probabilities.items() if value >= THRESHOLD}


@dataclass(frozen=True)
class Span:
    """A part of a text, ``text[start:end]``, and its label."""

    start: int
    end: int
    label: str
    probability: float


@torch.inference_mode()
def tag(
    model: Model, vocabulary: Vocabulary, texts: Sequence[str], *, batch_size: int = 64
) -> list[list[Span]]:
    """The likeliest label of each token of each text.

    A text that is longer than the model's context is read in pieces, one after the other.

    Raises:
        UserError: the model is no classifier of tokens.
    """
    tagger = task_model(model, "token-classifier", "tags")
    check_texts(texts)
    pieces = vocabulary.encode_whole(texts, model.config.context)
    encodings = [piece for text in pieces for piece in text]
    rows = [encoding.ids or [vocabulary.pad] for encoding in encodings]
    labels, device = model.config.labels, next(model.parameters()).device
    found: list[list[Span]] = [[] for _ in rows]
    for chosen in by_length(rows, batch_size):
        tokens_BT, attention_mask_BT = pad_rows([rows[index] for index in chosen], vocabulary.pad)
        logits_BTL = tagger(tokens_BT.to(device), attention_mask_BT.to(device)).float()
        probability_BT, best_BT = check_finite(logits_BTL).softmax(-1).max(-1)
        for index, probabilities, best in zip(chosen, probability_BT.tolist(), best_BT.tolist(), strict=True):
            encoding = encodings[index]
            found[index] = [
                Span(*encoding.offsets[place], labels[best[place]], probabilities[place])
                for place in range(len(encoding.ids))
                if encoding.sequence_ids[place] is not None  # what the model puts around a text has no label
            ]
    each = iter(found)
    return [[span for _ in text for span in next(each)] for text in pieces]
