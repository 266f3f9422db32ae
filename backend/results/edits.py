"""Checks what a user has made of a result's prompt in an editor, before it is accepted."""

from __future__ import annotations

import json

from backend.config.profiles.json_answer import json_prompt
from backend.errors import AnswerError, InputError
from backend.results.writing import profile_of
from backend.specs.json_prompts import prompt_lines
from backend.specs.upsampled import json_object_in
from backend.store import Job
from remote.protocol import Json

_REMEDY = "Nothing is decided. Edit it again: the text is still there."


def text_to_edit(prompt: str) -> str:
    """Return a prompt as it is put before the user: a JSON object in lines, any other text as it is."""
    return prompt_lines(prompt)


def prompt_edited(job: Job, prompt: str, text: str) -> str:
    """Return the prompt that a user has made of the result `prompt` of a job, as it goes into its file.

    Where that must be a JSON object, `text` must be one, too: by the job's schema, and with the values that
    the spec decides. It is spelled as the generator was trained on it. Raises InputError.
    """
    profile = profile_of(job)
    if profile.answer.format == "json" and job.generation is not None:
        # Only an answer has tags around it, and keys that are taken off.
        rules = profile.answer.model_copy(update={"unwrap": (), "drop": (), "negative_prompt": ""})
        schema = profile.schema_for(job.generation.mode, job.generation.source)
        try:
            made = json_prompt(text, "stop", rules, schema, job.generation).text
        except AnswerError as error:
            raise _refused(job, error.problem.replace("the answer", "it", 1)) from None
        _check_pinned(job, rules.pin, json_object_in(text) or {}, json.loads(made))
        return made
    if json_object_in(prompt) is None or not text.lstrip().startswith("{"):
        return text
    try:
        return json.dumps(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise _refused(job, f"it is no JSON: {error}") from None


def _check_pinned(
    job: Job, pinned: tuple[str, ...], edited: dict[str, Json], made: dict[str, Json]
) -> None:
    for name in pinned:
        if name in edited and edited[name] != made.get(name):
            wanted, found = json.dumps(made.get(name)), json.dumps(edited[name])[:100]
            raise _refused(job, f"its spec decides {name}, which is {wanted} and not {found}")


def _refused(job: Job, why: str) -> InputError:
    return InputError(f"what {job.name} (job {job.number}) was edited to cannot be: {why}", _REMEDY)
