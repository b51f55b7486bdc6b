"""What a registered model says it needs."""

from tokenmill.registry.package import REQUIREMENTS, environment


def test_packages_are_pinned_to_published_versions_and_pip_to_none() -> None:
    python, pip, packages = environment()["dependencies"]
    assert python.startswith("python=3.") and pip == "pip"  # an environment that uv made has no pip to name
    assert [pin.partition("==")[0] for pin in packages["pip"]] == list(REQUIREMENTS)
    assert all("+" not in pin for pin in packages["pip"])
