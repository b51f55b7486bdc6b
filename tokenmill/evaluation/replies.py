"""What answers in conversations are measured by: candidates to choose among, variety, retrieval."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer

from tokenmill.data.documents.conversations import Turn

CANDIDATES = 10
"""Answers among which one is right, at most."""
CONTEXT_TURNS = 3
"""Of a conversation so many of the last turns are what retrieval goes by."""

WORDS = r"[\u3400-\u4dbf\u4e00-\u9fff]|[^\W\u3400-\u4dbf\u4e00-\u9fff]+"
"""A Chinese character, or letters and digits of other scripts."""


@dataclass(frozen=True)
class Question:
    """A place in a conversation where the assistant answers."""

    conversation: int
    """Number of the conversation."""
    turns: tuple[Turn, ...]
    """All before the answer."""
    candidates: tuple[str, ...]
    """Answers, the last of which is the right one: who takes the first of equally good ones is wrong."""


def ask(
    conversations: Sequence[Sequence[Turn]],
    *,
    questions: int,
    fits: Callable[[Sequence[Turn], str], bool],
    seed: int,
) -> list[Question]:
    """Places drawn from ``seed``, each with candidates drawn from the answers in other conversations.

    Args:
        conversations: turns of each.
        questions: so many at most.
        fits: whether turns that end with a user's and an answer to them fit into a context.
        seed: draws.

    Returns:
        Questions by their conversations; those with a single candidate are left out.
    """
    draw = np.random.default_rng(seed)
    places = [
        (number, place)
        for number, turns in enumerate(conversations)
        for place, turn in enumerate(turns)
        if turn.role == "assistant" and turns[place - 1].role == "user" and fits(turns[:place], turn.content)
    ]
    chosen = sorted(draw.permutation(len(places))[:questions].tolist())
    asked = []
    for number, place in (places[index] for index in chosen):
        right, others = conversations[number][place].content, list[str]()
        for index in draw.permutation(len(places)).tolist():
            other, at = places[index]
            content = conversations[other][at].content
            if other != number and content != right and content not in others:
                others.append(content)
            if len(others) == CANDIDATES - 1:
                break
        if others:
            asked.append(Question(number, tuple(conversations[number][:place]), (*others, right)))
    return asked


def distinct(texts: Sequence[str], length: int) -> float:
    """Different runs of ``length`` words among all such runs of texts (Li et al. 2016); 0 of no words."""
    runs = []
    for text in texts:
        words = re.findall(WORDS, text.lower())
        runs += [tuple(words[at : at + length]) for at in range(len(words) - length + 1)]
    return len(set(runs)) / max(1, len(runs))


class Retrieval:
    """TF-IDF over the words of turns: the rival that answers with what others were answered."""

    def __init__(self, conversations: Sequence[Sequence[Turn]]) -> None:
        """Learn from training conversations."""
        pairs = [
            (before.content, answer.content)
            for turns in conversations
            for before, answer in pairwise(turns)
            if answer.role == "assistant"
        ]
        self.answers = [answer for _, answer in pairs]
        self._vectorizer = TfidfVectorizer(token_pattern=f"(?u){WORDS}", sublinear_tf=True)
        self._vectorizer.fit(turn.content for turns in conversations for turn in turns)
        self._questions = self._vectorizer.transform([question for question, _ in pairs])

    def right(self, questions: Sequence[Question]) -> npt.NDArray[np.bool_]:
        """Whether of each question's candidates the one most like its last turns is the right one."""
        found = []
        for question in questions:
            context = " ".join(turn.content for turn in question.turns[-CONTEXT_TURNS:])
            vectors = self._vectorizer.transform([context, *question.candidates])
            found.append(int((vectors[1:] @ vectors[0].T).toarray()[:, 0].argmax()))
        return np.array([place == len(q.candidates) - 1 for place, q in zip(found, questions, strict=True)])

    def reply(self, questions: Sequence[Question]) -> list[str]:
        """To each question the answer to the training turn that is most like its last one."""
        asked = self._vectorizer.transform([question.turns[-1].content for question in questions])
        return [self.answers[place] for place in (asked @ self._questions.T).toarray().argmax(1)]
