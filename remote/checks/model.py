"""Checks that the model's files exist, have the right format, and are whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remote.checks.container import ContainerCommand
from remote.checks.examination import Good, Wrong, gib
from remote.checks.safetensors import Incomplete, check_whole
from remote.engines.vllm.hub_cache import cache_folder, find_snapshot, is_hub_name
from remote.engines.vllm.model_files import MISTRAL, choose_format

_MISTRALS_WEIGHTS = "consolidated"
"""The beginning of the names of the weights that `--load-format mistral` loads."""
_TOKENIZERS = ("tekken.json", "tokenizer.model.v3", "tokenizer.model", "tokenizer.json")
_DEFAULT_HOME = "/root"
"""The home in vLLM's own image."""
_COPY_AGAIN = "Copy them again, and compare sizes: rsync -a --partial, or fetch the model anew."


@dataclass(frozen=True)
class ModelLocation:
    """The folder of a model's files."""

    folder: Path | None
    """None when vLLM will download them."""


def find_model(
    model: str, form: str, environment: Mapping[str, str], container: ContainerCommand | None
) -> Good[ModelLocation]:
    """Find the folder of the model, or its snapshot in the Hub's cache."""
    if not model:
        raise Wrong(
            "the box has no model",
            "Set `model` of the box: a folder there, or owner/name of the Hub.",
        )
    if model.startswith("~"):
        raise Wrong(
            f"{model}: vLLM does not know what ~ stands for",
            "Write the whole path into `model` of the box.",
        )
    # The daemon, and so vLLM, works in /.
    folder = _path_on_box(model, container) if container else Path("/") / model
    if folder is not None and folder.is_dir():
        return Good(ModelLocation(folder), str(folder))
    if is_hub_name(model):
        return _find_on_hub(model, form, environment, container)
    if folder is None:
        raise Wrong(
            f"the container sees no {model}: it is not on the box, and no -v of the command shows it",
            "Set `model` of the box to the model's folder there; or add one to the command, as in "
            "-v /data/models:/models, and set `model` to the path inside.",
        )
    what = "is a file" if folder.exists() else "is not there"
    raise Wrong(
        f"{folder} {what}",
        "Put the model's folder there, or set `model` of the box to where it is, "
        "as `ls` on the box shows it.",
    )


def _path_on_box(model: str, container: ContainerCommand) -> Path | None:
    return container.path_on_box(model) if model.startswith("/") else None


def _find_on_hub(
    model: str, form: str, environment: Mapping[str, str], container: ContainerCommand | None
) -> Good[ModelLocation]:
    mounted = container.path_on_box(cache_folder({"HOME": _DEFAULT_HOME})) if container else None
    # The engine mounts the box's cache into a container whose line mounts no cache.
    cache = mounted or Path(cache_folder(environment)).expanduser()
    snapshot = find_snapshot(cache, model)
    offline = container is None and _is_offline(environment)
    if snapshot is not None and (offline or _is_whole(snapshot, form)):
        return Good(ModelLocation(snapshot), f"{model} is in the cache {cache}")
    if offline:
        raise Wrong(
            f"{model} is not in the cache {cache}, and HF_HUB_OFFLINE keeps it from being fetched",
            "Fetch it once without HF_HUB_OFFLINE, or set HF_HOME in vllm.env to where it is.",
        )
    token = "is set" if _has_token(environment) else "is NOT set"
    missing = "only partly on the box" if snapshot is not None else "not on the box"
    return Good(
        ModelLocation(None),
        f"{model} is {missing}; the first start fetches it from the Hub",
        f"That takes its time. If the model is gated it needs HF_TOKEN in vllm.env, which {token}.",
    )


def _is_whole(snapshot: Path, form: str) -> bool:
    form = choose_format(form, snapshot)
    try:
        find_config(snapshot, form)
        find_weights(snapshot, form)
    except Wrong:
        return False
    return True


