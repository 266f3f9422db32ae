"""What the app and the box say to each other. The only part of `remote` that `backend` imports.

It holds no behaviour of either side: `jobs` says what a job is, `messages` what is said about it, `checks`
what a checkup of the box finds, and `framing` and `typed_json` how that lies on a byte stream.
"""

from __future__ import annotations

from remote.protocol.checks import FAILED, OK, SKIPPED, WARNING, Checkup, Finding
from remote.protocol.framing import MAGIC, MAX_MESSAGE, Decoder, encode, from_json, to_json
from remote.protocol.jobs import Answer, FrameInfo, OpenAISetup, Request, Sampling, Setup, VllmSetup
from remote.protocol.messages import (
    NEWEST_PROTOCOL,
    OLDEST_PROTOCOL,
    Accepted,
    Cancel,
    Cancelled,
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
    Started,
    Status,
    Stop,
    Submit,
    Welcome,
)
from remote.protocol.telemetry import EngineLoad, Gpu
from remote.protocol.typed_json import Json, ProtocolError, parse

__all__ = [
    "FAILED",
    "MAGIC",
    "MAX_MESSAGE",
    "NEWEST_PROTOCOL",
    "OK",
    "OLDEST_PROTOCOL",
    "SKIPPED",
    "WARNING",
    "Accepted",
    "Answer",
    "Cancel",
    "Cancelled",
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
    "FromApp",
    "FromBox",
    "Gpu",
    "Hello",
    "Json",
    "Log",
    "Message",
    "OpenAISetup",
    "Ping",
    "Pong",
    "ProtocolError",
    "Refused",
    "Request",
    "Sampling",
    "Setup",
    "Started",
    "Status",
    "Stop",
    "Submit",
    "VllmSetup",
    "Welcome",
    "encode",
    "from_json",
    "parse",
    "to_json",
]
