"""The messages between the app and the box. The only part of `remote` that `backend` imports.

It holds no behaviour of either side: `jobs` defines requests, answers and setups, `messages` the messages,
`checks` the findings of a checkup, `costs` what tokens cost, `framing` and `typed_json` how messages become
bytes, and `log_lines` how the box's log is written.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from remote.protocol.typed_json import BEYOND_NUMBERS, Json, ProtocolError, parse, well_formed

if TYPE_CHECKING:
    from remote.protocol.checks import (
        FAILED,
        OK,
        SKIPPED,
        WARNING,
        Checkup,
        Finding,
        Offer,
        OfferKind,
        Trace,
    )
    from remote.protocol.costs import cost_of, money
    from remote.protocol.framing import (
        MAGIC,
        MAX_FROM_BOX,
        MAX_MESSAGE,
        Decoder,
        Frames,
        encode,
        frame,
        from_json,
        to_json,
    )
    from remote.protocol.jobs import (
        ENGINE_ATTEMPTS,
        MOST_FALLS,
        MOST_LOSSES,
        Answer,
        FrameInfo,
        LlamaSetup,
        OpenAISetup,
        Patience,
        RaySetup,
        Request,
        Sampling,
        Setup,
        VllmSetup,
    )
    from remote.protocol.log_lines import log_text
    from remote.protocol.messages import (
        AWAY,
        DRAIN,
        NEWEST_PROTOCOL,
        OLDEST_PROTOCOL,
        RESTART,
        SERVING,
        Accepted,
        Arrange,
        Ask,
        Cancel,
        Cancelled,
        ChangeReplica,
        Delta,
        Durable,
        EngineStage,
        Failed,
        Fatal,
        Finished,
        FromApp,
        FromBox,
        Hello,
        Log,
        Message,
        Ping,
        Pong,
        Refused,
        ReplicaChanged,
        Started,
        Status,
        Stop,
        Submit,
        Tokenize,
        Tokenized,
        Unknown,
        Welcome,
    )
    from remote.protocol.telemetry import EngineLoad, Gpu, PartLoad, ReplicaStatus

__all__ = [
    "AWAY",
    "BEYOND_NUMBERS",
    "DRAIN",
    "ENGINE_ATTEMPTS",
    "FAILED",
    "MAGIC",
    "MAX_FROM_BOX",
    "MAX_MESSAGE",
    "MOST_FALLS",
    "MOST_LOSSES",
    "NEWEST_PROTOCOL",
    "OK",
    "OLDEST_PROTOCOL",
    "RESTART",
    "SERVING",
    "SKIPPED",
    "WARNING",
    "Accepted",
    "Answer",
    "Arrange",
    "Ask",
    "Cancel",
    "Cancelled",
    "ChangeReplica",
    "Checkup",
    "Decoder",
    "Delta",
    "Durable",
    "EngineLoad",
    "EngineStage",
    "Failed",
    "Fatal",
    "Finding",
    "Finished",
    "FrameInfo",
    "Frames",
    "FromApp",
    "FromBox",
    "Gpu",
    "Hello",
    "Json",
    "LlamaSetup",
    "Log",
    "Message",
    "Offer",
    "OfferKind",
    "OpenAISetup",
    "PartLoad",
    "Patience",
    "Ping",
    "Pong",
    "ProtocolError",
    "RaySetup",
    "Refused",
    "ReplicaChanged",
    "ReplicaStatus",
    "Request",
    "Sampling",
    "Setup",
    "Started",
    "Status",
    "Stop",
    "Submit",
    "Tokenize",
    "Tokenized",
    "Trace",
    "Unknown",
    "VllmSetup",
    "Welcome",
    "cost_of",
    "encode",
    "frame",
    "from_json",
    "log_text",
    "money",
    "parse",
    "to_json",
    "well_formed",
]

if not TYPE_CHECKING:
    # Most of the app handles JSON alone; its first paint waits for no message.
    _LATER = ("telemetry", "checks", "costs", "jobs", "log_lines", "messages", "framing")

    def __getattr__(name: str) -> object:
        for module in _LATER if name in __all__ else ():
            held = vars(import_module(f"{__name__}.{module}"))
            if name in held:
                return held[name]
        raise AttributeError(f"module {__name__} has no attribute {name}")
