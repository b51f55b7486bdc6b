"""README.md of a model folder: what the model is, how to use it, what it comes from.

It follows from the model and its ancestry alone. The card with the model's figures is the report's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenmill.core.normalization import FILE, Normalization
from tokenmill.model.digest import converses
from tokenmill.model.heads import Model
from tokenmill.model.names import Kind
from tokenmill.model.published.architectures import published_class

HERE = "path/to/this/folder"


@dataclass(frozen=True)
class Use:
    """What a kind of model is used with."""

    task: str
    """The Hugging Face hub's name of what it does."""
    function: str
    """That of :mod:`tokenmill`."""
    transformers: str
    """A call of stock ``transformers``; ``{}`` stands for the folder."""


USE: Mapping[Kind, Use] = {
    "causal-lm": Use("text-generation", "generate", 'pipeline("text-generation", model="{}")'),
    "masked-lm": Use("fill-mask", "fill", 'pipeline("fill-mask", model="{}")'),
    "text-to-text": Use("text2text-generation", "generate", 'AutoModelForSeq2SeqLM.from_pretrained("{}")'),
    "features": Use("feature-extraction", "embed", 'AutoModel.from_pretrained("{}")'),
    "sequence-classifier": Use(
        "text-classification", "classify", 'pipeline("text-classification", model="{}")'
    ),
    "token-classifier": Use("token-classification", "tag", 'pipeline("token-classification", model="{}")'),
    "character-classifier": Use("token-classification", "tag", ""),
    "span-extractor": Use(
        "question-answering", "answer", 'AutoModelForQuestionAnswering.from_pretrained("{}")'
    ),
}


STEPS = {
    "remove_html": "HTML removed",
    "simplify_chinese": "Traditional Chinese made Simplified",
    "replace_pii": "personal data replaced by placeholders such as [PHONE]",
    "keep_white_space": "indentation kept",
}
"""The steps of normalising in words."""


def normalised(normalization: Normalization, *, published: bool) -> str:
    """What the model's texts went through, in a sentence or two."""
    steps = "".join(f", {words}" for name, words in STEPS.items() if getattr(normalization, name))
    ours = (
        "Its training texts were normalised: full-width letters and digits, white space and Unicode in one "
        f"form{steps}. {FILE} says so, and Tokenmill does the same to what the model is asked with."
    )
    return f"{ours} Stock `transformers` does not: give it texts in that form." if published else ours


def transformers_call(kind: Kind, folder: str) -> tuple[str, str]:
    """What to import from ``transformers`` for a kind of model, and the call that loads a folder."""
    call = USE[kind].transformers.format(folder)
    return call.split("(")[0].split(".")[0], call


def model_readme(
    model: Model, ancestry: Mapping[str, Any], normalization: Normalization | None = None
) -> str:
    """The text of README.md, as Markdown with the hub's front matter."""
    config, published = model.config, published_class(model.config)
    use = USE[config.kind]
    function = "chat" if converses(ancestry) else use.function
    parameters = sum(parameter.numel() for parameter in model.parameters())
    layers = f"{config.layers} + {config.decoder_layers}" if config.decoder_layers else str(config.layers)
    lines = [
        "---",
        f"library_name: {'transformers' if published else 'tokenmill'}",
        f"pipeline_tag: {use.task}",
        "---",
        "",
        f"# A {config.family} model ({config.kind})",
        "",
        f"{parameters:,} parameters: {layers} layers of width {config.width} with {config.heads} heads, a "
        f"vocabulary of {config.vocab_size:,} tokens, inputs of up to {config.context:,} tokens.",
        *([f"Its labels are {', '.join(config.labels)}."] if config.labels else []),
        "",
        "## How to use it",
        "",
        f"`tokenmill.{function}(...)` in Python, or the command `tokenmill` on the folder:",
        "",
        "```python",
        "import tokenmill",
        "",
        f'model = tokenmill.load("{HERE}")',
        f"tokenmill.{function}(model, ...)",
        "```",
    ]
    if ancestry.get("pretrain", {}).get("fim_rate"):
        lines += ["", "It fills gaps, too: `tokenmill.generate(model, before, suffixes=behind)`."]
    if published:
        name, call = transformers_call(config.kind, HERE)
        lines += [
            "",
            f"Stock `transformers` loads it as `{published}`, with no code of Tokenmill's:",
            "",
            "```python",
            f"from transformers import {name}",
            "",
            call,
            "```",
        ]
    if normalization is not None:
        lines += ["", normalised(normalization, published=published is not None)]
    lines += ["", "## What it comes from", "", "ancestry.json has all of it; the digests are SHA-256.", ""]
    lines += [f"- {name}: `{value}`" for name, value in sorted(ancestry.items()) if isinstance(value, str)]
    return "\n".join(lines) + "\n"
