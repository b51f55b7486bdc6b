"""From shards to a trained model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenmill.core.errors import UserError
from tokenmill.jobs.job import Job
from tokenmill.jobs.runtime import RuntimeSettings
from tokenmill.pretraining.settings import PretrainSettings
from tokenmill.pretraining.setup import set_up
from tokenmill.text.shards import TokenSplit, open_split, read_manifest
from tokenmill.training.runtime import runtime, write_curve

if TYPE_CHECKING:
    from tokenmill.model.config import ModelConfig

VALIDATIONS = 10
"""Points of the learning curve."""


def pretrain(
    name: str, settings: PretrainSettings, tokens: Path, job: Job, runtime_settings: RuntimeSettings
) -> None:
    """Train model ``name`` and write its folder, metrics and curve into the job's outs.

    Raises:
        UserError: the shards are missing, cut short, empty, or not of the tokenizer beside them; memory is
            too small; see also :func:`tokenmill.training.fit.fit`.
    """
    from tokenmill.model.folder import save_model
    from tokenmill.pretraining.language import LanguageModelling, language_scores
    from tokenmill.pretraining.plan import check_memory, row_of
    from tokenmill.text.tokenizer import fingerprint, load_tokenizer
    from tokenmill.training.fit import fit
    from tokenmill.training.schedule import Schedule

    tokenizer = fingerprint(tokens)
    train = open_split(tokens, "train", fingerprint=tokenizer)
    validation = open_split(tokens, "validation", fingerprint=tokenizer)
    manifest = read_manifest(tokens)
    vocabulary = load_tokenizer(tokens)
    if vocabulary.get_vocab_size() > manifest["vocab_size"]:
        raise UserError(
            f"{tokens}: the tokenizer has {vocabulary.get_vocab_size()} tokens, the manifest says "
            f"{manifest['vocab_size']}; make the shards anew with `dvc repro -f tokenize`"
        )
    run = set_up(settings, manifest["vocab_size"], train.tokens, vocabulary)
    objective, budget = run.objective, run.budget
    check_memory(
        run.config,
        row_of(objective, run.config),
        run.rows_at_once(runtime_settings),
        processes=runtime_settings.devices,
        shards=runtime_settings.shards,
        name=name,
    )
    model = new_model(settings, run.config, train)
    ancestry = {
        "tokenizer": tokenizer,
        "shards": job.digests["tokens"],
        "pretrain": settings.model_dump(),
        "data": manifest["ancestry"],
    }
    per_token = validation.bytes_per_text_token
    task = LanguageModelling(
        model,
        Schedule(budget.steps, budget.learning_rate, settings.seed, settings.schedule),
        objective=objective,
        train=train,
        validation=validation.sample(),
        bytes_per_token=per_token,
        batch_rows=budget.batch_rows,
        ends=None if settings.packing == "stream" else train.document_ends(),
        locate=train.locate,
    )
    fit(
        task,
        checkpoint=job.work / "last.ckpt",
        identity=ancestry,
        runtime=runtime(runtime_settings),
        log=job.run.log_metrics,
        validations=VALIDATIONS,
        name=name,
        keep_best=settings.keep == "best",
    )
    model = model.folded()
    final = language_scores(model, validation.stream(), objective, bytes_per_token=per_token)
    save_model(job.out["model"], model, tokenizer=tokens, ancestry=ancestry)
    write_curve(job.out["curve"], task.curve)
    job.write_metrics(
        {
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "steps": budget.steps,
            "skipped_steps": len(task.spikes.skipped),
            "kept_step": task.best["step"] if settings.keep == "best" else budget.steps,
            "batch_rows": budget.batch_rows,
            "learning_rate": round(budget.learning_rate, 6),
            "tokens_seen": task.seen,
            "packing_waste": round(task.data.waste, 6),
            "epochs": round(task.seen / train.tokens, 3),
            "validation": {key: round(value, 6) for key, value in final.items()},
        }
    )


def new_model(settings: PretrainSettings, config: "ModelConfig", train: TokenSplit) -> Any:
    """A model of these settings, its weights drawn from the seed or begun with the bigrams of ``train``."""
    import torch

    from tokenmill.model.heads import build_model
    from tokenmill.pretraining.bigrams import COUNTED, begin_with_bigrams

    torch.manual_seed(settings.seed)
    model = build_model(config)
    if settings.start == "bigrams":
        begin_with_bigrams(model, train.excerpt(COUNTED), settings.seed)  # type: ignore[arg-type]
    return model
