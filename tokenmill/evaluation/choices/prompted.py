"""Labels of texts as words of a template, after a few examples: in-context learning (Brown et al. 2020)."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.core.errors import UserError
from tokenmill.evaluation.choices.items import Flags, Item, Measured, centred
from tokenmill.evaluation.choices.settings import PromptedSettings
from tokenmill.evaluation.drawing import drawn
from tokenmill.evaluation.few_examples import draw_examples, logistic_predictions, spread, tfidf
from tokenmill.inference.choose import RANKINGS, Choice, Floats, fitted, score_choices
from tokenmill.inference.normalization import Steps, inner_texts
from tokenmill.model.heads import Model
from tokenmill.text.vocabulary import Vocabulary

CONTENT_FREE = ("N/A", "[MASK]", "")
"""Texts that say nothing, by which a model is calibrated (Zhao et al. 2021)."""
LEAST_ROOM = 4
"""Tokens for a text."""


@dataclass(frozen=True)
class Template:
    """A template and its labels' words, as the model reads them."""

    parts: tuple[str, str, str]
    """What stands before the text, between it and the label, behind the label."""
    words: tuple[str, ...]

    @classmethod
    def read(cls, template: str, words: Sequence[str], steps: Steps) -> "Template":
        """Of a template of the settings."""
        before, rest = template.split("{text}")
        between, after = rest.split("{label}")
        normalised = inner_texts(steps, [before, between, after, *words])
        return cls((normalised[0], normalised[1], normalised[2]), tuple(normalised[3:]))

    def example(self, text: str, label: int) -> str:
        """A line that shows how it is done."""
        return f"{self.parts[0]}{text}{self.parts[1]}{self.words[label]}{self.parts[2]}\n"

    def choice(self, examples: str, text: str) -> Choice:
        """What is asked."""
        return Choice(f"{examples}{self.parts[0]}{text}{self.parts[1]}", self.words, self.parts[2])


@dataclass(frozen=True)
class Texts:
    """Documents with the numbers of their labels."""

    ids: list[str]
    texts: list[str]
    labels: list[int]

    @classmethod
    def read(cls, documents: pl.DataFrame, labels: Sequence[str], where: str) -> "Texts":
        """The labelled ones.

        Raises:
            UserError: there is none, or one has a label without words.
        """
        labelled = documents.drop_nulls("label").sort("id")
        if labelled.is_empty():
            raise UserError(f"{where}.source: no labelled documents; name a source with labels")
        unknown = sorted(set(labelled["label"]) - set(labels))
        if unknown:
            raise UserError(f"{where}.labels has no words for the label {unknown[0]!r}; add them")
        numbers = [labels.index(label) for label in labelled["label"]]
        return cls(labelled["id"].to_list(), labelled["text"].to_list(), numbers)

    def drawn(self, count: int | None, seed: int) -> "Texts":
        """So many of them, by chance."""
        places = drawn(len(self.ids), count, seed)
        ids, texts = ([values[n] for n in places] for values in (self.ids, self.texts))
        return Texts(ids, texts, [self.labels[n] for n in places])


