"""What keeps this machine from upsampling: looked for before a job meets it.

    examination  runs checks one after the other, each bounded in time, and tells what each finds
    box          all of them, in order
    machine      Python, folders, disk, daemon
    gpu          what nvidia-smi says, and what the settings want of it
    vllm         which vLLM would be started; `container` reads a `docker run` line
    model        the model's files; `safetensors` finds half-copied ones, `hub` Hugging Face's cache
    memory       whether the weights fit
    server       a model server that runs already

Nothing here changes the box, starts a daemon or loads a model.
"""

from __future__ import annotations

from remote.checks.box import examine_box

__all__ = ["examine_box"]
