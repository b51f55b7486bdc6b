"""The whole chain behind a model, from its raw files to its version, as a tree."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import read_json
from tokenmill.model.digest import model_digest
from tokenmill.model.folder import ANCESTRY
from tokenmill.registry.download import version_folder
from tokenmill.registry.files import stored_version
from tokenmill.registry.lookup import aliases_of, open_registry, version_at
from tokenmill.registry.provenance import known_here, read_provenance

TRAINING = "training.json"
REMEDY = "give models:/NAME/VERSION or the folder of a trained model"
FILES = 8
"""Shown of a source."""
DIGITS = 12
"""Shown of a digest."""


@dataclass(frozen=True)
class Step:
    """Something, and what it comes from."""

    text: str
    before: tuple["Step", ...] = ()


def chain_of(model: str) -> Step:
    """The chain behind ``models:/NAME/VERSION``, ``models:/NAME@ALIAS`` or a model folder.

    Raises:
        UserError: there is no such model, or what it says of itself cannot be read.
    """
    if not model.startswith("models:/"):
        ancestry = read_json(Path(model) / ANCESTRY, REMEDY)
        return _model(Path(model), model, known_here(ancestry))
    with open_registry() as mlflow_client:
        version = version_at(mlflow_client, model)
        folder = version_folder(mlflow_client, version, model)
        known = read_provenance(stored_version(mlflow_client, version)) or {}
        number = str(version.version)
        aliases = [a for a, v in aliases_of(mlflow_client, version.name).items() if v == number]
    metric = version.tags.get("metric", "")
    figure = next((value for key, value in version.tags.items() if key.startswith(f"{metric}/")), None)
    shown = f"models:/{version.name}/{number}" + (f" ({', '.join(sorted(aliases))})" if aliases else "")
    steps = [_model(folder, f"model {known.get('model', version.name)}", known)]
    if figure is not None:
        shown += f": {metric} {figure}"
    commit = known.get("commit") or version.tags.get("git.commit")
    if commit:
        remote = f" of {known['remote']}" if known.get("remote") else ""
        changed = f", with {len(known['changed'])} files not committed" if known.get("changed") else ""
        steps.append(Step(f"commit {commit[:DIGITS]}{remote}{changed}"))
    if known:
        steps.append(Step(f"machine: {known['machine']}, Python {known['python']}"))
    return Step(shown, tuple(steps))


def tree(step: Step) -> Iterator[str]:
    """Lines of text, what comes before below what comes of it."""
    yield step.text
    for place, part in enumerate(step.before):
        last = place == len(step.before) - 1
        for number, line in enumerate(tree(part)):
            branch = ("└─ " if last else "├─ ") if number == 0 else ("   " if last else "│  ")
            yield branch + line


def _model(folder: Path, shown: str, known: Mapping[str, Any]) -> Step:
    ancestry = read_json(folder / ANCESTRY, REMEDY)
    how = f"{shown}: {model_digest(folder)[:DIGITS]}"
    if (folder / TRAINING).is_file():
        record = read_json(folder / TRAINING, "")
        computed = record.get("computed", {})
        parts = [f"{record['tokens_seen']:,} tokens seen"] if "tokens_seen" in record else []
        parts += [str(computed[key]) for key in ("device", "precision") if key in computed]
        parts += [f"{computed['threads']} threads"] if "threads" in computed else []
        how += f" ({', '.join(parts)})" if parts else ""
    try:
        return Step(how, tuple(_trained(ancestry, known)))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UserError(f"{folder / ANCESTRY}: not what a training writes; {REMEDY}") from None


def _trained(ancestry: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Step]:
    """What a model was trained from: the last training on top."""
    if "finetune" in ancestry:
        settings = ancestry["finetune"]
        sources = [settings["source"]] if isinstance(settings["source"], str) else list(settings["source"])
        documents = Step(
            f"documents {ancestry['documents'][:DIGITS]}{_counts(known)}", _raw(sources, {}, known)
        )
        parent = ancestry.get("parent", {})
        start = f"model {settings['init_from']}: {ancestry['init_from'][:DIGITS]}"
        yield Step(f"fine-tuned for {ancestry['task']} on {', '.join(sources)}", (documents,))
        yield Step(f"begun with {start}", tuple(_trained(parent, known)))
    elif "pretrain" in ancestry:
        settings, data = ancestry["pretrain"], ancestry.get("data", {})
        raw = _raw(list(data.get("raw", {})), data.get("raw", {}), known)
        clean = Step(
            f"documents of clean settings {data.get('clean_params', '')[:DIGITS]}{_counts(known)}", raw
        )
        shards = Step(
            f"token shards {ancestry['shards'][:DIGITS]}",
            (Step(f"tokenizer {settings['tokenizer']}: {ancestry['tokenizer'][:DIGITS]}"), clean),
        )
        what = f"{settings['family']}, {settings['objective']}, {settings['tokens']:,} tokens"
        yield Step(f"pretrained: {what}", (shards,))
        if "init_from" in ancestry:
            start = f"model {settings['init_from']}: {ancestry['init_from'][:DIGITS]}"
            yield Step(f"begun with {start}", tuple(_trained(ancestry.get("parent", {}), known)))
    else:
        yield Step(f"trained by others; tokenizer {str(ancestry.get('tokenizer', 'unknown'))[:DIGITS]}")


def _counts(known: Mapping[str, Any]) -> str:
    counts = known.get("clean")
    if not counts:
        return ""
    dropped = sorted(counts["dropped"].items(), key=lambda item: -item[1])[:3]
    most = f"; most dropped: {', '.join(f'{rule} {count:,}' for rule, count in dropped)}" if dropped else ""
    return f" ({counts['kept']:,} kept of {counts['read']:,}{most})"


def _raw(sources: Sequence[str], digests: Mapping[str, str], known: Mapping[str, Any]) -> tuple[Step, ...]:
    return tuple(_source(name, digests.get(name), known.get("sources", {}).get(name)) for name in sources)


def _source(name: str, digest: str | None, entry: Mapping[str, Any] | None) -> Step:
    if entry is None:
        return Step(f"raw {name}" + (f": {digest[:DIGITS]}" if digest else ""))
    package = entry.get("package")
    origin = f"{package['name']} {package['version']}, " if package else ""
    every = list(entry["files"].items())
    files = [Step(f"{file}: {value[:DIGITS]}") for file, value in every[:FILES]]
    files += [Step(f"and {len(every) - FILES} more files")] if len(every) > FILES else []
    more = f"{entry['documents']:,} documents, {origin}{entry.get('license') or 'licence not said'}"
    return Step(f"raw {name}: {entry['sha256'][:DIGITS]} ({more})", tuple(files))
