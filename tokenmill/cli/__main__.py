"""``python -m cli`` is ``tokenmill``."""

from tokenmill.cli.main import main

main()
