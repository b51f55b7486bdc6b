"""Which steps of normalising the texts of a model went through: a small file in its folder."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json, write_json

FILE = "normalization.json"


@dataclass(frozen=True)
class Normalization:
    """The steps that a text goes through beside those that every text does."""

    remove_html: bool
    """Character references are decoded, and tags of HTML go."""
    simplify_chinese: bool
    """Traditional characters become Simplified ones."""
    replace_pii: bool
    """Personal data become placeholders."""
    keep_white_space: bool = False
    """White space within lines and at their beginning stays, as program code needs it."""


STEPS = ("remove_html", "simplify_chinese", "replace_pii")
"""What the file always says; ``keep_white_space`` it says where it is so."""
OF_SOURCE = ("remove_html", "keep_white_space")
"""What a source may say itself: by its settings, or since it is program code."""


def normalization_of(clean: Path, sources: Iterable[str]) -> Normalization | None:
    """What the documents of some sources in data/clean went through; None where its manifest does not say.

    HTML was removed, and white space kept, where it was so for any of the sources.
    """
    manifest = read_json(clean / "manifest.json", "make it with `dvc repro -f clean`")
    steps = manifest.get("params", {}).get("measure")
    if steps is None:
        return None
    own = [{**steps, **manifest["raw"].get(source, {})} for source in sources]
    return Normalization(
        **{
            **steps,
            "remove_html": any(each["remove_html"] for each in own),
            "keep_white_space": any(each.get("keep_white_space", False) for each in own),
        }
    )


def write_normalization(folder: Path, steps: Normalization) -> None:
    """Write the file of a model's folder, or of its token shards."""
    write_json(folder / FILE, {key: value for key, value in asdict(steps).items() if value or key in STEPS})


def read_normalization(folder: Path) -> Normalization | None:
    """The steps that a folder names; None where it names none, as those of others do.

    Raises:
        UserError: the file is broken, or of a form that is not known.
    """
    path = folder / FILE
    if not path.exists():
        return None
    remedy = "restore it with `dvc checkout`, or copy the model anew"
    values: Mapping[str, Any] = read_json(path, remedy, most=1 << 16)
    missing, unknown = set(STEPS) - set(values), set(values) - {field.name for field in fields(Normalization)}
    if missing or unknown or not all(isinstance(value, bool) for value in values.values()):
        raise UserError(f"{path}: should give true or false for {', '.join(STEPS)}, and nothing else")
    return Normalization(**values)
