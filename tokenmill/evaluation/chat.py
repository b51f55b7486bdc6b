"""Models for conversations: how well they know test answers, and what they answer themselves."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.core.normalization import read_normalization
from tokenmill.core.splits import Split
from tokenmill.data.documents.conversations import Turn, read_turns
from tokenmill.evaluation.ancestry import documents_digest
from tokenmill.evaluation.answers import Floats, asked_tokens, choices, ngram_nats, score_answers
from tokenmill.evaluation.parts import Parts, documents_and_groups, ratio
from tokenmill.evaluation.replies import Question, Retrieval, ask, distinct
from tokenmill.evaluation.resampling import Counts, compare_resampled, interval
from tokenmill.evaluation.scores import Bin, calibration
from tokenmill.evaluation.subject import Result, Subject
from tokenmill.inference.generation.generate import generate_ids
from tokenmill.inference.generation.sampling import GenerationConfig
from tokenmill.inference.normalization import whole_texts
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import load_model
from tokenmill.model.heads import LanguageModel, Model
from tokenmill.text.chat import ChatRow, chat_prompt, chat_rows, shown_row, turn_row
from tokenmill.text.vocabulary import Vocabulary

QUESTIONS = 200
"""Answers that are to be told from others."""
REPLIES = 100
"""Answers that are written, to as many of the questions."""
SHOWN = 5
"""Of these in the report."""
SHOWN_TURNS = 4
"""Of the conversation before each."""

LABELS = {
    "control": "the same from random weights",
    "ngram": "{}-gram, modified Kneser-Ney, on the same conversations",
    "tfidf": "TF-IDF: the candidate most like the last turns, the answer to the most similar turn",
    "people": "the test answers themselves",
}
"""What the rivals are, in words."""


@dataclass(frozen=True)
class _Found:
    """What was measured of one model."""

    figures: dict[str, float]
    nats: Floats
    calibration: list[Bin]
    replies: list[str]


def measure_chat(subject: Subject) -> Result:
    """Figures on the test conversations.

    Bits per byte are of the texts of answers, each after what was said before it. Of each question's
    candidates a model takes the one that the conversation makes more probable than it is by itself, by their
    mutual information (Li et al. 2016): what always fits is no good answer. Intervals are over conversations.

    Raises:
        UserError: a split has no conversation with an answer, or those for test have only one.
    """
    samples = _samples(subject)
    documents, conversations = _conversations(subject, "test", subject.sources)
    _, training = _conversations(subject, "train", subject.rival_sources)
    context = subject.model.config.context
    questions = ask(conversations, questions=QUESTIONS, fits=_fitting(subject), seed=subject.settings.seed)
    if not questions:
        raise UserError(
            f"{subject.clean}: the test conversations of {', '.join(subject.sources)} have no two different "
            f"answers to choose between that fit into a context of {context}; add conversations, or raise "
            "clean.split.test"
        )
    test = _Test.of(subject.vocabulary, conversations, context, subject.settings.seed)
    found = _measure(subject, subject.model, test, questions)
    rivals, comparisons = dict[str, dict[str, Any]](), dict[str, dict[str, float]]()
    if (subject.folder / CONTROL).is_dir():
        control = _measure(subject, load_model(subject.folder / CONTROL)[0], test, questions)
        rivals["control"] = {"label": LABELS["control"], **control.figures}
        comparisons["control"] = test.compare(found.nats, control.nats)
    training_rows = _rows(subject.vocabulary, training, context)
    order, vocab_size = subject.settings.ngram_order, subject.model.config.vocab_size
    begin = training_rows[0][1].ids[0]
    nats = ngram_nats(
        [row for _, row in training_rows], test.rows, order=order, vocab_size=vocab_size, begin=begin
    )
    rivals["ngram"] = {"label": LABELS["ngram"].format(order), **test.bits(nats)}
    comparisons["ngram"] = test.compare(found.nats, nats)
    retrieval, written = Retrieval(training), questions[:REPLIES]
    hits = _hits(subject, retrieval.right(questions), questions)
    rivals["tfidf"] = {"label": LABELS["tfidf"], **hits, **_variety(retrieval.reply(written))}
    people = [question.candidates[-1] for question in written]
    rivals["people"] = {"label": LABELS["people"], **_variety(people)}
    return Result(
        figures={**found.figures, "answer_bytes": float(test.text_bytes.sum())},
        rivals=rivals,
        documents=len(conversations),
        test_digest=documents_digest(documents, labels=False),
        calibration=found.calibration,
        comparisons=comparisons,
        samples=samples + _shown(written, found.replies),
        learnt=shown_row(subject.vocabulary, training_rows[0][1]),
    )


def _fitting(subject: Subject) -> Callable[[Sequence[Turn], str], bool]:
    """Whether a context holds the system's turn and the last one with an answer of a quarter of it at most,
    and with as many tokens as are written."""
    most = subject.model.config.context // 4
    room = subject.model.config.context - max(most, subject.settings.max_new_tokens)

    def tokens(turn: Turn) -> int:
        return len(turn_row(subject.vocabulary, turn).ids)

    def fits(turns: Sequence[Turn], answer: str) -> bool:
        asked = sum(tokens(turn) for turn in turns[:-1] if turn.role == "system") + tokens(turns[-1])
        return asked + 2 <= room and tokens(Turn("assistant", answer)) <= most

    return fits


def _conversations(
    subject: Subject, split: Split, sources: Sequence[str]
) -> tuple[pl.DataFrame, list[list[Turn]]]:
    """The documents of a split in which an assistant answers, and their turns."""
    documents = subject.documents(split, sources)
    turns = [read_turns(text, spans) for text, spans in documents.select("text", "spans").iter_rows()]
    answered = [any(turn.role == "assistant" for turn in each) for each in turns]
    if not any(answered):
        raise UserError(
            f"{subject.clean}: no {split} conversations of {', '.join(sources)} in which an assistant "
            "answers; see sources and clean.split in params.yaml"
        )
    return documents.filter(pl.Series(answered)), [
        each for each, kept in zip(turns, answered, strict=True) if kept
    ]


def _rows(
    vocabulary: Vocabulary, conversations: Sequence[Sequence[Turn]], context: int
) -> list[tuple[int, ChatRow]]:
    """Rows with the numbers of their conversations."""
    return [
        (number, row)
        for number, turns in enumerate(conversations)
        for row in chat_rows(vocabulary, turns, context).rows
    ]


@dataclass(frozen=True)
class _Test:
    """The rows of the test conversations; what is measured is summed by conversation."""

    rows: list[ChatRow]
    owners: npt.NDArray[np.int64]
    """Number of each row's conversation; every conversation that has rows has one, from 0."""
    text_bytes: Floats
    """Of each row's answers."""
    seed: int

    @classmethod
    def of(
        cls, vocabulary: Vocabulary, conversations: Sequence[Sequence[Turn]], context: int, seed: int
    ) -> "_Test":
        numbers, rows = zip(*_rows(vocabulary, conversations, context), strict=True)
        sizes = [
            len(vocabulary.decode([row.ids[place] for place in asked_tokens(row, ends=False)]).encode())
            for row in rows
        ]
        return cls(list(rows), _numbered(numbers), np.array(sizes, np.float64), seed)

    def bits(self, nats: Floats) -> dict[str, float]:
        """Bits per byte of the nats (rows,), with their interval."""
        counts = self.counts(nats)
        low, high = interval(ratio, counts, self.owners, self.seed)
        value = float(ratio(counts.sum(0)))
        return {"bits_per_byte": value, "bits_per_byte_low": low, "bits_per_byte_high": high}

    def compare(self, nats: Floats, theirs: Floats) -> dict[str, float]:
        """By how many bits per byte the first are fewer."""
        counts, others = self.counts(theirs), self.counts(nats)
        return asdict(compare_resampled(ratio, counts, others, self.owners, self.seed))

    def counts(self, nats: Floats) -> Counts:
        """Bits and bytes (rows, 2)."""
        return np.stack([nats / np.log(2), self.text_bytes], axis=1)


