"""``python -m tokenmill`` is the ``tokenmill`` command."""

from tokenmill.cli.main import main

main()
