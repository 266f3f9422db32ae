"""The jobs of a run: which wait, how each of them ends, and what is kept and told of that."""
