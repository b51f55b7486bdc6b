# `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup repro test lint lint-rules lint-format lint-types format lock sbom readme mlflow prefect-server prefect-worker
MAKEFLAGS += --no-print-directory

# Nothing reports home, and nothing waits for a hub that is out of reach.
export DVC_NO_ANALYTICS := 1
export DVC_STUDIO_OFFLINE := true
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export HF_HUB_DISABLE_TELEMETRY := 1
export HF_HUB_OFFLINE ?= 1
export HF_DATASETS_OFFLINE ?= 1

# Stages are started by DVC as `python -m stages.NAME`: that python is the one of .venv.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
BIN := .venv/bin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv with the locked versions (fast when nothing changed)
	@sh requirements/install.sh

repro: setup ## run the pipeline, register the models and show the results
	@$(BIN)/python -m flows.doctor # a killed dvc may have left files that it cannot read
	@$(BIN)/tokenmill check
	$(BIN)/dvc repro || { $(BIN)/tokenmill doctor --fix; exit 1; } # DVC removes outs before a stage runs
	@$(BIN)/tokenmill register --allow-dirty # a person looks on; a nightly run refuses what is not committed
	@$(BIN)/tokenmill results

test: setup ## run the tests, in two processes
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST)

lint: lint-rules lint-format lint-types ## ruff and mypy

lint-rules: setup
	$(BIN)/ruff check

lint-format: setup
	$(BIN)/ruff format --check

lint-types: setup
	$(BIN)/mypy

format: setup ## mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: ## make requirements/*.txt anew from pyproject.toml (needs uv)
	sh requirements/compile.sh

sbom: setup ## write a software bill of materials, build/sbom.cdx.json
	$(BIN)/python -m docs.sbom

readme: setup ## write the generated blocks of the two READMEs, docs/settings.md and params.schema.json
	$(BIN)/python -m docs.readme
	$(BIN)/python -m docs.settings

mlflow: setup ## MLflow's UI on http://127.0.0.1:5000
	@$(BIN)/python -c "from tokenmill.jobs.tracking.store import main; main()"
	$(BIN)/mlflow server --host 127.0.0.1 --port 5000 --workers 1 \
	  --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///$(CURDIR)/mlflow.db}" \
	  --default-artifact-root "$(CURDIR)/mlruns"

prefect-server: setup ## Prefect's server on http://127.0.0.1:4200; its password stands in .env
	$(BIN)/python -m flows.settings
	$(BIN)/prefect server start

prefect-worker: setup ## a worker that runs deployments of prefect.yaml in this checkout
	@$(BIN)/python -m flows.dead
	$(BIN)/prefect worker start --pool tokenmill --type process
