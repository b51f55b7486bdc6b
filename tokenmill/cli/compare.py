"""``tokenmill compare``: two runs side by side, by what differs in their settings, figures and digests."""

import re
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tokenmill.cli.figures import number
from tokenmill.cli.project import need_project
from tokenmill.core.errors import UserError, one_line
from tokenmill.core.files import read_json
from tokenmill.jobs.mistakes import quote
from tokenmill.jobs.tracking.tags import flatten
from tokenmill.report.words import FIGURES, Figure, figure_of

WIDTH = 160
"""Columns where the output is no terminal."""
DIGEST = re.compile(r"[0-9a-f]{32,64}(\.dir)?")
DIGITS = 12
"""Shown of a digest."""

Values = Mapping[str, Any]
Side = tuple[Values, Values, Values]
"""Settings, figures and digests, each by a dotted name."""


class Row(NamedTuple):
    """A line of the table."""

    name: str
    first: str
    second: str
    difference: str = ""


def compare(first: str, second: str, *, everything: bool) -> None:
    """Print what differs between two registered versions, or between two revisions of the project.

    Raises:
        UserError: one is a version and the other is not, or there is no such version or revision.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    one, other = sides(first, second)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for name in (first, second):
        table.add_column(Text(name), justify="right", overflow="fold")
    table.add_column("difference", justify="right")
    left_out = 0
    for title, before, after in zip(("settings", "figures", "digests"), one, other, strict=True):
        names = sorted(before.keys() | after.keys())
        shown = [name for name in names if everything or not equal(before.get(name), after.get(name))]
        left_out += len(names) - len(shown)
        if shown:
            table.add_row(Text(title, style="bold"))
        for name in shown:
            table.add_row(*(Text(cell) for cell in row(title, name, before, after)))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    if table.rows:
        console.print(table)
    else:
        print("no difference in settings, figures and digests")
    if left_out:
        print(f"{left_out:,} equal ones are not shown; --all shows them")


def sides(first: str, second: str) -> tuple[Side, Side]:
    """What is to be compared.

    Raises:
        UserError: as :func:`compare` says.
    """
    of_registry = [name.startswith("models:/") for name in (first, second)]
    if all(of_registry):
        return _version(first), _version(second)
    if any(of_registry):
        raise UserError(
            f"{first} and {second}: give two versions (models:/NAME/VERSION), or two git revisions or DVC "
            "experiments"
        )
    need_project()
    from flows.revisions import read_revision

    return read_revision(Path(), first), read_revision(Path(), second)


def _version(uri: str) -> Side:
    """A version by the settings and test figures in the run of its training, and by its ancestry."""
    from mlflow.exceptions import MlflowException

    from tokenmill.model.digest import model_digest
    from tokenmill.model.folder import ANCESTRY
    from tokenmill.registry.download import version_folder
    from tokenmill.registry.files import stored_version
    from tokenmill.registry.lookup import open_registry, version_at
    from tokenmill.registry.provenance import read_provenance

    with open_registry() as mlflow_client:
        version = version_at(mlflow_client, uri)
        folder = version_folder(mlflow_client, version, uri)
        known = read_provenance(stored_version(mlflow_client, version)) or {}
        data = None
        with suppress(MlflowException):  # somebody may have deleted the run
            data = mlflow_client.get_run(version.run_id).data if version.run_id else None
    ancestry = flatten(read_json(folder / ANCESTRY, "register the model again"))
    digests = {f"ancestry.{name}": value for name, value in ancestry.items() if is_digest(value)}
    digests |= {f"raw.{name}": value for name, value in known.get("raw_files", {}).items()}
    digests |= {
        "model": model_digest(folder),
        "commit": known.get("commit") or version.tags.get("git.commit"),
    }
    if test := version.tags.get("test.digest"):
        digests["test documents"] = test
    settings = {name: value for name, value in ancestry.items() if not is_digest(value)}
    if data and data.params:  # these have the settings of cleaning, too
        settings = dict(data.params)
    figures = {
        name.removeprefix("test/").replace("/", "."): value
        for name, value in (data.metrics.items() if data else ())
        if name.startswith("test/")
    }
    metric = version.tags.get("metric")
    if value := version.tags.get(f"{metric}/{test}"):
        figures[str(metric)] = float(value)
    return settings, figures, digests


def is_digest(value: Any) -> bool:
    """Whether a value is an MD5 or a SHA-256, as DVC and ancestries have them."""
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def equal(first: Any, second: Any) -> bool:
    """Whether two values are the same; true and 1 are not."""
    return type(first) is type(second) and bool(first == second)


def row(title: str, name: str, before: Values, after: Values) -> Row:
    """The line for one name of a group; what one side lacks is a dash."""
    figure = figure_at(name, before.keys() | after.keys()) if title == "figures" else None
    values = [side.get(name) for side in (before, after)]
    show = shown if title != "figures" else number
    floats = [value for value in values if isinstance(value, float)]
    if figure is not None and floats:
        show = figure.show
    one, other = (show(side[name]) if name in side else "–" for side in (before, after))
    if figure is None or len(floats) < 2 or equal(*floats):
        return Row(f"  {name}", one, other)
    change = floats[1] - floats[0]
    difference = f"{100 * change:+.2f} points" if figure.is_share else f"{change:+,.4g}"
    if ".rivals." not in f".{name}" and name.rpartition(".")[2] in FIGURES:
        difference += ", better" if (change > 0) == figure.higher_is_better else ", worse"
    return Row(f"  {name}", one, other, difference)


def figure_at(name: str, names: Collection[str]) -> Figure:
    """The words of a figure by the last part of its name; a rival has the headline figure of its model."""
    place, rival, _ = f".{name}".rpartition(".rivals.")
    if rival:
        beside = (f"{place}.{figure}".removeprefix(".") for figure in FIGURES)
        name = next((found for found in beside if found in names), name)
    return figure_of(name.rpartition(".")[2])


def shown(value: Any) -> str:
    """A setting as it stands in YAML, a digest by its beginning; in one line."""
    if is_digest(value):
        return str(value)[:DIGITS]
    return one_line(value if isinstance(value, str) else quote(value))