def _numbered(owners: Sequence[int]) -> npt.NDArray[np.int64]:
    """The numbers of groups, those without a row left out."""
    return np.unique(owners, return_inverse=True)[1].astype(np.int64)


def _measure(subject: Subject, model: Model, test: _Test, questions: Sequence[Question]) -> _Found:
    assert isinstance(model, LanguageModel)
    answers = score_answers(model, subject.vocabulary.pad, test.rows, ends=False)
    right = choices(model, subject.vocabulary, questions)
    replies, ended = _reply(subject, model, [question.turns for question in questions[:REPLIES]])
    figures = {
        **test.bits(answers.nats),
        **_hits(subject, right["pmi"], questions),
        "hits_at_1_sum": float(right["sum"].mean()),
        "hits_at_1_per_byte": float(right["per_byte"].mean()),
        "ended": ended,
        **_variety(replies),
    }
    return _Found(figures, answers.nats, calibration(answers.confidence, answers.right), replies)


def _reply(
    subject: Subject, model: LanguageModel, conversations: Sequence[Sequence[Turn]]
) -> tuple[list[str], float]:
    """What a model answers, and the share of answers that end by themselves."""
    most, vocabulary = subject.settings.max_new_tokens, subject.vocabulary
    settings = GenerationConfig(
        max_new_tokens=most, temperature=subject.settings.temperature, seed=subject.settings.seed
    )
    prompts = [chat_prompt(vocabulary, turns, model.config.context - most) for turns in conversations]
    written = [answers[0] for answers in generate_ids(model, vocabulary, prompts, settings)]
    ended = sum(len(answer) < most for answer in written) / max(1, len(written))
    return [vocabulary.decode(answer) for answer in written], ended


