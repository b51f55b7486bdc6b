"""The tensors of a model folder's files: names and shapes before anything is read, values one by one."""

import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from tokenmill.core.errors import UserError, shown
from tokenmill.core.files import check_regular, read_json
from tokenmill.text.classes import SETTINGS_BYTES

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
REMEDY = "give the folder of a model, such as data/models/gpt, or restore it with `dvc checkout`"

PLAIN = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""Number formats that hold weights as they are; any other is quantised, or no weight."""


@dataclass(frozen=True)
class Tensors:
    """What the files of a folder hold, by stored name."""

    shapes: Mapping[str, tuple[int, ...]]
    formats: Mapping[str, str]
    """Number format of each, as safetensors names them."""
    values: Callable[[str], Tensor]

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    @property
    def largest(self) -> int:
        """Of all dimensions the largest."""
        return max((max(shape, default=1) for shape in self.shapes.values()), default=0)

    def read(self, name: str) -> Tensor:
        """A weight in float32.

        Raises:
            UserError: it is quantised, or holds values that are no finite numbers.
        """
        if self.formats[name] not in PLAIN:
            raise UserError(
                f"{shown(name)} is stored as {self.formats[name]}: quantised weights are not "
                "supported; take the model in float32, float16 or bfloat16"
            )
        value = self.values(name).float()
        if value.numel() and not all(torch.isfinite(part) for part in value.aminmax()):
            raise UserError(
                f"{shown(name)} holds values that are no finite numbers (NaN or infinite); the weights are "
                "damaged, take them anew from where they come"
            )
        return value

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> "Tensors":
        """Those of a state dict."""
        formats = {torch_format: name for name, torch_format in PLAIN.items()}
        return cls(
            {name: tuple(value.shape) for name, value in state.items()},
            {name: formats.get(value.dtype, str(value.dtype)) for name, value in state.items()},
            lambda name: state[name],
        )


def same_values(stored: Tensors, one: str, other: str) -> bool:
    """Whether two stored tensors are equal."""
    if one == other:
        return True
    return stored.shapes[one] == stored.shapes[other] and torch.equal(stored.read(one), stored.read(other))


def read_settings(path: Path) -> dict[str, Any]:
    """One of a model folder's JSON files.

    Raises:
        UserError: it is missing or broken.
    """
    return read_json(path, REMEDY, most=SETTINGS_BYTES)


def open_tensors(folder: Path) -> Tensors:
    """The tensors of a folder: one file, several with an index, or the same made by torch.save.

    They are looked for in this order, as ``transformers`` does.

    Raises:
        UserError: there are none, or a file is broken, or holds more than plain tensors.
    """
    if (folder / WEIGHTS).exists():
        parts = [_safetensors(folder / WEIGHTS)]
    elif (folder / INDEX).exists():
        parts = [_safetensors(path) for path in _parts(folder / INDEX)]
    elif (folder / PICKLED).exists():
        parts = [_pickled(folder / PICKLED)]
    elif (folder / PICKLED_INDEX).exists():
        parts = [_pickled(path) for path in _parts(folder / PICKLED_INDEX)]
    else:
        raise UserError(
            f"{folder / WEIGHTS}: missing, and so are {INDEX}, {PICKLED} and {PICKLED_INDEX}; "
            "restore it with `dvc checkout`, or train the model"
        )
    if not any(part.shapes for part in parts):
        raise UserError(f"{folder}: the weights hold no tensors; take them anew from where they come")
    return _together(parts)


def _together(parts: list[Tensors]) -> Tensors:
    where = {name: part for part in parts for name in part.shapes}
    return Tensors(
        {name: part.shapes[name] for name, part in where.items()},
        {name: part.formats[name] for name, part in where.items()},
        lambda name: where[name].values(name),
    )


def _parts(index: Path) -> list[Path]:
    """The files that an index names."""
    by_name = read_settings(index).get("weight_map")
    names = list(by_name.values()) if isinstance(by_name, dict) else []
    if not names or not all(type(name) is str and _is_plain(name) for name in names):
        raise UserError(
            f"{index}: weight_map must name the file of each tensor, a name without folders; take "
            "the model's own index"
        )
    return [index.parent / name for name in sorted(set(names))]


def _is_plain(name: str) -> bool:
    """Whether it can be the name of a file beside the index."""
    return Path(name).name == name != "" and name.isprintable() and len(name.encode()) < 256


def _safetensors(path: Path) -> Tensors:
    check_regular(path, "restore it with `dvc checkout`, or train the model")
    try:
        file = safe_open(path, framework="pt")
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        return Tensors(
            {name: tuple(part.get_shape()) for name, part in slices.items()},
            {name: str(part.get_dtype()) for name, part in slices.items()},
            file.get_tensor,
        )
    except Exception as error:  # SafetensorError, and what Python makes of odd names and sizes
        raise UserError(f"{path}: broken ({shown(str(error))}); restore it with `dvc checkout`") from None


def _pickled(path: Path) -> Tensors:
    check_regular(path, "take all files that the index names")
    try:
        with warnings.catch_warnings(action="ignore"):
            stored = torch.load(path, map_location="cpu", weights_only=True, mmap=_uncompressed(path))
    except Exception as error:  # whatever an unpickler meets
        problem = shown(str(error).partition("\n")[0], 120)
        raise UserError(
            f"{path}: not readable as plain tensors ({problem}); save the model as safetensors"
        ) from None
    if not isinstance(stored, dict) or not all(
        type(name) is str and isinstance(value, Tensor) and _whole(value) for name, value in stored.items()
    ):
        held = ", ".join(map(shown, list(stored)[:3])) if isinstance(stored, dict) else type(stored).__name__
        raise UserError(
            f"{path}: holds no table of plain tensors by name, but {held or 'nothing'}; save "
            "`model.state_dict()` alone, as safetensors"
        )
    return Tensors.of({name: value.detach() for name, value in stored.items()})


def _uncompressed(path: Path) -> bool:
    """Whether a file is a zip as torch.save writes it, which need not be read into memory as a whole.

    Raises:
        ValueError: it is a zip that unpacks to more than it is.
    """
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("its entries are compressed, as torch.save never writes them")
    return True


def _whole(value: Tensor) -> bool:
    """Whether a tensor's numbers are all there: not one of them shown many times, not sparse or quantised."""
    if value.layout != torch.strided or value.is_quantized or value.is_meta:
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()
