"""The box's side of upsample: what `runner.pyz` holds. Standard library only, Python 3.10 and newer."""
