"""The page with the jobs of the queue, and the answer of the current one as it is written."""
