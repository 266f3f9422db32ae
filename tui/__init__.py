"""The terminal app. It shows what backend knows and calls what `--no-ui` calls; no rule lives only here."""
