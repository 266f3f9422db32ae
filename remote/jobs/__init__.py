"""The jobs on the box: which there are, the journal that keeps them, their pictures, and the work on them."""
