"""Checkpoints on disk: whole or not there, plain, and refused by other runs."""

import resource
from pathlib import Path
from typing import Any

import pytest
import torch

from tokenmill.core.errors import UserError
from tokenmill.training.checkpoints import Checkpoints

IDENTITY: dict[str, Any] = {"shards": "a" * 64, "pretrain": {"learning_rate": 0.02, "shape": {"width": 32}}}


def write(path: Path, size: int = 8, identity: dict[str, Any] = IDENTITY) -> Checkpoints:
    checkpoints = Checkpoints(identity)
    checkpoints.save_checkpoint({"state_dict": {"weight": torch.ones(size)}, "global_step": 3}, path)
    return checkpoints


def test_it_comes_back_and_holds_nothing_but_tensors_and_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    found = write(path).load_checkpoint(path)
    assert found["global_step"] == 3 and bool((found["state_dict"]["weight"] == 1).all())
    assert "identity" in torch.load(path, weights_only=True)
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_one_of_another_run_is_refused_by_the_names_of_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    write(path)
    here = {"shards": "b" * 64, "pretrain": {"learning_rate": 0.01, "shape": {"width": 32}, "seed": 1}}
    with pytest.raises(UserError) as refused:
        Checkpoints(here).load_checkpoint(path)
    assert str(refused.value) == (
        f"{path}: of another run: pretrain.learning_rate is 0.02 there and 0.01 here; "
        "pretrain.seed is nothing there and 1 here; shards is aaaaaaaaaaaa... there "
        "and bbbbbbbbbbbb... here; delete it to begin anew"
    )


@pytest.mark.parametrize("what", ["empty", "no checkpoint", "cut short", "without an identity"])
def test_a_broken_one_is_one_line(tmp_path: Path, what: str) -> None:
    path = tmp_path / "last.ckpt"
    if what == "without an identity":
        torch.save({"state_dict": {}}, path)
    elif what == "cut short":
        write(path, size=4096)
        path.write_bytes(path.read_bytes()[:9000])
    else:
        path.write_bytes(b"" if what == "empty" else what.encode())
    with pytest.raises(UserError, match=r"cannot be continued .*; delete it to begin anew"):
        Checkpoints(IDENTITY).load_checkpoint(path)


def test_when_there_is_no_room_the_last_good_one_stays_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    write(path)
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(path, size=1 << 16)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
