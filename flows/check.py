"""``tokenmill check``: is params.yaml right, which stages would run, and why."""

from collections.abc import Iterator
from pathlib import Path

from flows.dag import Due, Graph, RepoBusy
from stages.params import Params, load_params
from tokenmill.core.errors import UserError
from tokenmill.data.ingest.files import check_folder

SHOWN = 3
"""So many reasons of a stage are told."""


def check(root: Path) -> Iterator[str]:
    """Lines that say what ``dvc repro`` would do in the project ``root``, and what params.yaml leaves out.

    Raises:
        UserError: params.yaml, dvc.yaml or dvc.lock is not right, something below data/sources cannot be
            read, or dvc is at work.
    """
    params = load_params(root / "params.yaml")
    check_folder(root / "data" / "sources")
    try:
        due = Graph(root).due()
    except RepoBusy as busy:
        raise UserError(f"{busy}; try again when it has ended") from None
    yield f"params.yaml is right; {_count(len(due), 'stage')} to run" + (":" if due else "")
    width = max((len(stage.name) for stage in due), default=0)
    for stage in due:
        yield f"  {stage.name:{width}}  {why(stage)}"
    for note in notes(params):
        yield f"note: {note}"


def why(stage: Due) -> str:
    """The reasons of a stage in one line."""
    if not stage.reasons:
        return f"if {_list(stage.after)} {'comes' if len(stage.after) == 1 else 'come'} out differently"
    more = len(stage.reasons) - SHOWN
    return "; ".join([*stage.reasons[:SHOWN], *([f"and {more} more"] if more > 0 else [])])


def notes(params: Params) -> Iterator[str]:
    """What is no mistake, but may be one."""
    used = {entry.tokenizer for entry in params.pretrain.values()}
    for name in params.tokenize.keys() - used:
        yield f"tokenize.{name}: no entry of pretrain is trained on it"
    for group in ("pretrain", "finetune"):
        for name in getattr(params, group):
            if name not in params.evaluate:
                yield f"{group}.{name}: no entry of evaluate measures it"


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"


def _list(names: tuple[str, ...]) -> str:
    more = len(names) - SHOWN
    return ", ".join([*names[:SHOWN], *([f"{more} more"] if more > 0 else [])])
