"""The tables of the two READMEs, from params.yaml, ``data/metrics`` and ``data/plots/drops.csv``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from stages.params import load_params
from tokenmill.cli.figures import Metrics, headline, number, read_metrics
from tokenmill.cli.results import stage_names
from tokenmill.report.words import figure_of

KEPT = "kept"
"""The reason under which drops.csv counts the documents that were kept."""

WORDS = {
    "en": {
        "measure": "measured on test data",
        "value": "model",
        "beside": "beside it",
        "source": "source",
        "read": "documents read",
        "kept": "kept",
        "dropped": "dropped",
        "total": "all",
        "none": "No model is measured.",
        "bits_per_byte": "bits per byte, lower is better",
        "accuracy": "accuracy",
        "f1": "F1",
        "control": "the same from random weights",
        "tfidf": "TF-IDF with logistic regression",
        "without_ngrams": "the same without n-grams",
        "ngram": "Kneser-Ney n-gram on the same training text",
        "unigram": "always the most frequent token",
        "crf": "conditional random field",
        "dictionary": "entities of training, longest match",
        "frequency": "most frequent word",
        "bigrams": "word bigrams",
        "name": "{0}: {1}",
    },
    "zh": {
        "measure": "测试集指标",
        "value": "模型",
        "beside": "对照",
        "source": "数据源",
        "read": "读入文档",
        "kept": "保留",
        "dropped": "丢弃",
        "total": "合计",
        "none": "没有评估任何模型。",
        "bits_per_byte": "每字节比特数，越低越好",
        "accuracy": "准确率",
        "f1": "F1",
        "control": "同一模型从随机权重训练",
        "tfidf": "TF-IDF + 逻辑回归",
        "without_ngrams": "同一模型不带 n-gram",
        "ngram": "用相同训练文本的 Kneser-Ney n-gram",
        "unigram": "总是猜最常见的 token",
        "crf": "条件随机场",
        "dictionary": "训练集实体的最长匹配",
        "frequency": "最常见的词",
        "bigrams": "词二元组",
        "name": "{0}：{1}",
    },
}
"""Language -> the words of the tables. A figure or a rival that is not named here goes by its own name."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int) -> str:
    """A Markdown table; columns from ``numbers_from`` on are aligned to the right."""
    rule = ["---" if column < numbers_from else "---:" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def results_table(root: Path, language: str) -> str:
    """The headline figures of all evaluated models, each beside what it has to beat."""
    words = WORDS[language]
    stages = stage_names(load_params(root / "params.yaml").trained)
    rows = []
    for stage, metrics in read_metrics(root / "data" / "metrics", stages).items():
        group, _, name = stage.partition("@")
        if group != "evaluate":
            continue
        rows.append(_result(name, metrics, words))
        asked = metrics.get("choices", {}).items()
        rows += [_result(f"{name}, {entry}", of, words) for entry, of in asked if "rivals" in of]
    if not rows:
        return words["none"]
    return table([words[key] for key in ("measure", "value", "beside")], rows, 3)


def _result(name: str, metrics: Metrics, words: Mapping[str, str]) -> tuple[str, str, str]:
    """A figure of a model, and those of its rivals."""
    metric = headline(metrics)
    show = figure_of(metric).show
    rivals = [f"{words.get(rival, rival)} {show(value)}" for rival, value in metrics["rivals"].items()]
    called = words["name"].format(name, words.get(metric, metric))
    return called, show(metrics[metric]), "; ".join(rivals)


def documents_table(root: Path, language: str) -> str:
    """Documents read, kept and dropped, by source."""
    words, drops = WORDS[language], pl.read_csv(root / "data" / "plots" / "drops.csv")
    sources = [(source, part) for (source,), part in drops.group_by("source", maintain_order=True)]
    rows = [_documents(name, part) for name, part in (*sorted(sources), (words["total"], drops))]
    return table([words[key] for key in ("source", "read", "kept", "dropped")], rows, 1)


def _documents(name: str, part: pl.DataFrame) -> tuple[str, str, str, str]:
    by_reason = dict(part.group_by("reason").agg(pl.col("documents").sum()).sort("reason").iter_rows())
    kept = by_reason.pop(KEPT, 0)
    dropped = sum(by_reason.values())
    reasons = ", ".join(f"{reason} {number(count)}" for reason, count in by_reason.items() if count)
    return name, number(kept + dropped), number(kept), number(dropped) + (f" ({reasons})" if reasons else "")
