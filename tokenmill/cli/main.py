"""The ``tokenmill`` command line. Each command imports what it needs when it is called: help stays quick."""

import errno
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from tokenmill.cli.project import need_project
from tokenmill.core.errors import UserError, one_line

app = typer.Typer(
    name="tokenmill",
    help="Raw text in, a registered language model out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Model = Annotated[str, typer.Argument(help="A model folder, or models:/NAME@ALIAS from the registry.")]
Texts = Annotated[list[str] | None, typer.Argument(help="Texts; without any, one a line from stdin.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one line for each text.")]


MISUSED, PIPE_CLOSED = 2, 128 + 13
"""Exit statuses: the command line is not understood, as typer has it; who reads the output has left, as a
shell says it of a process that SIGPIPE ended."""


def main() -> None:
    """Run the command line; a person's mistake costs one line on stderr and exit status 1."""
    if sys.stdout is None:  # what is opened next would get its number, and be printed into
        sys.exit("error: standard output is closed; redirect it, to /dev/null at least")
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "backslashreplace")):
        if hasattr(stream, "reconfigure"):  # texts are UTF-8 wherever they come from; what is none is named
            stream.reconfigure(encoding="utf-8" if stream is sys.stdin else None, errors=errors)
    status = 1
    try:
        done = app(standalone_mode=False)
        sys.stdout.flush()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer ends with 1
            sys.exit(PIPE_CLOSED)
        raise
    except UserError as error:
        problem = str(error)
    except BrokenPipeError:
        _let_go_of_stdout()
        sys.exit(PIPE_CLOSED)
    except OSError as error:
        problem = _system_problem(error)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("tokenmill", "stages", "flows"):
            raise
        problem = f"{package} is not installed; `pip install 'tokenmill[pipeline]'` brings it"
    except Exception as error:
        if not hasattr(error, "format_message"):  # typer's own: the command line is not understood
            raise
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "tokenmill"
        problem = f"{error.format_message().rstrip('.')}; see `{command} --help`"
        status = MISUSED
    else:
        sys.exit(done if isinstance(done, int) else 0)
    print(f"error: {one_line(problem)}", file=sys.stderr)
    sys.exit(status)


def _system_problem(error: OSError) -> str:
    """What the operating system refused, in a line that says what to do."""
    what = error.filename if isinstance(error.filename, str) else "a file, or standard output"
    _let_go_of_stdout()
    remedy = "free some space" if error.errno == errno.ENOSPC else "name another place, or mend its rights"
    return f"{what}: {error.strerror or error}; {remedy}"


def _let_go_of_stdout() -> None:
    """Where nothing can be written to stdout, keep Python from trying it again when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"tokenmill {version('tokenmill')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Raw text in, a registered language model out."""


@app.command()
def results() -> None:
    """Show the last run: stages, seconds, main figures, and where to look next."""
    need_project()
    from tokenmill.cli.results import show

    show(Path("."))


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A git revision, a DVC experiment or models:/NAME/VERSION.")],
    second: Annotated[str, typer.Argument(help="Another; `workspace` is the project as it stands.")],
    everything: Annotated[bool, typer.Option("--all", help="Also show what is equal.")] = False,
) -> None:
    """Show two runs side by side: settings, figures and digests that differ."""
    from tokenmill.cli.compare import compare

    compare(first, second, everything=everything)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    example: Annotated[str, typer.Option(help="A file of examples/, without .yaml.")],
) -> None:
    """Start a project of your own from an example; run it in a checkout of Tokenmill."""
    from tokenmill.cli.init import init

    init(Path("."), folder, example)


@app.command()
def plan(
    model: Annotated[str | None, typer.Argument(help="A name under pretrain; without one, all.")] = None,
) -> None:
    """Say before pretraining what it takes: parameters, operations, memory, and time on this machine."""
    need_project()
    from tokenmill.cli.plan import show

    show(Path("."), model)


@app.command()
def check() -> None:
    """Check all of params.yaml, and say which stages would run and why; nothing is run."""
    need_project()
    from flows.check import check as lines

    for line in lines(Path(".")):
        print(line)


