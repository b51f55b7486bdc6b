"""The public functions of the library: ``import tokenmill; tokenmill.generate("data/models/gpt", "你好")``.

Each takes a model that :func:`load` returned, or its folder, which is then loaded for this one call; and
texts, of which a single one may be given as it is. What they return has an element for each text.

Texts are normalised as those were that the model was trained on, where its folder says how. Places in what is
returned are those in the texts as they were given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tokenmill.core.errors import UserError
from tokenmill.data.normalization.edited import Edited
from tokenmill.inference import answer as answering
from tokenmill.inference import chat as conversations
from tokenmill.inference import choose as choosing
from tokenmill.inference import classify as classifiers
from tokenmill.inference import embed as embeddings
from tokenmill.inference import explain as explaining
from tokenmill.inference import fill as filling
from tokenmill.inference import score as scoring
from tokenmill.inference.answer import Answers
from tokenmill.inference.choose import Choice
from tokenmill.inference.classify import Span
from tokenmill.inference.entities import entities
from tokenmill.inference.explain import Explanation, Influence
from tokenmill.inference.fill import Candidate
from tokenmill.inference.generation import generate as generation
from tokenmill.inference.normalization import (
    beginnings,
    edited_texts,
    inner_texts,
    texts_with_gaps,
    whole_texts,
)
from tokenmill.inference.prompts import asked_with, read_prompts
from tokenmill.inference.score import Score
from tokenmill.model.folder import LoadedModel, read_model

AnyModel = LoadedModel | str | Path
Texts = str | Sequence[str]


def load(folder: str | Path) -> LoadedModel:
    """A trained model with its vocabulary, on the CPU and in evaluation mode.

    ``model`` of the result is a ``torch.nn.Module``, which ``model.config`` describes; ``vocabulary`` turns
    texts into ids and ids into texts.

    Args:
        folder: a model folder of ours, or one that ``transformers`` saved in a layout that we know.

    Raises:
        UserError: a file is missing or broken, or weights, config and tokenizer do not belong together.
    """
    return read_model(Path(folder))


def generate(
    model: AnyModel, prompts: Texts, *, suffixes: Texts | None = None, batch_size: int = 16, **settings: Any
) -> list[list[str]]:
    """Continue each prompt, or answer it with a text-to-text model.

    One that was fine-tuned for that reads a prompt as its training texts: behind their prefix, and no more
    of it than of them. Unless settings say otherwise it takes the likeliest token each time.

    Args:
        model: a causal language model or a text-to-text model.
        prompts: texts.
        suffixes: what stands behind the gap after each prompt, of a model that learned to fill gaps
            (``fim_rate`` of its pretraining).
        batch_size: so many prompts at a time.
        **settings: ``max_new_tokens``, ``temperature``, ``top_k``, ``top_p``, ``min_p``,
            ``repetition_penalty``, ``num_beams``, ``length_penalty``, ``stop``, ``num_return_sequences``,
            ``seed``, with the meanings that they have in ``transformers``
            (:class:`tokenmill.inference.generation.sampling.GenerationConfig`).

    Returns:
        For each prompt its ``num_return_sequences`` texts, without the prompt.

    Raises:
        UserError: the model is of another kind, a setting is out of range, or prompt and new tokens do not
            fit into the context.
    """
    loaded = _loaded(model)
    given, chosen = _texts(prompts), asked_with(loaded, settings)
    behind = None if suffixes is None else inner_texts(loaded.normalization, _texts(suffixes))
    if behind is not None and len(behind) != len(given):
        raise UserError(f"{len(behind)} suffixes for {len(given)} prompts; give one for each prompt")
    return generation.generate(
        loaded.model,
        loaded.vocabulary,
        read_prompts(loaded, given),
        suffixes=behind,
        infilling=loaded.infilling,
        batch_size=batch_size,
        **chosen,
    )


def chat(model: AnyModel, messages: Sequence[Mapping[str, str]], **settings: Any) -> str:
    """The answer to the last message of a conversation.

    Args:
        model: a causal language model that was fine-tuned for conversations.
        messages: ``{"role": "user", "content": "..."}`` and so on, in OpenAI's shape; the roles are ``user``,
            ``assistant``, and ``system`` for the first.
        **settings: as of :func:`generate`.

    Raises:
        UserError: the model is of another kind, the messages are no conversation that waits for an answer, a
            setting is out of range, or the last message is too long for the context.
    """
    loaded = _loaded(model)
    turns = conversations.read_messages(messages)
    read = whole_texts(loaded.normalization, [turn.content for turn in turns])
    asked = [turn._replace(content=content) for turn, content in zip(turns, read, strict=True)]
    return conversations.chat(loaded.model, loaded.vocabulary, [asked], **settings)[0]


def classify(model: AnyModel, texts: Texts, *, batch_size: int = 64) -> list[dict[str, float]]:
    """The labels of each text with their probabilities, likeliest first.

    Where several labels may fit a text, each has a probability of its own; a regression has one label, whose
    value is the number (``model.config.problem_type``).

    Of a text that is longer than the model's context the beginning is read.

    Raises:
        UserError: the model is no classifier of texts.
    """
    loaded = _loaded(model)
    labels = loaded.model.config.labels
    read = whole_texts(loaded.normalization, _texts(texts))
    found = classifiers.classify(loaded.model, loaded.vocabulary, read, batch_size=batch_size)
    return [dict(sorted(zip(labels, row, strict=True), key=lambda pair: -pair[1])) for row in found.tolist()]


def explain(model: AnyModel, texts: Texts, *, batch_size: int = 64) -> list[Explanation]:
    """Which parts of each text moved a classifier's decision, by leaving them out one after the other.

    The model reads a text once for each of its parts: words, and other characters one by one, at most 64.

    Raises:
        UserError: the model is no classifier of texts.
    """
    loaded = _loaded(model)
    edited = edited_texts(loaded.normalization, _texts(texts))
    read = [text.text for text in edited]
    found = explaining.explain(loaded.model, loaded.vocabulary, read, batch_size=batch_size)
    return [
        replace(
            one,
            influences=[
                Influence(*text.origin(part.start, part.end), part.weight) for part in one.influences
            ],
        )
        for text, one in zip(edited, found, strict=True)
    ]


def tag(model: AnyModel, texts: Texts, *, batch_size: int = 64) -> list[list[Span]]:
    """The labelled parts of each text, with their places in it: its entities, or each of its tokens.

    A text that is longer than the model's context is read in pieces, one after the other.

    Args:
        model: a classifier of characters, which finds entities, or one of tokens.
        texts: texts.
        batch_size: so many pieces at a time.

    Raises:
        UserError: the model is of another kind.
    """
    loaded = _loaded(model)
    edited = edited_texts(loaded.normalization, _texts(texts))
    read = [text.text for text in edited]
    find = entities if loaded.model.config.kind == "character-classifier" else classifiers.tag
    found = find(loaded.model, loaded.vocabulary, read, batch_size=batch_size)
    return [
        [_moved(span, text.origin(span.start, span.end)) for span in spans]
        for text, spans in zip(edited, found, strict=True)
    ]


def answer(
    model: AnyModel,
    questions: Texts,
    passages: Texts,
    *,
    top_k: int = 1,
    max_tokens: int = answering.MAX_TOKENS,
    stride: int = answering.STRIDE,
    batch_size: int = 32,
) -> list[Answers]:
    """The likeliest answers to questions within passages, and how likely it is that there is none.

    Args:
        model: a span extractor.
        questions: one for each passage.
        passages: texts that hold the answers. What is too long for the model's context is read in windows.
        top_k: so many answers to each question, of which no two overlap.
        max_tokens: longest answer.
        stride: tokens that neighbouring windows share, at most half of each.
        batch_size: so many windows at a time.

    Returns:
        For each question its answers; ``best`` of them is None where none is likelier.

    Raises:
        UserError: the model extracts no spans, there are more or fewer questions than passages, a passage is
            empty, or a question leaves no room for it.
    """
    loaded = _loaded(model)
    asked, read = _texts(questions), _texts(passages)
    if len(asked) != len(read):
        raise UserError(f"{len(asked)} questions for {len(read)} passages; give one for each passage")
    edited = edited_texts(loaded.normalization, read)
    found = answering.answer(
        loaded.model,
        loaded.vocabulary,
        whole_texts(loaded.normalization, asked),
        [text.text for text in edited],
        top_k=top_k,
        max_tokens=max_tokens,
        stride=stride,
        batch_size=batch_size,
    )
    return [_answers(*each) for each in zip(found, edited, read, strict=True)]


def fill(
    model: AnyModel, texts: Texts, *, top_k: int = 5, max_new_tokens: int = 8
) -> list[list[list[Candidate]]]:
    """The most probable fillings of each gap of each text, best first.

    A gap is written as the model's tokenizer spells its mask token, such as <mask> or [MASK].

    Args:
        model: a masked language model, which fills each gap with one token, or a text-to-text model, which
            fills the one gap of a text with up to ``max_new_tokens``.
        texts: texts with gaps.
        top_k: so many candidates for each gap.
        max_new_tokens: see ``model``.

    Returns:
        For each text, for each gap, its candidates.

    Raises:
        UserError: the model is of another kind, a text has no gap, or it is longer than the context.
    """
    loaded = _loaded(model)
    read = texts_with_gaps(loaded.normalization, _texts(texts), loaded.vocabulary)
    return filling.fill(loaded.model, loaded.vocabulary, read, top_k=top_k, max_new_tokens=max_new_tokens)


def score(
    model: AnyModel, texts: Texts, *, sources: Texts | None = None, batch_size: int = 32
) -> list[Score]:
    """The log-probability of each text in nats, in all and of each token.

    A causal model scores each token after those before it, a masked one each token where it alone is masked
    (Salazar et al. 2020), a text-to-text model the text as the answer to its source.

    Args:
        model: a language model of any kind.
        texts: what is scored.
        sources: for a text-to-text model, one for each text.
        batch_size: so many rows at a time.

    Raises:
        UserError: the model is no language model, sources are missing or too many, or a text is longer than
            the model's context.
    """
    loaded = _loaded(model)
    read = whole_texts(loaded.normalization, _texts(texts))
    given = None if sources is None else read_prompts(loaded, _texts(sources))
    return scoring.score(loaded.model, loaded.vocabulary, read, sources=given, batch_size=batch_size)


def choose(
    model: AnyModel,
    candidates: Sequence[str],
    *,
    before: str = "",
    after: str = "",
    ranking: Literal["sum", "per_byte", "pmi"] = "sum",
) -> list[tuple[str, float]]:
    """Candidates for one place of a text with their scores in nats, best first.

    Args:
        model: a causal or a masked language model.
        candidates: what may stand there, at least two.
        before: what stands before it.
        after: what follows.
        ranking: by the log-probability (``sum``); by that for each byte, for candidates of unlike length; or
            by the mutual information with ``before`` (``pmi``), for candidates of unlike frequency.

    Raises:
        UserError: the model is of another kind, candidates are equal or empty, or the text is longer than its
            context.
    """
    loaded = _loaded(model)
    (read,) = beginnings(loaded.normalization, [before])
    *inner, end = inner_texts(loaded.normalization, [*candidates, after])
    choice = Choice(read, tuple(inner), end)
    choosing.check_choice(choice, "choose")
    (scores,) = choosing.score_choices(loaded.model, loaded.vocabulary, [choice])
    return sorted(zip(candidates, scores[ranking].tolist(), strict=True), key=lambda pair: -pair[1])


def embed(
    model: AnyModel,
    texts: Texts,
    *,
    pooling: Literal["mean", "first", "last"] = "mean",
    normalise: bool = False,
    batch_size: int = 64,
) -> npt.NDArray[np.float32]:
    """Vectors (texts, width) of any model's last hidden states.

    Of a text that is longer than the model's context the beginning is read.

    Args:
        model: any; of a text-to-text model, the encoder is asked.
        texts: one vector each.
        pooling: the mean over all tokens; the first token, BERT's [CLS]; or the last.
        normalise: to length 1, so that a dot product is the cosine.
        batch_size: so many texts at a time.
    """
    loaded = _loaded(model)
    return embeddings.embed(
        loaded.model,
        loaded.vocabulary,
        whole_texts(loaded.normalization, _texts(texts)),
        pooling=pooling,
        normalise=normalise,
        batch_size=batch_size,
    )


def _loaded(model: AnyModel) -> LoadedModel:
    return model if isinstance(model, LoadedModel) else load(model)


def _moved(span: Span, place: tuple[int, int]) -> Span:
    return replace(span, start=place[0], end=place[1])


def _answers(found: Answers, edited: Edited, passage: str) -> Answers:
    """Answers with their places in the passage as it was sent, and what stands there."""
    moved = (_moved(span, edited.origin(span.start, span.end)) for span in found.spans)
    return replace(found, spans=tuple(replace(span, label=passage[span.start : span.end]) for span in moved))


def _texts(texts: Texts) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)
