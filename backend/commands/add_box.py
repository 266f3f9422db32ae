"""`upsample box add`: ask how to log in, look at the machine, ask what is to answer, and write the config.

Each answer is checked at once. Whoever answers may mend a wrong one; a script gets the error.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from backend.box.links.link import Box
from backend.box.setup import make_box
from backend.box.ssh_config.host_names import ssh_config_hosts
from backend.box.ssh_line import SshLine, read_ssh_line
from backend.commands.box_choices import WayToAnswer, choices_from, read_choice
from backend.commands.questions import Question, Questioner, QuestioningAsker
from backend.config import EngineName, Settings, load_settings
from backend.config.edit import change_values, preview_values
from backend.config.survey import dotted
from backend.console import complain, say, warn
from backend.doctor import ExaminationWatchers, examine
from backend.doctor.surroundings import look_around
from backend.errors import ConfigError, InputError
from backend.exit_codes import ExitCode
from remote.protocol import FAILED, Finding, Offer, OfferKind

_EMBEDDED = "local"
"""The box that is used before there is another one."""
_MOST_HOSTS = 9
_MODEL_AREA = "model"


@dataclass(frozen=True, slots=True)
class BoxOptions:
    """What the command line says of the new box; what is empty is asked."""

    name: str = ""
    host: str = ""
    engine: str = ""
    model: str = ""
    root: str = ""
    fingerprint: str = ""


def add_box(options: BoxOptions, *, takes_suggestions: bool) -> ExitCode:
    """Add a box to the user's config. Raises UpsampleError where nobody can be asked."""
    questioner = Questioner(takes_suggestions=takes_suggestions)
    adding = _Adding(options, load_settings(), questioner)
    adding.find_host()
    adding.choose_engine()
    adding.choose_name()
    return adding.write()


