"""What every room uses: errors, files and their digests, threads, the base of settings."""