class Prompted:
    """One entry: its test documents, its training documents, and the model that is asked."""

    def __init__(
        self,
        model: Model,
        vocabulary: Vocabulary,
        settings: PromptedSettings,
        splits: tuple[pl.DataFrame, pl.DataFrame],
        steps: Steps,
        where: str,
    ) -> None:
        labels = sorted(settings.labels)
        self.model, self.vocabulary, self.settings, self.where = model, vocabulary, settings, where
        self.train = Texts.read(splits[0], labels, where)
        self.test = Texts.read(splits[1], labels, where).drawn(settings.items, settings.seed)
        words = [settings.labels[label] for label in labels]
        self.templates = [Template.read(template, words, steps) for template in settings.templates]

    def items(self, template: Template, examples: Sequence[int] = ()) -> list[Item]:
        """The test documents as choices after examples, each text cut so that all fit into the context."""
        ask = self._asking(template, examples)
        rows = zip(self.test.ids, self.test.texts, self.test.labels, strict=True)
        return [Item(id, ask(text), label, id) for id, text, label in rows]

    def measure(self) -> dict[str, Any]:
        """Accuracies by number of examples: means over templates and draws, with their spread."""
        weigh = tfidf(self.train.texts)
        asked, actual = weigh(self.test.texts), np.array(self.test.labels)
        curve = []
        for shots in sorted(set(self.settings.shots)):
            runs: dict[str, list[Flags]] = {name: [] for name in (*RANKINGS, "calibrated")}
            rival = []
            for number in range(self.settings.draws if shots else 1):
                draw = random.Random(f"{self.settings.seed}:{shots}:{number}")
                examples = draw_examples(self.train.labels, shots, draw, f"{self.where}.shots")
                for template in self.templates:
                    for name, right in self._rights(template, examples).items():
                        runs[name].append(right)
                if shots:
                    vectors = weigh([self.train.texts[n] for n in examples])
                    learned = np.array([self.train.labels[n] for n in examples])
                    rival.append(logistic_predictions(vectors, learned, asked) == actual)
            row: dict[str, Any] = {
                "shots": shots,
                "accuracies": {name: self._spread(each) for name, each in runs.items()},
                "rivals": {},
            }
            if rival:
                label = "TF-IDF + logistic regression on the same examples"
                row["rivals"]["tfidf"] = {"label": label, **self._spread(rival)}
            curve.append(row)
        return {
            "items": len(actual),
            "chance": self.chance,
            "templates": len(self.templates),
            "ranking": "calibrated",
            "curve": curve,
        }

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""
        return 1 / len(self.settings.labels)

    def _spread(self, runs: Sequence[Flags]) -> dict[str, float]:
        found = spread(runs)
        return {**found, "centred": centred(found["accuracy"], self.chance)}

    def _asking(self, template: Template, examples: Sequence[int]) -> Callable[[str], Choice]:
        """What makes a choice of a text, after examples."""
        room = self._room(template, len(examples))
        shown = "".join(
            template.example(self._cut(self.train.texts[n], room), self.train.labels[n]) for n in examples
        )
        context = self.model.config.context
        return lambda text: fitted(self.vocabulary, template.choice(shown, self._cut(text, room)), context)

    def _rights(self, template: Template, examples: Sequence[int]) -> dict[str, Flags]:
        """Which of the test documents get their label, by ranking."""
        ask = self._asking(template, examples)
        free = [ask(text) for text in CONTENT_FREE]
        items = self.items(template, examples)
        scored = score_choices(self.model, self.vocabulary, [*free, *(item.choice for item in items)])
        prior = np.mean([_shares(scores["sum"]) for scores in scored[: len(free)]], axis=0)
        found = scored[len(free) :]
        ranked = {name: [scores[name] for scores in found] for name in RANKINGS}
        ranked["calibrated"] = [_shares(scores["sum"]) / prior for scores in found]
        return {name: Measured(name, scores).right(items) for name, scores in ranked.items()}

    def _room(self, template: Template, shots: int) -> int:
        longest = max(range(len(template.words)), key=lambda label: len(template.words[label]))
        line = self.vocabulary.tokenizer.encode(template.example("", longest), add_special_tokens=False)
        context = self.model.config.context
        room = (context - 2) // (shots + 1) - len(line.ids)
        if room < LEAST_ROOM:
            raise UserError(
                f"{self.where}.shots: {shots} examples leave {max(room, 0)} tokens for a text in the context "
                f"of {context}; lower it, or shorten the template"
            )
        return room

    def _cut(self, text: str, room: int) -> str:
        offsets = self.vocabulary.tokenizer.encode(text, add_special_tokens=False).offsets
        return text if len(offsets) <= room else text[: offsets[room - 1][1]]


def _shares(nats: Floats) -> npt.NDArray[np.float64]:
    """Probabilities among the candidates."""
    shares = np.exp(nats - nats.max())
    return shares / shares.sum()
