"""HTML pages about what stages wrote."""
