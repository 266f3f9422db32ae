"""The commands of the command line, one file for each verb. `backend.cli` parses the line and calls them."""
