"""Published architectures: how the classes of ``transformers`` store what our models compute, a file each."""