def find_config(folder: Path, form: str) -> Good[None]:
    """Check the config and the tokenizer in the format that vLLM will expect."""
    names = {file.name for file in folder.iterdir()}
    own, other = (
        ("params.json", "config.json") if form == MISTRAL else ("config.json", "params.json")
    )
    if own not in names:
        hint = f" (there is {other}, of another format)" if other in names else ""
        raise Wrong(
            f"there is no {own}{hint}",
            "Is this the model's own folder? The profile's serving.format says which files it wants: "
            "mistral (params.json and tekken.json) or auto (config.json).",
        )
    tokenizer = next((name for name in _TOKENIZERS if name in names), None)
    if form == MISTRAL and tokenizer is None:
        raise Wrong("there is no tekken.json", "Copy the tokenizer's file, too.")
    try:
        json.loads((folder / own).read_bytes())
    except (OSError, ValueError) as error:
        raise Wrong(f"{own} cannot be read: {error}", _COPY_AGAIN) from None
    return Good(None, f"{own}, {tokenizer}" if tokenizer else own)


def find_weights(folder: Path, form: str) -> Good[int]:
    """Check that each file of the weights is whole; the value is their size in bytes."""
    mistral = form == MISTRAL
    files = sorted(
        file
        for file in folder.glob("*.safetensors")
        if not mistral or file.name.startswith(_MISTRALS_WEIGHTS)
    )
    shards = _shards(folder, mistral=mistral)
    missing = sorted(shards - {file.name for file in files})
    if missing:
        raise Wrong(f"the index names {_some(missing)}, not there", _COPY_AGAIN)
    if not files:
        return _find_other_weights(folder, mistral=mistral)
    counted = [file for file in files if not shards or file.name in shards]
    broken, total = [], 0
    for file in counted:
        try:
            total += check_whole(file)
        except Incomplete as error:
            broken.append(f"{file.name} {error}")
        except OSError as error:
            broken.append(f"{file.name} cannot be read: {error.strerror}")
    if broken:
        raise Wrong(_some(broken), _COPY_AGAIN)
    many = f"{len(counted)} files, " if len(counted) > 1 else f"{counted[0].name}, "
    return Good(total, f"{many}{gib(total)}, whole")


def _find_other_weights(folder: Path, *, mistral: bool) -> Good[int]:
    others = [file for pattern in ("*.bin", "*.pt") for file in folder.glob(pattern)]
    if others and not mistral:
        total = sum(file.stat().st_size for file in others)
        return Good(total, f"{len(others)} files of PyTorch, {gib(total)}; not looked into")
    wanted = f"{_MISTRALS_WEIGHTS}*.safetensors" if mistral else "*.safetensors"
    hint = " (there are others, of another format)" if any(folder.glob("*.safetensors")) else ""
    raise Wrong(
        f"there is no {wanted}{hint}",
        "Copy the weights, too. Mistral's own format is one file consolidated.safetensors; a profile "
        "with serving.format auto takes Hugging Face's.",
    )


def _shards(folder: Path, *, mistral: bool) -> set[str]:
    """The names of the weight files in the index files; empty without an index. Raises Wrong."""
    indices = folder.glob("*.safetensors.index.json")
    ours = (i for i in indices if i.name.startswith(_MISTRALS_WEIGHTS) is mistral)
    return {shard for index in ours for shard in _read_index(index)}


def _read_index(index: Path) -> set[str]:
    try:
        shards = json.loads(index.read_bytes())["weight_map"].values()
        return {str(shard) for shard in shards}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Wrong(f"{index.name} cannot be read: {error}", _COPY_AGAIN) from None


def _some(texts: Sequence[str], most: int = 3) -> str:
    more = len(texts) - most
    return "; ".join(texts[:most]) + (f"; and {more} more" if more > 0 else "")


def _is_offline(environment: Mapping[str, str]) -> bool:
    """Return whether the settings forbid downloads."""
    return environment.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def _has_token(environment: Mapping[str, str]) -> bool:
    """Return whether there is a token for the Hub; its value is not used."""
    if environment.get("HF_TOKEN"):
        return True
    home = Path(cache_folder(environment)).parent
    return (home / "token").is_file()