class _Adding:
    """A box that is being added. Its steps come in this order: host, engine, name, write."""

    def __init__(self, options: BoxOptions, settings: Settings, questioner: Questioner) -> None:
        self._options = options
        self._settings = settings
        self._questioner = questioner
        self._asker = QuestioningAsker(options.fingerprint, questioner)
        self._line = SshLine.nowhere()
        self._offers: list[Offer] = []
        self._choice = WayToAnswer("", EngineName.SKETCH)
        self._model = ""
        self._name = ""

    # --- how to log in ---

    def find_host(self) -> None:
        """Ask for the host until its machine could be looked at."""
        hosts = tuple(ssh_config_hosts()[:_MOST_HOSTS])
        text = (
            "How do you log in? A Host of ~/.ssh/config, user@host:port, or the whole `ssh …` line:"
        )
        question = Question(text, "--host", choices=hosts)
        self._questioner.until_right(question, self._options.host, self._look)
        say(f"{self._line.host}: {self._machine()}")

    def _look(self, typed: str) -> None:
        line = read_ssh_line(typed)
        if line.options:
            block = line.config_block(self._free_name(line))
            raise InputError(
                "that line has options that only ~/.ssh/config can hold",
                f"Put this there, and give `{self._free_name(line)}` as the host:\n{block}",
            )
        say(f"… looking at {line.host}")
        self._offers = asyncio.run(look_around(self._box_at(line.host), self._asker))
        self._line = line

    def _box_at(self, host: str) -> Box:
        """Make a box that is only looked at. Raises ConfigError."""
        preview_values({"box_defaults.host": json.dumps(host)})
        changes = {"host": host, "engine": EngineName.SKETCH}
        if self._options.root:
            changes["root"] = self._options.root
        settings = self._settings.boxes[_EMBEDDED].model_copy(update=changes)
        return make_box(host, settings, self._settings)

    def _machine(self) -> str:
        """Describe the machine by what was found there."""
        gpus = [offer for offer in self._offers if offer.kind == OfferKind.GPU]
        models = sum(offer.kind == OfferKind.MODEL for offer in self._offers)
        parts = [f"{gpu.value} ({gpu.detail})" if gpu.detail else gpu.value for gpu in gpus]
        parts += [] if gpus else ["no GPU that nvidia-smi knows"]
        parts += [f"{models} models on its disk" if models != 1 else "1 model on its disk"]
        return ", ".join(parts)

    # --- what answers there ---

    def choose_engine(self) -> None:
        """Ask what is to answer, and with which model."""
        choices = choices_from(self._offers)
        labels = tuple(choice.label for choice in choices)
        question = Question(
            "What is to answer? A number, a server's URL, the path of a vllm, or a `docker run` line:",
            "--engine",
            labels[0],
            labels,
        )
        self._questioner.until_right(
            question, self._options.engine, lambda typed: self._take(typed, choices)
        )
        if not self._questioner.asks:
            say(f"What answers there: {self._choice.label}")
        if self._choice.asks_for_model or self._options.model:
            self._choose_model(self._options.model)

    def _take(self, typed: str, choices: list[WayToAnswer]) -> None:
        choice = read_choice(typed, choices)
        preview_values(self._changes("x", choice, "x"))
        self._choice = choice

    def _choose_model(self, given: str = "") -> None:
        models = self._choice.models
        if self._choice.is_server:
            text = "Which model? A number, or its name:"
        elif models:
            text = "Which model? A number, a folder there, or a name on the Hub:"
        else:
            text = "Which model? A folder there, or a name on the Hub:"
        question = Question(text, "--model", models[0] if models else "", models)
        self._questioner.until_right(question, given, self._take_model)

    def _take_model(self, typed: str) -> None:
        if not typed:
            raise InputError("the box needs a model", "A folder there, or owner/name of the Hub.")
        if self._choice.is_server and self._choice.models and typed not in self._choice.models:
            have = ", ".join(self._choice.models)
            raise InputError(f"the server has no model {typed!r}", f"It has: {have}")
        preview_values(self._changes("x", self._choice, typed))
        self._model = typed

    # --- its name, and the config ---

    def choose_name(self) -> None:
        """Ask how the box is called."""
        question = Question("How will you call it?", "NAME", self._free_name(self._line))
        self._questioner.until_right(question, self._options.name, self._take_name)

    def _take_name(self, typed: str) -> None:
        if typed in self._settings.boxes:
            raise InputError(
                f"there is a box named {typed} already",
                f"Take another name, or change it: upsample config set boxes.{typed}.host HOST",
            )
        preview_values(self._changes(typed, self._choice, self._model))
        self._name = typed

    def _free_name(self, line: SshLine) -> str:
        host = line.destination.host
        label = host.partition(".")[0]
        first = label if not host.replace(".", "").isdecimal() and ":" not in host else "gpu"
        taken = self._settings.boxes
        names = [first, *(f"{first}{number}" for number in range(2, len(taken) + 3))]
        return next(name for name in names if name not in taken)

    def _changes(self, name: str, choice: WayToAnswer, model: str) -> dict[str, str | None]:
        given = {
            "host": json.dumps(self._line.host),
            "engine": choice.engine,
            "model": json.dumps(model) if model else "",
            "root": json.dumps(self._options.root) if self._options.root else "",
            **choice.settings,
        }
        return {
            dotted(("boxes", name, *key.split("."))): value for key, value in given.items() if value
        }

    def write(self) -> ExitCode:
        """Write the config, check the box as the doctor does, and say what comes next."""
        changes = self._changes(self._name, self._choice, self._model)
        if self._settings.box == _EMBEDDED:
            changes["box"] = json.dumps(self._name)
        file = change_values(changes).file
        failed = self._examine()
        while self._questioner.asks and any(f.area == _MODEL_AREA for f in failed):
            self._choose_model()
            change_values({dotted(("boxes", self._name, "model")): json.dumps(self._model)})
            failed = self._examine()
        model = f", model {self._model}" if self._model else ""
        say(f"{self._name} is added to {file}: engine {self._choice.engine}{model}.")
        if failed:
            warn(f"It cannot answer yet; mend that, and look again: upsample doctor {self._name}")
            return ExitCode.SOME_FAILED
        option = "" if load_settings().box == self._name else f" --box {self._name}"
        say(f"Next: `upsample --no-ui FILES{option}` upsamples prompts, `upsample` opens the app.")
        return ExitCode.OK

    def _examine(self) -> list[Finding]:
        """Run the doctor's checks; print those that failed, and return them."""
        say("… checking it")
        watchers = ExaminationWatchers(lambda _: None, lambda _: None)
        diagnosis = asyncio.run(examine(self._name, self._asker, watchers))
        failed = [finding for finding in diagnosis.findings if finding.verdict == FAILED]
        for finding in failed:
            complain(
                ConfigError(f"{finding.area}, {finding.name}: {finding.detail}", finding.remedy)
            )
        return failed
