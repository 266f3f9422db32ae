"""`upsample results …`: lists results and decides about them. `backend.results.review` holds the rules."""
