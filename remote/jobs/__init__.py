"""The jobs on the box: their states, the journal that keeps them, their pictures, and their attempts."""
