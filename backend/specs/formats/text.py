"""Plain text: one prompt in a file, or one on each line. There is no video; the model gets only the text."""

from __future__ import annotations

from pathlib import Path

from backend.specs.adapter import Replacement, Rewrite
from backend.specs.entries import Entry, blank_lines, stem_of
from backend.specs.json_edit import Edit
from backend.specs.model import Spec, SpecFormat
from remote.protocol import well_formed

PATHS_FROM_FILE = False


def recognises(entry: Entry) -> bool:
    return True


def read(entry: Entry, cwd: Path) -> Spec:
    return Spec(
        format=SpecFormat.TEXT,
        file=entry.source.file,
        entry=entry.index,
        line=entry.line,
        name=entry.default_name,
        prompt=str(entry.node.value),
    )


def rewrite(entry: Entry, new: Replacement, destination: Path) -> Rewrite:
    if new.prompt == entry.node.value:
        return Rewrite(())
    prompt = well_formed(new.prompt).strip()
    one_prompt_a_file = entry.default_name == stem_of(entry.source.file)
    # Several lines without a blank line between them would be read as several prompts.
    if not (one_prompt_a_file and blank_lines(prompt)):
        prompt = " ".join(line.strip() for line in prompt.splitlines() if line.strip())
    return Rewrite((Edit(entry.node.start, entry.node.end, prompt),))