def _hits(subject: Subject, right: npt.NDArray[np.bool_], questions: Sequence[Question]) -> dict[str, float]:
    counts = np.stack([right, np.ones(len(right))], axis=1).astype(np.float64)
    owners = _numbered([question.conversation for question in questions])
    low, high = interval(ratio, counts, owners, subject.settings.seed)
    return {"hits_at_1": float(right.mean()), "hits_at_1_low": low, "hits_at_1_high": high}


def _variety(texts: Sequence[str]) -> dict[str, float]:
    return {f"distinct_{length}": distinct(texts, length) for length in (1, 2)}


def _samples(subject: Subject) -> list[dict[str, Any]]:
    """Answers to the prompts of params.yaml, each a conversation of its own."""
    assert isinstance(subject.model, LanguageModel)
    prompts = whole_texts(read_normalization(subject.folder), subject.settings.prompts)
    replies, _ = _reply(subject, subject.model, [[Turn("user", prompt)] for prompt in prompts])
    return [_sample([Turn("user", prompt)], reply) for prompt, reply in zip(prompts, replies, strict=True)]


def _shown(questions: Sequence[Question], replies: Sequence[str]) -> list[dict[str, Any]]:
    pairs = zip(questions[:SHOWN], replies, strict=False)
    return [_sample(question.turns[-SHOWN_TURNS:], reply) for question, reply in pairs]


def _sample(turns: Sequence[Turn], reply: str) -> dict[str, Any]:
    said = "".join(f"{turn.role}: {turn.content}\n" for turn in turns)
    return {"prompt": f"{said}assistant: ", "continuations": [reply]}


def chat_parts(subject: Subject, metric: str) -> Parts | None:
    """The parts of bits per byte by conversation; None of another figure.

    A conversation of which nothing fits into the model's context counts nothing.
    """
    if metric != "bits_per_byte":
        return None
    model = subject.model
    assert isinstance(model, LanguageModel)
    documents, conversations = _conversations(subject, "test", subject.sources)
    context, seed = model.config.context, subject.settings.seed
    test = _Test.of(subject.vocabulary, conversations, context, seed)
    owners = [number for number, _ in _rows(subject.vocabulary, conversations, context)]
    nats = score_answers(model, subject.vocabulary.pad, test.rows, ends=False).nats
    counts = np.zeros((len(conversations), 2))
    np.add.at(counts, owners, test.counts(nats))
    units, groups = documents_and_groups(documents)
    return Parts(tuple(units), tuple(groups), counts, ratio)
