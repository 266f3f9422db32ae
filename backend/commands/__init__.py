"""What the commands of the command line do, one file a verb. `backend.cli` parses and calls them."""
