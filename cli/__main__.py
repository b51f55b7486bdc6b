"""``python -m cli`` is ``tokenmill``."""

from cli.main import main

main()
