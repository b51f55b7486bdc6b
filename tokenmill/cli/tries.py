"""Commands that try the models of a project, each with a text of its own.

That is a prompt from params.yaml, or one of the test documents of the model's sources.
"""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json
from tokenmill.model.digest import converses
from tokenmill.report.words import KINDS

GAP = "<mask>"
NO_EXAMPLE = {"text": "a text", "question": "a question"}


def tries(root: Path, trained: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A command for each kind of use that there is a model for, with the first such model.

    Args:
        root: the project.
        trained: the groups of params.yaml that name models, as ``Params.trained`` has them.
    """
    program = ".venv/bin/tokenmill" if (root / ".venv").exists() else "tokenmill"
    names = [*trained["pretrain"], *trained["finetune"]]
    used = {name: _use(root / "data" / "models" / name) for name in names}
    for command in dict.fromkeys(kind.command for kind in KINDS.values()):
        model = next((name for name in names if used[name] == command), None)
        if model is not None:
            prompts = trained["evaluate"].get(model, {}).get("prompts")
            asked = (
                {"text": prompts[0]} if prompts and command == "generate" else _example(root, model, command)
            )
            yield _line(f"{program} {command} data/models/{model}", command, asked)


def _use(folder: Path) -> str | None:
    """The command for the model in a folder; None where none is."""
    try:
        config = read_json(folder / "config.json", "")
        ancestry = read_json(folder / "ancestry.json", "") if (folder / "ancestry.json").exists() else {}
    except UserError:
        return None
    ours = config.get("tokenmill")
    kind = ours.get("kind") if isinstance(ours, Mapping) else None
    if converses(ancestry):
        return "chat"
    if ancestry.get("task") == "generation":
        return "generate"
    return KINDS[kind].command if kind in KINDS else None


def _example(root: Path, model: str, command: str) -> dict[str, Any]:
    """The shortest of a few test documents of the model's sources; where there is none, words that say what
    belongs there."""
    from tokenmill.serving.examples import examples  # loads torch
    from tokenmill.serving.models import Models

    found = examples(Models(project=root), model, command)
    return min(found, key=lambda example: len(example["text"]), default=NO_EXAMPLE)


def _line(begun: str, command: str, asked: Mapping[str, Any]) -> str:
    text = str(asked["text"])
    if command == "chat":  # reads lines
        return f"echo {shlex.quote(text)} | {begun}"
    if command == "answer":
        return f"{begun} --question {shlex.quote(str(asked['question']))} {shlex.quote(text)}"
    if command == "fill":
        begin, end = asked.get("begin", len(text)), asked.get("end", len(text))
        text = f"{text[:begin]}{GAP}{text[end:]}"
    return f"{begun} {'-- ' if text.startswith('-') else ''}{shlex.quote(text)}"
