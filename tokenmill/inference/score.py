"""Log-probabilities of texts under a language model, as for choosing among candidates."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.inference.rows import NO_MASK, by_length, check_finite, check_lengths, check_texts
from tokenmill.model.heads import LanguageModel, Model
from tokenmill.model.padding import pad_rows
from tokenmill.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Score:
    """Log-probabilities of a text's tokens, in nats."""

    tokens: tuple[int, ...]
    """Ids of the text, and of its end where the model predicts that."""
    log_probabilities: tuple[float, ...]
    """Of each token."""

    @property
    def total(self) -> float:
        """Log-probability of the text."""
        return sum(self.log_probabilities)

    @property
    def mean(self) -> float:
        """Per token: minus the logarithm of the perplexity."""
        return self.total / max(1, len(self.log_probabilities))


@torch.inference_mode()
def score(
    model: Model,
    vocabulary: Vocabulary,
    texts: Sequence[str],
    *,
    sources: Sequence[str] | None = None,
    batch_size: int = 32,
) -> list[Score]:
    """Scores of texts.

    A causal model gives each token's probability after those before it. A text-to-text model gives that of
    the text and its end as the answer to its source. A masked model gives each token's where that token alone
    is masked: the sum is the pseudo-log-likelihood of Salazar et al. 2020.

    Args:
        model: a language model of any kind.
        vocabulary: its own.
        texts: what is scored; special tokens around them are not.
        sources: for a text-to-text model, one for each text.
        batch_size: so many rows at a time.

    Raises:
        UserError: the model is no language model, sources are missing or too many, or a text is longer than
            the model's context.
    """
    if not isinstance(model, LanguageModel):
        raise UserError(f"this model is a {model.config.kind}; give a language model, such as gpt or bert")
    asks = model.config.kind == "text-to-text"
    if asks != (sources is not None) or (sources is not None and len(sources) != len(texts)):
        raise UserError(
            f"a {model.config.kind} model scores texts {'with one source each' if asks else 'alone'}, "
            f"got {len(texts)} texts and {len(sources or ())} sources"
        )
    model.eval()
    check_texts(texts)
    if sources is not None:
        return _score_answers(model, vocabulary, texts, sources, batch_size)
    if model.config.kind == "masked-lm":
        rows = vocabulary.encode(texts)
        check_lengths(rows, model.config.context)
        return [_score_masked(model, vocabulary, row, batch_size) for row in rows]
    rows = begun_rows(vocabulary, texts)
    return score_next(model, vocabulary, rows, [1] * len(rows), batch_size=batch_size)


def begun_rows(vocabulary: Vocabulary, texts: Sequence[str]) -> list[list[int]]:
    """Ids of texts as a causal model reads them: after a token of which nothing is asked, if it has one."""
    rows = vocabulary.encode(texts)
    begin = vocabulary.bos if vocabulary.bos is not None else vocabulary.eos
    return rows if begin is None else [row if row[:1] == [begin] else [begin, *row] for row in rows]


def _log_probabilities(logits_NV: Tensor, tokens_N: Tensor) -> list[float]:
    chosen: list[float] = (
        check_finite(logits_NV.float()).log_softmax(-1).gather(1, tokens_N[:, None])[:, 0].tolist()
    )
    return chosen


@torch.inference_mode()
def score_next(
    model: LanguageModel,
    vocabulary: Vocabulary,
    rows: Sequence[Sequence[int]],
    since: Sequence[int],
    *,
    batch_size: int = 32,
) -> list[Score]:
    """Scores of the tokens of each row from place ``since`` on, at least 1, after all those before them.

    Raises:
        UserError: a row is longer than the context of the model, which is causal.
    """
    check_lengths([row[:-1] for row in rows], model.config.context)  # the last token is not read
    device = next(model.parameters()).device
    result = [Score((), ())] * len(rows)
    for chosen in by_length(rows, batch_size):
        batch = [rows[index] for index in chosen]
        tokens_BT, attention_mask_BT = (part.to(device) for part in pad_rows(batch, vocabulary.pad))
        if tokens_BT.shape[1] < 2:
            continue
        hidden_BTD = model.backbone(tokens_BT[:, :-1], attention_mask_BT[:, :-1])
        for index, row, hidden_TD in zip(chosen, batch, hidden_BTD, strict=True):
            first = since[index]
            targets_T = torch.tensor(row[first:], dtype=torch.long, device=device)
            values = _log_probabilities(model.logits(hidden_TD[first - 1 : len(row) - 1]), targets_T)
            result[index] = Score(tuple(row[first:]), tuple(values))
    return result


def _score_answers(
    model: LanguageModel,
    vocabulary: Vocabulary,
    texts: Sequence[str],
    sources: Sequence[str],
    batch_size: int,
) -> list[Score]:
    device = next(model.parameters()).device
    start = vocabulary.start if vocabulary.start is not None else vocabulary.pad
    check_texts(sources, "source")
    rows, read = vocabulary.encode(texts), vocabulary.encode(sources)
    check_lengths(rows, model.config.context)
    check_lengths(read, model.config.context)
    result = [Score((), ())] * len(rows)
    for chosen in by_length(rows, batch_size):
        source_BS, source_attention_mask_BS = pad_rows([read[index] for index in chosen], vocabulary.pad)
        batch = [rows[index] for index in chosen]
        inputs_BT, _ = pad_rows([[start, *row[:-1]] for row in batch], vocabulary.pad)
        logits_BTV = model(
            inputs_BT.to(device),
            source_BS=source_BS.to(device),
            source_attention_mask_BS=source_attention_mask_BS.to(device),
        )
        for index, row, logits_TV in zip(chosen, batch, logits_BTV, strict=True):
            values = _log_probabilities(logits_TV[: len(row)], torch.tensor(row, device=device))
            result[index] = Score(tuple(row), tuple(values))
    return result


def _score_masked(model: LanguageModel, vocabulary: Vocabulary, row: list[int], batch_size: int) -> Score:
    if vocabulary.mask is None:
        raise UserError(NO_MASK)
    device = next(model.parameters()).device
    places = [place for place, token in enumerate(row) if token not in vocabulary.special]
    values: list[float] = []
    for start in range(0, len(places), batch_size):
        places_B = torch.tensor(places[start : start + batch_size], device=device)
        rows_B = torch.arange(len(places_B), device=device)
        tokens_BT = torch.tensor(row, device=device).repeat(len(places_B), 1)
        targets_B = tokens_BT[rows_B, places_B]
        tokens_BT[rows_B, places_B] = vocabulary.mask
        values += _log_probabilities(model.logits(model.backbone(tokens_BT)[rows_B, places_B]), targets_B)
    return Score(tuple(row[place] for place in places), tuple(values))