@app.command()
def generate(
    model: Model,
    prompts: Annotated[
        list[str] | None, typer.Argument(help="Texts to go on from; without any, one a line from stdin.")
    ] = None,
    suffix: Annotated[
        str | None, typer.Option(help="Fill the gap between a text and this, with a model that learned it.")
    ] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, help="64, or what suits the task that the model was fine-tuned for.")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="0 always takes the likeliest token: so of a model for a task, of others 0.8."
        ),
    ] = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="Sample among the K likeliest tokens.")] = None,
    top_p: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Sample among the likeliest tokens of this total.")
    ] = None,
    min_p: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Sample among tokens this likely, relative to the likeliest."),
    ] = None,
    repetition_penalty: Annotated[float, typer.Option(help="Above 1: less repetition.")] = 1.0,
    num_beams: Annotated[int, typer.Option(min=1, help="More than 1: beam search, no chance.")] = 1,
    length_penalty: Annotated[float, typer.Option(help="Beam search: more favours longer texts.")] = 1.0,
    stop: Annotated[list[str] | None, typer.Option(help="End before this text; may be repeated.")] = None,
    num_return_sequences: Annotated[int, typer.Option(min=1)] = 1,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Continue texts with a language model, or let a text-to-text model answer them."""
    from tokenmill.cli import models

    models.generate(
        model,
        prompts,
        as_json=as_json,
        suffix=suffix,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        num_beams=num_beams,
        length_penalty=length_penalty,
        stop=tuple(stop or ()),
        num_return_sequences=num_return_sequences,
        seed=seed,
    )


@app.command()
def chat(
    model: Model,
    system: Annotated[
        str | None, typer.Option(help="What the system says first, if the model knows that.")
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Of an answer, at most.")] = 64,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 always takes the likeliest token.")] = 0.8,
    top_k: Annotated[int | None, typer.Option(min=1, help="Sample among the K likeliest tokens.")] = None,
    top_p: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Sample among the likeliest tokens of this total.")
    ] = None,
    repetition_penalty: Annotated[float, typer.Option(help="Above 1: less repetition.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Talk with a model fine-tuned for conversations: a line from stdin, a line for an answer."""
    from tokenmill.cli.chat import chat

    chat(
        model,
        system=system,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        repetition_penalty=repetition_penalty,
        seed=seed,
    )


