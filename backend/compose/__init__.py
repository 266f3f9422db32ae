"""Makes specs out of prompts, clips and styles: each prompt with each clip, in any format that is read.

`prompts`, `clips` and `styles` read what is combined. `pattern` makes the names, `formats` the texts, and
`composition` the combinations of all these. `making` writes them and `record` notes what was written, so that
it can be undone.
"""
