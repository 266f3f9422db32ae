"""Where the files of a model lie on this machine, and in which of the two formats they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from remote.engines.vllm.command import expand_home
from remote.engines.vllm.hub_cache import cache_folder, find_snapshot, is_hub_name

MISTRAL, HUGGING_FACE = "mistral", "auto"
CONFIGS: Mapping[str, str] = {MISTRAL: "params.json", HUGGING_FACE: "config.json"}
"""The file in which a model's config is, by format."""
_OR = "-or-"


def find_model_folder(model: str, revision: str, environment: Mapping[str, str]) -> Path | None:
    """Return the folder of a model, or its snapshot in the Hub's cache; None when neither is here."""
    path = Path("/") / expand_home(model)
    if path.is_dir():
        return path
    if not is_hub_name(model):
        return None
    return find_snapshot(Path(cache_folder(environment)).expanduser(), model, revision or "main")


def choose_format(wanted: str, folder: Path | None) -> str:
    """Return the format in which vLLM is to load the model whose files are in `folder`.

    `wanted` is `VllmSetup.format`. Where it leaves a choice, it is the first of the two whose config lies in
    the folder, or the first where none does or there is no folder yet.
    """
    forms = wanted.split(_OR)
    if len(forms) == 1 or folder is None:
        return forms[0]
    return next((form for form in forms if (folder / CONFIGS[form]).is_file()), forms[0])
