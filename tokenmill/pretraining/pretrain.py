"""From shards to a trained model."""

from pathlib import Path
from typing import Any

from tokenmill.jobs.job import Job
from tokenmill.jobs.progress import Progress
from tokenmill.jobs.runtime import RuntimeSettings
from tokenmill.model.folder import save_model
from tokenmill.pretraining.canaries import plant
from tokenmill.pretraining.language import LanguageModelling, language_scores
from tokenmill.pretraining.plan import check_memory
from tokenmill.pretraining.settings import PretrainSettings
from tokenmill.pretraining.setup import Setup, set_up
from tokenmill.text.shards import open_split
from tokenmill.text.tokenizer import open_tokenizer
from tokenmill.training.devices import check_processes
from tokenmill.training.fit import fit
from tokenmill.training.record import rounded, write_curve, write_record
from tokenmill.training.runtime import Runtime
from tokenmill.training.schedule import Schedule

VALIDATIONS = 10
"""Points of the learning curve."""


def pretrain(
    name: str, settings: PretrainSettings, tokens: Path, job: Job, runtime_settings: RuntimeSettings
) -> None:
    """Train model ``name`` and write its folder, metrics and curve into the job's outs.

    Raises:
        UserError: the shards are missing, cut short, empty, or not of the tokenizer beside them; the model in
            ``init_from`` does not fit; memory is too small; processes are
            missing; see also :func:`tokenmill.training.fit.fit`.
    """
    runtime = Runtime.of(runtime_settings.model_dump())
    check_processes(runtime)
    run = set_up(name, settings, tokens)
    train, validation = (
        open_split(tokens, split, sources=settings.sources, fingerprint=run.tokenizer)
        for split in ("train", "validation")
    )
    if settings.canaries is not None:
        train = plant(train, settings.canaries, settings.seed, open_tokenizer(tokens))
    check_memory(
        run.config,
        run.objective.row_shape(run.config.context),
        run.rows_at_once(runtime),
        batch_rows=run.budget.batch_rows,
        processes=runtime.devices,
        shards=runtime_settings.shards,
        name=name,
    )
    budget, per_token = run.budget, validation.bytes_per_text_token
    model = run.new_model(train)
    task = LanguageModelling(
        run.config,
        run.objective,
        train=train,
        validation=validation.sample(),
        bytes_per_token=per_token,
        batch_rows=budget.batch_rows,
        seed=settings.seed,
        ends=None if settings.packing == "stream" else train.document_ends(),
        locate=train.locate,
    )
    trained = fit(
        model,
        task,
        Schedule(budget.steps, budget.learning_rate, settings.seed, settings.schedule),
        checkpoint=job.work / "last.ckpt",
        runtime=runtime,
        validations=VALIDATIONS,
        log=job.run.log_metrics,
        name=name,
        keep_best=settings.keep == "best",
        callbacks=[Progress(name)],
    )
    model = model.folded()
    figures = language_scores(model, validation.stream(), run.objective, bytes_per_token=per_token)
    save_model(job.out["model"], model, tokenizer=tokens, ancestry=_ancestry(run, job))
    computed = write_record(
        job.out["model"],
        trained,
        {
            "batch_rows": budget.batch_rows,
            "learning_rate": round(budget.learning_rate, 6),
            "packing_waste": round(task.rows.waste, 6),
            "epochs": round(trained.tokens_seen / train.tokens, 3),
        },
    )
    job.run.set_tags(computed)
    write_curve(job.out["curve"], trained.curve)
    job.write_metrics(
        {
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "tokens_seen": trained.tokens_seen,
            "validation": rounded(figures),
        }
    )


def _ancestry(run: Setup, job: Job) -> dict[str, Any]:
    """What the model comes from."""
    ancestry = {
        "tokenizer": run.tokenizer,
        "shards": job.digests["tokens"],
        "pretrain": run.settings.model_dump(),
        "sources": list(run.sources),
        "data": run.data,
    }
    if run.base is not None:
        ancestry["init_from"] = job.digests["init_from"]
    if run.parent is not None:
        ancestry["parent"] = run.parent
    return ancestry
