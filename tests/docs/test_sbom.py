"""The bill of materials names all that the lock names, and nothing of this machine."""

import json
import re
import socket
from importlib import metadata
from pathlib import Path

from docs.sbom import bill, locked
from tests.conftest import ROOT


def test_every_locked_package_is_in_it() -> None:
    made = bill(ROOT / "requirements")
    names = [component["name"] for component in made["components"]]
    assert {name for name, _, _ in locked((ROOT / "requirements/base.txt").read_text("utf-8"))} < {*names}
    assert names.count("torch") == 1
    polars = next(component for component in made["components"] if component["name"] == "polars")
    assert polars["version"] == metadata.version("polars")
    assert polars["purl"] == f"pkg:pypi/polars@{polars['version']}"
    assert polars["licenses"] == [{"license": {"name": "MIT License"}}]
    assert all(re.fullmatch("[0-9a-f]{64}", h["content"]) for c in made["components"] for h in c["hashes"])


def test_it_is_the_same_each_time_and_names_no_host_and_no_place() -> None:
    text = json.dumps(bill(ROOT / "requirements"), sort_keys=True)
    assert text == json.dumps(bill(ROOT / "requirements"), sort_keys=True)
    for secret in (str(ROOT), str(Path.home()), socket.gethostname(), "://"):
        assert secret not in text


def test_a_lock_of_our_own(tmp_path: Path) -> None:
    digest = "0" * 64
    text = f"One.Name==1.0+cpu ; sys_platform == 'linux' \\\n    --hash=sha256:{digest}\ntwo==2\n"
    assert list(locked(text)) == [("One.Name", "1.0+cpu", [digest]), ("two", "2", [])]
    for file in ("base.txt", "torch.txt", "torch-cpu.txt"):
        (tmp_path / file).write_text(text if file == "base.txt" else "")
    one, two = bill(tmp_path)["components"]
    assert one["purl"] == "pkg:pypi/one-name@1.0%2Bcpu" and one["scope"] == "optional"
    assert "licenses" not in two
