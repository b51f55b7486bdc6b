"""The ``tokenmill`` command: thin, and quick to start, since each command imports what it needs itself."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lm.errors import UserError

app = typer.Typer(
    name="tokenmill",
    help="Raw text in, a registered language model out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Model = Annotated[str, typer.Argument(help="A model folder, or models:/NAME@ALIAS from the registry.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one line for each text.")]


def main() -> None:
    """Run the command line; a person's mistake costs one line on stderr and exit status 1."""
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def results() -> None:
    """Show the last run: stages, seconds, main figures, and where to look next."""
    from cli.results import show

    show(Path("."))


@app.command()
def generate(
    model: Model,
    prompt: Annotated[str, typer.Argument(help="The text to go on from.")],
    max_new_tokens: Annotated[int, typer.Option(min=1)] = 64,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 always takes the likeliest token.")] = 0.8,
    top_k: Annotated[int | None, typer.Option(min=1, help="Sample among the K likeliest tokens.")] = None,
    top_p: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Sample among the likeliest tokens of this total.")
    ] = None,
    num_return_sequences: Annotated[int, typer.Option(min=1)] = 1,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Continue a text with a language model."""
    from cli.models import continuations

    continuations(
        model,
        prompt,
        as_json=as_json,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        num_return_sequences=num_return_sequences,
        seed=seed,
    )


@app.command()
def classify(
    model: Model,
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts; without any, one a line from stdin.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Label texts with a fine-tuned classifier."""
    from cli.models import labels

    if not texts:
        texts = [line.rstrip("\r\n") for line in sys.stdin if line.strip()]
    labels(model, texts, as_json=as_json)


@app.command()
def register() -> None:
    """Make the MLflow registry hold the models that are here (after a restore on a new machine)."""
    from cli.store import sync_registry

    sync_registry()


@app.command()
def promote(
    name: Annotated[str, typer.Argument(help="Name of the registered model.")],
    version: Annotated[int, typer.Argument(min=1, help="The version to make champion.")],
) -> None:
    """Make a registered version champion, whatever its figures say."""
    from cli.store import crown

    crown(name, version)


@app.command()
def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what is found, not only report it.")] = False,
) -> None:
    """Look for what a crash may have left behind: broken DVC lock files, MLflow runs that never ended."""
    from cli.store import check

    check(fix=fix)
