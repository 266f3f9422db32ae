"""One screen a file, its look beside it. Screens know how to look and nothing else."""