@app.command()
def fill(
    model: Model,
    texts: Texts = None,
    top_k: Annotated[int, typer.Option(min=1, help="So many fillings for each gap.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Fill the gaps of texts, written <mask> or [MASK], with a masked or a text-to-text model."""
    from tokenmill.cli import models

    models.fill(model, texts, as_json=as_json, top_k=top_k)


@app.command()
def score(
    model: Model,
    texts: Texts = None,
    source: Annotated[
        str | None, typer.Option(help="What the texts are answers to, for a text-to-text model.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say how probable texts are: log-probability in nats, in all and per token."""
    from tokenmill.cli import models

    models.score(model, texts, as_json=as_json, source=source)


@app.command()
def choose(
    model: Model,
    candidates: Annotated[list[str], typer.Argument(help="What may stand there, at least two.")],
    before: Annotated[str, typer.Option(help="What stands before it.")] = "",
    after: Annotated[str, typer.Option(help="What follows.")] = "",
    ranking: Annotated[
        Literal["sum", "per_byte", "pmi"],
        typer.Option(help="By log-probability, by that per byte, or by mutual information with --before."),
    ] = "sum",
    as_json: AsJson = False,
) -> None:
    """Rank candidates for one place of a text, such as words that sound alike, by a language model."""
    from tokenmill.cli.choices import choose

    choose(model, candidates, before=before, after=after, ranking=ranking, as_json=as_json)


@app.command()
def embed(
    model: Model,
    texts: Texts = None,
    pooling: Annotated[
        Literal["mean", "first", "last"], typer.Option(help="Which token stands for all.")
    ] = "mean",
    normalise: Annotated[bool, typer.Option("--normalise", help="Make vectors of length 1.")] = False,
    as_json: AsJson = False,
) -> None:
    """Turn texts into vectors."""
    from tokenmill.cli import models

    models.embed(model, texts, as_json=as_json, pooling=pooling, normalise=normalise)


@app.command()
def classify(
    model: Model,
    texts: Texts = None,
    explain: Annotated[bool, typer.Option(help="Show which parts of a text moved the decision.")] = False,
    as_json: AsJson = False,
) -> None:
    """Label texts with a fine-tuned classifier."""
    from tokenmill.cli import classify

    classify.classify(model, texts, explain=explain, as_json=as_json)


@app.command()
def tag(model: Model, texts: Texts = None, as_json: AsJson = False) -> None:
    """Find the named entities of texts, or label their tokens."""
    from tokenmill.cli import tag

    tag.tag(model, texts, as_json=as_json)


@app.command()
def answer(
    model: Model,
    question: Annotated[str, typer.Option(help="What is asked.")],
    passages: Annotated[
        list[str] | None,
        typer.Argument(help="Texts that may hold the answer; without any, one a line from stdin."),
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, help="So many answers, of which no two overlap.")] = 1,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Find the answer to a question in each passage, or say that there is none."""
    from tokenmill.cli.answers import find_answers

    find_answers(model, question, passages, as_json=as_json, top_k=top_k, max_tokens=max_tokens)


@app.command()
def playground(
    models: Annotated[
        list[str] | None,
        typer.Argument(help="Model folders, or models:/NAME@ALIAS; without any, all in data/models."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; one that others reach needs --token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(envvar="TOKENMILL_TOKEN", help="What clients must send as `Authorization: Bearer`."),
    ] = None,
) -> None:
    """Try models on a page in the browser; programs reach them by the same address.

    The page shows what each model can do: continue, answer or chat, fill gaps, classify and explain, find
    entities, rank candidates, compare texts. Programs speak OpenAI's HTTP (/v1/completions,
    /v1/chat/completions, /v1/embeddings) or the tasks under /api; docs/playground.md has both. Models are
    loaded when they are first used.
    """
    from tokenmill.cli.playground import playground

    playground(models, host=host, port=port, token=token)


@app.command()
def export(model: Model, folder: Annotated[str, typer.Argument(help="A new folder for the model.")]) -> None:
    """Write a model where stock transformers can load it."""
    from tokenmill.cli import models

    models.export(model, folder)


@app.command("import")
def import_(
    path: Annotated[str, typer.Argument(help="A folder that transformers saved, with its tokenizer.json.")],
    target: Annotated[str, typer.Argument(help="A new folder, or a name for data/models/NAME.")],
) -> None:
    """Make a model folder of a model that others trained."""
    from tokenmill.cli import models

    models.import_folder(path, target)


@app.command()
def register(
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Also versions whose code or settings are not committed.")
    ] = False,
) -> None:
    """Make the MLflow registry hold the models that data/registry.json names."""
    need_project()
    from tokenmill.cli.store import register

    register(allow_dirty=allow_dirty)


@app.command()
def promote(
    name: Annotated[str, typer.Argument(help="Name of the registered model.")],
    version: Annotated[int, typer.Argument(min=1, max=2**31 - 1, help="The version to make champion.")],
) -> None:
    """Make a registered version champion, whatever its figures say."""
    from tokenmill.cli.store import set_champion

    set_champion(name, version)


@app.command()
def lineage(model: Model) -> None:
    """Print what a model comes from: training, tokens, cleaning, and the raw files by their digests."""
    from tokenmill.cli.origin import lineage

    lineage(model)


@app.command()
def trace(
    model: Model,
    text: Annotated[str | None, typer.Option(help="A text, as it stands.")] = None,
    document: Annotated[str | None, typer.Option(help="The id of a document, SOURCE:FILE:LINE.")] = None,
) -> None:
    """Say whether a text was in a model's training, where it stands, and why it was dropped."""
    need_project()
    from tokenmill.cli.origin import trace

    trace(model, text=text, document=document)


@app.command()
def reproduce(
    version: Annotated[str, typer.Argument(help="models:/NAME/VERSION or models:/NAME@ALIAS.")],
    folder: Annotated[
        Path | None, typer.Option("--in", help="A new folder; default: one below .work/reproduce.")
    ] = None,
) -> None:
    """Make a registered version again from its commit, and say whether the result is the same."""
    need_project()
    from tokenmill.cli.reproduce import reproduce

    reproduce(version, folder)


@app.command()
def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what is found, not only report it.")] = False,
) -> None:
    """Look for what a crash or a hand left behind: in DVC's files, in MLflow's store, in the registry."""
    need_project()
    from tokenmill.cli.store import check

    check(fix=fix)
