"""The engine `llama`: starts llama.cpp's server with a GGUF file, keeps it running, and asks it.

    installation  the Python that has llama.cpp, and the small model that lies beside it
    command       the command line of the server
    serving       that command: llama.cpp's server, run by the Python that has it
    weights       a fingerprint of the model's files
    engine        the `Engine`

A model that comes without a file for pictures gets the frames in words: what the engine `sketch` measures.
"""

from __future__ import annotations

from remote.engines.llama.engine import LlamaEngine
from remote.engines.llama.installation import MissingError, find_llama

__all__ = ["LlamaEngine", "MissingError", "find_llama"]
