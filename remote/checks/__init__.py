"""The checkup of the box: finds what keeps it from upsampling, before a job fails by it.

    examination  runs checks one after the other, each with a time limit, and reports each finding
    box          all checks, in order
    machine      Python, folders, disk, daemon
    logout       whether the box ends the daemon when its user logs out
    gpu          the GPUs by nvidia-smi, compared with the settings and the weights
    vllm         the vLLM that would be started
    container    what the container of a `docker run` line sees of the box's folders
    model        the model's files, also in Hugging Face's cache; `safetensors` finds half-copied ones
    server       a model server that runs already

    offers       what a machine that is to become a box could answer with
    models_on_disk, ray_cluster  the models and the Ray that are there

Nothing here changes the box, starts a daemon or loads a model.
"""

from __future__ import annotations

from remote.checks.box import examine_box

__all__ = ["examine_box"]
