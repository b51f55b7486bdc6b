"""``tokenmill results``: what ran, how long it took, what came out, and where to look next."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenmill.cli import figures
from tokenmill.cli.figures import Metrics, count, decimal, figure, percent, read_metrics

ORDER = ("ingest", "measure", "clean", "tokenize", "pretrain", "finetune", "evaluate", "register")
"""Stages as a person reads them; those of one name (``pretrain-gpt``) stay together, sorted."""

WIDTH = 160
"""Columns where the output is no terminal (a log, a pipe): a stage then takes one line."""


def show(root: Path) -> None:
    """Print the table of stages and three lines on where to look next.

    Raises:
        UserError: no stage has run yet.
    """
    from rich.console import Console
    from rich.table import Table

    metrics = read_metrics(root / "data" / "metrics")
    took = seconds(root / ".work")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("stage", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("main figures", overflow="fold")
    stages = {*metrics, *({"register"} if (root / "data" / "registry.json").exists() else set())}
    for stage in sorted(stages, key=_place):
        facts = registered(root) if stage == "register" else main_figures(stage, metrics[stage])
        table.add_row(stage, f"{took[stage]:.1f}" if stage in took else "–", "; ".join(facts))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    console.print(table)
    console.print()
    for line in where_next(metrics):
        console.print(line, markup=False)


def seconds(work: Path) -> dict[str, float]:
    """Stage -> seconds of the last run on this machine; a stage that came from DVC's cache is not in it."""
    found = {}
    for path in sorted(work.glob("*/last.json")):
        value = json.loads(path.read_text("utf-8")).get("seconds")
        if isinstance(value, int | float):
            found[path.parent.name.replace("@", "-")] = float(value)
    return found


def _place(stage: str) -> tuple[int, str]:
    name = stage.partition("-")[0]
    return (ORDER.index(name) if name in ORDER else len(ORDER), stage)


def main_figures(stage: str, metrics: Metrics) -> list[str]:
    """The few figures of a stage that a person looks at first."""
    match stage.partition("-")[0]:
        case "ingest":
            total = metrics["total"]
            return [
                f"{count(total['documents'])} documents",
                f"{count(total['characters'])} characters",
                f"{count(total['rejects'])} bad lines",
            ]
        case "clean":
            total = metrics["total"]
            return [f"{count(total['kept'])} of {count(total['read'])} documents kept"]
        case "tokenize":
            train = metrics["train"]
            return [
                f"{count(train['tokens'])} training tokens",
                f"{decimal(train['bytes_per_token'])} bytes a token",
                f"vocabulary {count(metrics['vocab_size'])}",
            ]
        case "pretrain":
            return [f"{count(metrics['tokens_seen'])} tokens seen", *_validation(metrics["validation"])]
        case "finetune":
            return [
                f"{start}: validation accuracy {percent(figure(metrics, start, 'validation', 'accuracy'))}"
                for start in ("pretrained", "control")
            ]
        case "evaluate":
            return _evaluation(metrics)
    return []


def _validation(validation: Mapping[str, Any]) -> list[str]:
    if "bits_per_byte" in validation:
        return [f"validation bits per byte {decimal(validation['bits_per_byte'])}"]
    return [f"validation accuracy {percent(validation.get('accuracy'))}"]


def _evaluation(metrics: Metrics) -> list[str]:
    accuracy, control, tfidf, bert = (
        percent(figure(metrics, *place))
        for place in (figures.SENTIMENT, figures.CONTROL, figures.TFIDF, figures.BERT)
    )
    gpt, ngram = (decimal(figure(metrics, *place)) for place in (figures.GPT, figures.NGRAM))
    return [
        f"sentiment accuracy {accuracy} (control {control}, TF-IDF {tfidf})",
        f"gpt bits per byte {gpt} (n-gram {ngram})",
        f"bert masked accuracy {bert}",
    ]


def registered(root: Path) -> list[str]:
    """What ``data/registry.json`` names; versions and aliases are MLflow's."""
    models = json.loads((root / "data" / "registry.json").read_text("utf-8"))["models"]
    return [f"{model['name']} ({model['metric']} {decimal(model['value'])})" for model in models]


def where_next(metrics: Mapping[str, Metrics]) -> list[str]:
    """Three lines: the models, MLflow's UI, generating text."""
    causal = [
        name for name, value in metrics.items() if figure(value, "validation", "bits_per_byte") is not None
    ]
    model = f"data/models/{causal[0].removeprefix('pretrain-')}" if causal else "models:/NAME@champion"
    return [
        "models:    data/models/, the report on them is data/evaluation/report.html",
        "MLflow:    make mlflow, then open http://127.0.0.1:5000",
        f"generate:  .venv/bin/tokenmill generate {model} 中国",
    ]
