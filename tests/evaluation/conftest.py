"""Projects with tiny models to evaluate."""

from pathlib import Path

import pytest

from tests.evaluation.helpers import Project, make


@pytest.fixture
def made(tmp_path: Path) -> Project:
    """A project of the test's own."""
    return make(tmp_path)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose data and models no test changes."""
    return make(tmp_path_factory.mktemp("evaluate"))
