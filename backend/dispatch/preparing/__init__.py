"""Makes a request of a job: counts its tokens, fetches its media, draws its frames."""
