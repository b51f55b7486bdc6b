"""When the stages run: DVC's graph as a Prefect flow. The only place that imports prefect or dvc."""
