"""Answers to questions within passages, by models that say where one begins and ends."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Encoding
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.inference.classify import Span, task_model
from tokenmill.inference.rows import by_length, check_finite, check_texts
from tokenmill.model.heads import Model, TaskModel
from tokenmill.model.padding import pad_rows
from tokenmill.text.vocabulary import Vocabulary

STRIDE = 64
"""Tokens that neighbouring windows of a long passage share."""
MAX_TOKENS = 30
"""Of an answer (Devlin et al. 2019)."""
CANDIDATES = 256
"""Spans of a window, the likeliest, among which equal texts are looked for."""


@dataclass(frozen=True)
class Answers:
    """What a passage says to a question."""

    spans: tuple[Span, ...]
    """Parts of the passage, likeliest first, of which no two overlap; their labels are their texts."""
    no_answer: float
    """Probability that the passage holds none: of its windows, that of the least."""

    @property
    def best(self) -> Span | None:
        """The likeliest answer; None where it is likelier that there is none."""
        return self.spans[0] if self.spans and self.spans[0].probability >= self.no_answer else None


@torch.inference_mode()
def answer(
    model: Model,
    vocabulary: Vocabulary,
    questions: Sequence[str],
    passages: Sequence[str],
    *,
    top_k: int = 1,
    max_tokens: int = MAX_TOKENS,
    stride: int = STRIDE,
    batch_size: int = 32,
) -> list[Answers]:
    """The ``top_k`` likeliest answers of at most ``max_tokens`` tokens to each question in its passage.

    The probability of an answer is that of its first token as a beginning times that of its last as an end,
    both among a window's tokens of the passage and its first position, which stands for no answer (Devlin et
    al. 2019). Those of one text add up, as they do in training (Kadlec et al. 2016): where it stands several
    times, its likeliest place is given. A passage that is too long for one row is read in windows.

    Raises:
        UserError: the model extracts no spans, a passage is empty, or a question leaves no room for it.
    """
    extractor = task_model(model, "span-extractor", "one fine-tuned for question answering")
    check_texts(questions, "question")
    check_texts(passages, "passage")
    owners, windows = [], []
    for number, (question, passage) in enumerate(zip(questions, passages, strict=True)):
        if not passage.strip():
            raise UserError(f"passage {number + 1} is empty; give the text that holds the answer")
        rows = vocabulary.encode_windows(question, passage, model.config.context, stride)
        windows += rows
        owners += [number] * len(rows)
    found: list[list[Span]] = [[] for _ in questions]
    nothing = [1.0] * len(questions)
    for chosen in by_length([window.ids for window in windows], batch_size):
        begin_BT, end_BT = _probabilities(extractor, vocabulary, [windows[index] for index in chosen])
        for index, begin_T, end_T in zip(chosen, begin_BT, end_BT, strict=True):
            owner, window = owners[index], windows[index]
            nothing[owner] = min(nothing[owner], float(begin_T[0] * end_T[0]))
            passage = passages[owner]
            found[owner] += _spans(passage, window, begin_T, end_T, top_k, max_tokens)
    return [Answers(_apart(spans, top_k), least) for spans, least in zip(found, nothing, strict=True)]


def _probabilities(
    extractor: TaskModel, vocabulary: Vocabulary, windows: Sequence[Encoding]
) -> tuple[Tensor, Tensor]:
    """Of each position (B, T) as a beginning and as an end."""
    device = next(extractor.parameters()).device
    tokens_BT, mask_BT = pad_rows([window.ids for window in windows], vocabulary.pad)
    segments_BT = None
    if kinds := extractor.config.segments:
        segments_BT = pad_rows([window.type_ids for window in windows], 0)[0].clamp(max=kinds - 1).to(device)
    eligible_BT, _ = pad_rows([_eligible(window) for window in windows], 0)
    logits_BT2 = extractor(tokens_BT.to(device), mask_BT.to(device), segments_BT=segments_BT).float().cpu()
    masked_BT2 = check_finite(logits_BT2).masked_fill(eligible_BT[..., None] == 0, -torch.inf)
    begin_BT, end_BT = masked_BT2.softmax(1).unbind(-1)
    return begin_BT, end_BT


def _eligible(window: Encoding) -> list[int]:
    """1 where an answer may begin and end: in the passage, and at the first position for none."""
    return [int(place == 0 or side == 1) for place, side in enumerate(window.sequence_ids)]


def _spans(
    passage: str, window: Encoding, begin_T: Tensor, end_T: Tensor, top_k: int, max_tokens: int
) -> list[Span]:
    """The likeliest texts of a window, each at its likeliest place."""
    first = window.sequence_ids.index(1) if 1 in window.sequence_ids else 0
    length = window.sequence_ids.count(1)
    begin, end = begin_T[first : first + length], end_T[first : first + length]
    joint = (begin[:, None] * end[None, :]).triu().tril(max_tokens - 1)
    likeliest = joint.flatten().topk(min(CANDIDATES, joint.numel())).indices.tolist()
    found: dict[str, dict[tuple[int, int], tuple[int, int]]] = {}
    for place in [*likeliest, *_disjoint(joint.clone(), top_k)]:
        one, other = divmod(place, length)
        if not joint[one, other]:
            continue
        span = _trimmed(passage, window.offsets[first + one][0], window.offsets[first + other][1])
        found.setdefault(passage[slice(*span)], {}).setdefault(span, (one, other))
    spans = []
    for text, places in found.items():
        begins, ends = zip(*places.values(), strict=True)
        probability = float(begin[[*begins]].sum() * end[[*ends]].sum())
        spans.append(Span(*next(iter(places)), text, probability))
    return spans


def _disjoint(joint: Tensor, top_k: int) -> Iterator[int]:
    """Places in ``joint``, which is changed, of the likeliest spans, none of which overlap."""
    for _ in range(top_k):
        place = int(joint.argmax())
        yield place
        one, other = divmod(place, len(joint))
        joint[: other + 1, one:] = 0  # whatever begins before its end and ends after its beginning


def _trimmed(passage: str, begin: int, end: int) -> tuple[int, int]:
    """A span without the white space that tokens take along; one of nothing else stays."""
    text = passage[begin:end]
    if not text.strip():
        return begin, end
    return begin + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())


def _apart(spans: Iterable[Span], top_k: int) -> tuple[Span, ...]:
    """The likeliest that overlap with none before them."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (-span.probability, span.start, span.end)):
        if len(kept) < top_k and all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
    return tuple(kept)
