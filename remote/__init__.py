"""The box's side of upsample: the code in `runner.pyz`. Standard library only, Python 3.10 and newer."""
