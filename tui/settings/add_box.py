"""The form for a new box: its host, its name, and what answers there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input

from backend.box.ssh_line import read_ssh_line
from backend.config import EngineName
from backend.config.survey import dotted
from backend.errors import ConfigError, InputError
from tui.text import cut, one_line, paragraphs
from tui.widgets.choice import Choice
from tui.widgets.plain_text import PlainText
from tui.widgets.typed_line import LineInput

_MOST_OFFERED = 12


@dataclass(frozen=True, slots=True)
class NewBox:
    """The box that the form describes."""

    name: str
    host: str
    engine: str
    server: str
    """The base_url of the model server, for the engine openai."""
    model: str

    def changes(self) -> dict[str, str | None]:
        """Return the settings to write for the box."""
        given = {
            ("host",): self.host,
            ("engine",): self.engine,
            ("openai", "base_url"): self.server if self.engine == EngineName.OPENAI else "",
            ("model",): self.model,
        }
        return {
            dotted(("boxes", self.name, *key)): value
            for key, value in given.items()
            if value or key == ("host",)
        }


class HostInput(LineInput):
    """An input that offers the hosts of the ssh config: ↓ and ↑ change it, → takes the suggested one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "offer(1)", "next host", show=False),
        Binding("up", "offer(-1)", "previous host", show=False),
    ]

    def __init__(self, hosts: Sequence[str]) -> None:
        super().__init__(
            id="host",
            placeholder="a name, user@host:port, or a whole `ssh …` line",
            compact=True,
            suggester=SuggestFromList(hosts),
        )
        self._hosts = hosts

    def action_offer(self, steps: int) -> None:
        """Fill in the next host."""
        if not self._hosts:
            return
        known = self.value in self._hosts
        at = self._hosts.index(self.value) + steps if known else 0 if steps > 0 else -1
        self.value = self._hosts[at % len(self._hosts)]
        self.cursor_position = len(self.value)


class AddBoxDialog(ModalScreen[NewBox | None]):
    """Returns a box that was checked, or None when the user gives up."""

    CSS_PATH = "../dialogs/dialog.tcss"
    AUTO_FOCUS = "#host"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "give up", key_display="esc"),
        Binding("enter", "add", "add", key_display="⏎", show=False),
    ]

    def __init__(
        self,
        hosts: Sequence[str],
        taken: Collection[str],
        check: Callable[[dict[str, str | None]], object],
    ) -> None:
        """`hosts` are offered; names in `taken` are refused; `check` raises ConfigError."""
        super().__init__()
        self._hosts = hosts
        self._taken = taken
        self._check = check
        self._suggested = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Add a box"
            dialog.border_subtitle = "⏎ adds · Tab next · Esc gives up"
            for label, field in (
                ("host", HostInput(self._hosts)),
                ("name", LineInput(id="name", compact=True, placeholder="how you will call it")),
                ("engine", Choice(tuple(EngineName), EngineName.VLLM, id="engine")),
                (
                    "server",
                    LineInput(id="server", compact=True, placeholder="http://127.0.0.1:8000/v1"),
                ),
                (
                    "model",
                    LineInput(id="model", compact=True, placeholder="a folder there, or a name"),
                ),
            ):
                with Horizontal(classes=f"row {label}"):
                    yield PlainText(label, classes="label")
                    yield field
            if self._hosts:
                offered = one_line(", ".join(self._hosts[:_MOST_OFFERED]))
                text = Content.assemble(
                    ("↓ ", "bold $primary"), f"from ~/.ssh/config: {cut(offered, 150)}"
                )
                yield PlainText(text, classes="note")
            yield PlainText(classes="wrong")

    def on_mount(self) -> None:
        """Begin without the row that the first engine has no use for."""
        self._show_server()

    @on(Choice.Changed)
    def _show_server(self) -> None:
        """Ask for a server's address only where one is asked for answers."""
        asks = self.query_one(Choice).value == EngineName.OPENAI
        self.query_one(".server").display = asks

    @on(Input.Changed, "#host")
    def _suggest_name(self) -> None:
        """Name the box after its host, unless the user has typed a name."""
        name = self.query_one("#name", Input)
        if name.value == self._suggested:
            try:
                host = read_ssh_line(self.query_one(HostInput).value).destination.host
            except InputError:
                host = ""
            self._suggested = name.value = host if host.replace("-", "").isalnum() else ""

    @on(Input.Changed)
    @on(Choice.Changed)
    def _forget_complaint(self) -> None:
        self.query_one(".wrong", PlainText).update("")

    @on(Input.Submitted)
    def action_add(self) -> None:
        """Close with the box, or say what is wrong with it."""
        try:
            host = self._host()
        except InputError as error:
            self._complain(str(error))
            return
        box = NewBox(
            name=self.query_one("#name", Input).value.strip(),
            host=host,
            engine=self.query_one(Choice).value,
            server=self.query_one("#server", Input).value.strip(),
            model=self.query_one("#model", Input).value.strip(),
        )
        if wrong := self._wrong_with(box):
            self._complain(wrong)
        else:
            self.dismiss(box)

    def _complain(self, wrong: str) -> None:
        self.query_one(".wrong", PlainText).update(f"✗ {paragraphs(wrong)}")

    def _host(self) -> str:
        """Return the host of the form, which may be a whole ssh line. Raises InputError."""
        typed = self.query_one(HostInput).value.strip()
        if not typed:
            return ""  # the embedded box
        line = read_ssh_line(typed)
        if line.options:
            name = self.query_one("#name", Input).value.strip() or "box"
            raise InputError(
                f"That line has options for ~/.ssh/config. Put this there, and {name} here:",
                line.config_block(name),
            )
        return line.host

    def _wrong_with(self, box: NewBox) -> str:
        if not box.name:
            return "The box needs a name."
        if box.name in self._taken:
            return f"There is a box named {one_line(box.name)} already."
        if box.engine in (EngineName.VLLM, EngineName.RAY) and not box.model:
            return f"{box.engine} needs a model: a folder on the box, or a name of the Hugging Face Hub."
        if box.engine == EngineName.OPENAI and not box.server:
            return "openai needs the address of its server, as in http://127.0.0.1:8000/v1."
        try:
            self._check(box.changes())
        except ConfigError as error:
            return error.problem
        return ""
