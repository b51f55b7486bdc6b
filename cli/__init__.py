"""The ``tokenmill`` command."""
