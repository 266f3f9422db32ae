"""The link to a box: the runner is put there and started, and messages go both ways until it breaks."""
