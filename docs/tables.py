"""The tables of the two READMEs, from ``data/metrics``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenmill.cli import figures
from tokenmill.cli.figures import count, decimal, figure, percent, read_metrics

WORDS = {
    "en": {
        "measure": "measured on test data",
        "model": "model",
        "beside it": "beside it",
        "sentiment": "sentiment: accuracy (95% interval)",
        "gpt": "gpt: bits per byte, lower is better",
        "bert": "bert: accuracy on masked tokens",
        "t5": "t5: accuracy on the tokens of hidden spans",
        "control": "same model from random weights {0}; TF-IDF with logistic regression {1}",
        "ngram": "Kneser-Ney {0}-gram on the same tokens {1}",
        "frequent": "always the most frequent token {0}",
        "tokens": "Tokens: {train} for training, {validation} for validation, {test} for test. "
        "In training gpt saw {gpt}, bert {bert}, t5 {t5}, repeats counted.",
        "passed": "On validation data gpt passed the n-gram after {0} tokens.",
        "not passed": "On validation data gpt did not pass the n-gram.",
        "source": "source",
        "read": "documents read",
        "kept": "kept",
        "dropped": "dropped",
        "total": "all",
    },
    "zh": {
        "measure": "测试集指标",
        "model": "模型",
        "beside it": "对照",
        "sentiment": "sentiment：准确率（95% 置信区间）",
        "gpt": "gpt：每字节比特数，越低越好",
        "bert": "bert：掩码 token 准确率",
        "t5": "t5：被遮片段的 token 准确率",
        "control": "同一模型从随机权重训练 {0}；TF-IDF + 逻辑回归 {1}",
        "ngram": "用相同 token 训练的 Kneser-Ney {0}-gram {1}",
        "frequent": "总是猜最常见的 token {0}",
        "tokens": "token 数：训练 {train}，验证 {validation}，测试 {test}。"
        "训练中 gpt 处理了 {gpt} 个，bert 处理了 {bert} 个，t5 处理了 {t5} 个（含重复）。",
        "passed": "在验证集上，gpt 处理 {0} 个 token 后超过 n-gram。",
        "not passed": "在验证集上，gpt 未能超过 n-gram。",
        "source": "数据源",
        "read": "读入文档",
        "kept": "保留",
        "dropped": "丢弃",
        "total": "合计",
    },
}
"""Language -> the words of the tables."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int) -> str:
    """A Markdown table; columns from ``numbers_from`` on are aligned to the right."""
    rule = ["---" if column < numbers_from else "---:" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def results_table(metrics: Path, language: str) -> str:
    """The main figures of all models, each beside what it has to beat."""
    words, found = WORDS[language], read_metrics(metrics)

    def measured(place: tuple[str, ...]) -> Any:
        return figure(found, "evaluate", *place)

    low, high = (measured(("sentiment", f"accuracy_{end}")) for end in ("low", "high"))
    rows = [
        (
            words["sentiment"],
            f"{percent(measured(figures.SENTIMENT))} ({percent(low)} – {percent(high)})",
            words["control"].format(percent(measured(figures.CONTROL)), percent(measured(figures.TFIDF))),
        ),
        (
            words["gpt"],
            decimal(measured(figures.GPT)),
            words["ngram"].format(measured(figures.NGRAM_ORDER), decimal(measured(figures.NGRAM))),
        ),
        (
            words["bert"],
            percent(measured(figures.BERT)),
            words["frequent"].format(percent(measured(figures.MOST_FREQUENT))),
        ),
        (
            words["t5"],
            percent(measured(figures.T5)),
            words["frequent"].format(percent(measured(figures.MOST_FREQUENT))),
        ),
    ]
    tokens = {
        split: count(figure(found, "tokenize", split, "tokens")) for split in ("train", "validation", "test")
    }
    seen = {name: count(figure(found, f"pretrain-{name}", "tokens_seen")) for name in ("gpt", "bert", "t5")}
    passed = measured(figures.PASSED)
    below = [
        words["tokens"].format(**tokens, **seen),
        words["passed"].format(count(passed)) if passed is not None else words["not passed"],
    ]
    space = " " if language == "en" else ""
    return f"{table((words['measure'], words['model'], words['beside it']), rows, 3)}\n\n{space.join(below)}"


def documents_table(metrics: Path, language: str) -> str:
    """Documents read, kept and dropped, by source."""
    words, cleaned = WORDS[language], read_metrics(metrics).get("clean", {})
    groups = [*sorted(cleaned.get("sources", {}).items()), (words["total"], cleaned.get("total", {}))]
    rows = [
        (name, count(part.get("read")), count(part.get("kept")), _dropped(part.get("dropped", {})))
        for name, part in groups
    ]
    return table([words[key] for key in ("source", "read", "kept", "dropped")], rows, 1)


def _dropped(by_rule: dict[str, int]) -> str:
    reasons = ", ".join(f"{rule} {count(number)}" for rule, number in by_rule.items() if number)
    return count(sum(by_rule.values())) + (f" ({reasons})" if reasons else "")
