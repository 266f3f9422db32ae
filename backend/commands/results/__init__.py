"""`upsample results …`: what came back, and what is decided about it. The rules are in `backend.review`."""
