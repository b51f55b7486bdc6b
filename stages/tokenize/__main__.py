"""``python -m stages.tokenize``."""

from stages.job import run_main
from stages.tokenize.stage import main

run_main(main)
