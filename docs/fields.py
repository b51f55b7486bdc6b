"""What is said about settings: the docstrings under the fields of their types, read from the source."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from itertools import pairwise

from pydantic import BaseModel

UNSAID = {
    "PackageSource.package": "Name of the distribution, as pip knows it.",
    "FileSettings.format": "`auto` tells it from the files' names; docs/formats.md has samples of all.",
    "HuggingFaceSource.dataset": "Folder below data/sources, or its name on the hub.",
    "HuggingFaceSource.subset": "Name of the part of a dataset that has several.",
    "HuggingFaceSource.split": "Of the dataset's own splits, the one that is read.",
    "HuggingFaceSource.revision": "Commit, tag or branch on the hub.",
    "SubstringSettings.min_characters": "A shorter passage stays.",
    "SplitSettings.validation": "Share by which a training is watched.",
    "SplitSettings.test": "Share on which models are evaluated.",
    "TokenizeSettings.algorithm": "Of a tokenizer that is trained: byte-level BPE, WordPiece or Unigram.",
    "TokenizeSettings.vocab_size": "Tokens of a tokenizer that is trained.",
    "PretrainSettings.family": "Architecture of fresh weights; docs/models.md describes all.",
    "PretrainSettings.width": "Dimensions of the hidden states.",
    "PretrainSettings.heads": "Of the attention.",
    "PretrainSettings.seed": "Of fresh weights and of the order of documents.",
    "TaskSettings.epochs": "Passes over the training documents.",
    "TaskSettings.batch_size": "Examples in one optimizer step.",
    "TaskSettings.max_tokens": "A longer text is cut, or read in pieces, as the task has it.",
    "TaskSettings.dropout": "Share of the hidden values that are set to zero while training.",
    "TaskSettings.seed": "Of new weights and of the order of documents.",
    "ClassificationSettings.problem": "What a document's label is: one name, several, or a number.",
    "LoraSettings.dropout": "Share of their inputs that is set to zero while training.",
    "EvaluateSettings.temperature": "Of sampling; less favours what is likely.",
    "EvaluateSettings.seed": "Of sampling.",
    "ChoiceSettings.seed": "Of what is drawn.",
    "EmbeddingSettings.source": "Whose documents are embedded.",
    "EmbeddingSettings.pooling": "Which position stands for a text.",
    "EmbeddingSettings.seed": "Of what is drawn.",
    "RegisteredModel.name": "In the registry.",
    "RegisteredModel.metric": "The figure that decides, of those that the model's evaluation writes.",
    "RegisteredModel.better": "Which way the figure is better.",
    "RuntimeSettings.log_every_steps": "Optimizer steps between two points of the curves.",
}
"""``CLASS.FIELD`` -> what is said about a field that has no docstring. A tag that tells kinds apart, and a
field that is a group of settings, need none: their class has one."""


def plain(text: str) -> str:
    """A docstring as Markdown: roles and double backquotes become code, a paragraph becomes a line."""
    text = re.sub(r":\w+:`([^`]*)`", r"`\1`", text.strip()).replace("``", "`")
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def explanations(model: type[BaseModel]) -> dict[str, str]:
    """Field -> the docstring under it, in the class or those that it inherits from, or what UNSAID says."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        said = _docstrings(base) if base.__module__.startswith("tokenmill.") else ()
        own = {name: text or UNSAID.get(f"{base.__name__}.{name}", "") for name, text in said}
        found |= {name: text for name, text in own.items() if text}
    return found


def _docstrings(model: type) -> Iterator[tuple[str, str]]:
    """The fields of a class with the docstrings below them, or "". Thresholds, which have none, are made of a
    table."""
    body = ast.parse(inspect.getsource(sys.modules[model.__module__])).body
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name == model.__name__:
            for field, below in pairwise([*node.body, ast.Pass()]):
                if isinstance(field, ast.AnnAssign):
                    text = ast.literal_eval(below.value) if isinstance(below, ast.Expr) else ""
                    yield ast.unparse(field.target), plain(text)
