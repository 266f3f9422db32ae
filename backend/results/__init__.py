"""What came back: writing it into the users' files, reviewing it, and checking that it is whole."""
