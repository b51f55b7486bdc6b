"""Checkpoints on disk: whole or not there, and plain."""

import resource
from pathlib import Path

import pytest
import torch

from tokenmill.core.errors import UserError
from tokenmill.training.checkpoints import Checkpoints


def write(path: Path, size: int = 8) -> Checkpoints:
    checkpoints = Checkpoints()
    checkpoints.save_checkpoint({"state_dict": {"weight": torch.ones(size)}, "global_step": 3}, path)
    return checkpoints


def test_it_comes_back_and_holds_nothing_but_tensors_and_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    found = write(path).load_checkpoint(path)
    assert found["global_step"] == 3 and bool((found["state_dict"]["weight"] == 1).all())
    assert torch.load(path, weights_only=True)["global_step"] == 3
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("what", ["empty", "no checkpoint", "cut short"])
def test_a_broken_one_is_one_line(tmp_path: Path, what: str) -> None:
    path = tmp_path / "last.ckpt"
    if what == "cut short":
        write(path, size=4096)
        path.write_bytes(path.read_bytes()[:9000])
    else:
        path.write_bytes(b"" if what == "empty" else what.encode())
    with pytest.raises(UserError, match=r"cannot be continued .*; delete it to begin anew"):
        Checkpoints().load_checkpoint(path)


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
