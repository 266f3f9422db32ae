"""Lines of real logs, and the stage that each tells of."""

from __future__ import annotations

from itertools import pairwise

import pytest

from remote.engines.vllm.stages import Stage, stage_of

L, C, G = Stage.LOADING, Stage.COMPILING, Stage.CAPTURING


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        # 0.8.1, V1
        ("INFO 04-01 10:00:00 [gpu_model_runner.py:1164] Starting to load model /m...", L),
        ("Loading safetensors checkpoint shards:   0% Completed | 0/5 [00:00<?, ?it/s]", L),
        ("INFO 04-01 10:00:09 [loader.py:429] Loading weights took 2.10 seconds", L),
        ("INFO 04-01 10:00:20 [backends.py:425] Dynamo bytecode transform time: 5.11 s", C),
        ("INFO 04-01 10:00:40 [backends.py:132] Cache the graph of shape None for later use", None),
        ("INFO 04-01 10:00:41 [monitor.py:33] torch.compile takes 20.50 s in total", C),
        ("INFO 04-01 10:01:03 [gpu_model_runner.py:1570] Graph capturing finished in 22 secs", G),
        # 0.8.1, V0
        ("INFO 04-01 10:00:40 [model_runner.py:1442] Capturing cudagraphs for decoding. This", G),
        ("Capturing CUDA graph shapes: 100%|##########| 35/35 [00:14<00:00,  2.45it/s]", G),
        # 0.10
        ("Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  51%|#####     | 34/67", G),
        (
            "(EngineCore_0 pid=9) INFO 08-20 [backends.py:215] Compiling a graph for dynamic shape",
            C,
        ),
        # 0.32, from the CPU build
        ("(Worker pid=24852) INFO 11-22 09:15:08 [x.py:68] Starting to load model /m...", L),
        (
            "(APIServer pid=24068) WARNING 11-22 09:14:39 [vllm.py:1703] Enforce eager set, disabling "
            "torch.compile, CUDAGraphs, and JIT kernel warmup. This is equivalent to setting",
            None,
        ),
        (
            "(EngineCore pid=1) INFO [core.py:133] Initializing a V1 LLM engine (v0.32.0) with config: "
            "model='/m', disable_custom_all_reduce=False, compilation_config={'mode': 'torch.compile'}",
            None,
        ),
        ("(APIServer pid=24068) INFO 11-22 09:14:36 [api_utils.py:347]   version 0.32.0", None),
        ("INFO:     Application startup complete.", None),
        ('INFO:     - "POST /v1/chat/completions HTTP/1.1" 200 OK', None),
        ("", None),
    ],
)
def test_a_line_tells_of_its_stage(line: str, stage: Stage | None) -> None:
    assert stage_of(line) is stage


def test_the_stages_have_an_order() -> None:
    stages = list(Stage)
    for earlier, later in pairwise(stages):
        assert later.comes_after(earlier)
        assert not earlier.comes_after(later)
        assert not later.comes_after(later)
