"""Settings are edited in the app: the user's file changes key by key, comments stay, and it can be undone."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from backend.config import LOCAL_FILE, user_file
from tests.support.pilots import until
from tests.tui.conftest import MakeSettingsApp, settled_settings
from tui.app import UpsampleApp
from tui.dialogs.question import QuestionDialog
from tui.settings.add_box import AddBoxDialog
from tui.settings.screen import SettingsPage
from tui.widgets.row_list import CurrentChanged

OWN = """\
# My settings.
[upsampling]
# More than the default.
max_tokens = 8192 # for long prompts

[boxes.h100] # the big one
host = "gpu-box"
"""


async def at(pilot: Pilot[None], key: str) -> SettingsPage:
    """The settings page with the cursor on a key or box."""
    page = await settled_settings(pilot)
    if key.startswith("boxes."):
        page.listing.go_to(key.split(".")[1])
        await pilot.press("right")
    page.listing.go_to(key)
    page.setting_list.show_rows()
    page.setting_list.post_message(CurrentChanged())
    await pilot.pause()
    assert page.listing.current is not None
    return page


def toasts(page: SettingsPage) -> str:
    return "\n".join(toast.message for toast in page.app._notifications)


async def changed(pilot: Pilot[None], before: str = OWN) -> str:
    """The file, once it is another one."""
    await until(pilot, lambda: not user_file().exists() or user_file().read_text() != before)
    # The page has read it again.
    if workers := [w for w in pilot.app.workers if w.group in ("changes", "survey")]:
        await pilot.app.workers.wait_for_complete(workers)
    await pilot.pause()
    return user_file().read_text() if user_file().exists() else ""


async def test_space_switches_a_flag(make_settings_app: MakeSettingsApp) -> None:
    async with make_settings_app(OWN).run_test() as pilot:
        page = await at(pilot, "upsampling.auto_resize")
        await pilot.press("space")
        expected = OWN.replace("# for long prompts\n", "# for long prompts\nauto_resize = false\n")
        assert await changed(pilot) == expected
        assert page.host.settings.upsampling.auto_resize is False


async def test_space_goes_through_the_choices(make_settings_app: MakeSettingsApp) -> None:
    async with make_settings_app(OWN).run_test() as pilot:
        page = await at(pilot, "upsampling.media")
        await pilot.press("space")
        once = await changed(pilot)
        assert 'media = "control"' in once
        await pilot.press("space")
        assert 'media = "both"' in await changed(pilot, once)
        assert page.host.settings.upsampling.media == "both"


@pytest.mark.parametrize(
    ("key", "typed", "expected"),
    [
        ("upsampling.max_tokens", "4000", "max_tokens = 4000 # for long prompts"),
        ("upsampling.max_upsample_resolution", "854x480", 'max_upsample_resolution = "854x480"'),
        ("boxes.h100.host", "ada@other", 'host = "ada@other"'),
        ("boxes.h100.vllm.gpu_memory_utilization", "0.5", "gpu_memory_utilization = 0.5"),
        ("boxes.h100.vllm.command", '["nice", "vllm"]', 'command = ["nice", "vllm"]'),
        ("boxes.h100.vllm.env", '{ A = "b" }', 'env = { A = "b" }'),
        ("box_defaults.idle_timeout", "60", "idle_timeout = 60"),
    ],
)
async def test_a_typed_value_is_saved_and_comments_stay(
    make_settings_app: MakeSettingsApp, key: str, typed: str, expected: str
) -> None:
    async with make_settings_app(OWN).run_test(size=(120, 40)) as pilot:
        page = await settled_settings(pilot)
        if key.startswith("box_defaults"):
            page.listing.go_to("box_defaults")
            await pilot.press("right")
        await at(pilot, key)
        await pilot.press("enter")
        page.query_one(Input).value = typed
        await pilot.press("enter")
        text = await changed(pilot)
        assert expected in text.splitlines()
        for comment in ("# My settings.", "# More than the default.", "# the big one"):
            assert comment in text
        assert page.setting_list.has_focus


async def test_a_wrong_value_is_explained_at_once_and_not_saved(
    make_settings_app: MakeSettingsApp,
) -> None:
    async with make_settings_app(OWN).run_test() as pilot:
        page = await at(pilot, "upsampling.max_tokens")
        await pilot.press("enter")
        page.query_one(Input).value = "12"
        wrong = page.query_one("#wrong", Static)
        await until(pilot, lambda: "upsampling.max_tokens = 12" in str(wrong.content))
        assert "greater than or equal to 64" in str(wrong.content)
        await pilot.press("enter")
        assert page.has_class("-editing")
        await pilot.press("escape")
        assert page.setting_list.has_focus
        assert user_file().read_text() == OWN


async def test_keys_of_the_page_are_letters_while_a_value_is_typed(
    make_settings_app: MakeSettingsApp,
) -> None:
    async with make_settings_app(OWN).run_test() as pilot:
        page = await at(pilot, "boxes.h100.host")
        await pilot.press("enter", "a", "d", "x", "u", "5", "q", "comma")
        assert page.query_one(Input).value == "gpu-boxadxu5q,"
        assert page.app.screen is page


async def test_undo_brings_the_file_back_step_by_step(make_settings_app: MakeSettingsApp) -> None:
    async with make_settings_app(OWN).run_test() as pilot:
        page = await at(pilot, "upsampling.auto_resize")
        await pilot.press("space")
        once = await changed(pilot)
        await pilot.press("space")
        twice = await changed(pilot, once)
        await pilot.press("u")
        assert await changed(pilot, twice) == once
        assert page.host.settings.upsampling.auto_resize is False
        await pilot.press("U")
        assert await changed(pilot, once) == OWN
        await pilot.press("u")
        await until(pilot, lambda: "Nothing was changed here." in toasts(page))


async def test_a_setting_taken_out_has_its_default_again(
    make_settings_app: MakeSettingsApp,
) -> None:
    async with make_settings_app(OWN).run_test() as pilot:
        page = await at(pilot, "upsampling.max_tokens")
        await pilot.press("backspace")
        assert "max_tokens" not in await changed(pilot)
        assert page.host.settings.upsampling.max_tokens == 4096
        await pilot.press("delete")
        await until(pilot, lambda: "max_tokens is not set in your file." in toasts(page))


async def test_what_the_environment_says_cannot_be_edited_and_it_is_said_why(
    make_settings_app: MakeSettingsApp,
) -> None:
    async with make_settings_app(OWN, UPSAMPLE_MAX_TOKENS="5000").run_test() as pilot:
        page = await at(pilot, "upsampling.max_tokens")
        await pilot.press("enter")
        await until(pilot, lambda: "UPSAMPLE_MAX_TOKENS" in toasts(page))
        assert not page.has_class("-editing")
        assert "UPSAMPLE_MAX_TOKENS" in str(page.query_one("#text", Static).content)


async def test_a_change_that_the_other_layers_refuse_is_taken_back(
    make_settings_app: MakeSettingsApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    async with make_settings_app(OWN).run_test() as pilot:
        page = await at(pilot, "upsampling.auto_resize")
        LOCAL_FILE.write_text("[upsampling]\nreserve = 0\n")
        await pilot.press("space")
        await until(pilot, lambda: "upsampling.reserve = 0" in toasts(page))
        assert user_file().read_text() == OWN


async def test_enter_on_a_box_uses_it(make_settings_app: MakeSettingsApp) -> None:
    async with make_settings_app(OWN).run_test() as pilot:
        page = await at(pilot, "h100")
        await pilot.press("enter")
        assert 'box = "h100"' in await changed(pilot)
        assert page.host.settings.box == "h100"


async def test_a_box_is_added_with_what_the_form_says(
    make_settings_app: MakeSettingsApp, own_home: Path
) -> None:
    (own_home / ".ssh").mkdir()
    (own_home / ".ssh" / "config").write_text("Host a100\nHost lab\n")
    async with make_settings_app(OWN).run_test() as pilot:
        page = await settled_settings(pilot)
        await pilot.press("a", "down", "down")
        dialog = page.app.screen
        assert isinstance(dialog, AddBoxDialog)
        await pilot.press("enter")
        assert "needs a model" in str(dialog.query_one(".wrong", Static).content)
        await pilot.press("tab", "tab", "right", "right", "enter")
        text = await changed(pilot)
        assert text.startswith(OWN)
        assert page.host.settings.boxes["lab"].host == "lab"
        assert page.host.settings.boxes["lab"].engine == "sketch"
        assert page.listing.box == "lab"


async def test_the_form_takes_an_ssh_line_and_asks_openai_for_its_server(
    make_settings_app: MakeSettingsApp,
) -> None:
    async with make_settings_app(OWN).run_test() as pilot:
        page = await settled_settings(pilot)
        await pilot.press("a", *"ssh -i k gpu", "enter")
        wrong = page.app.screen.query_one(".wrong", Static)
        assert "Host gpu\n  HostName gpu\n  IdentityFile k" in str(wrong.content)
        host = page.app.screen.query_one("#host", Input)
        host.value = "ssh -p 22022 root@gpu"
        await pilot.press("tab", "tab", "right", "enter")
        assert "openai needs the address of its server" in str(wrong.content)
        await pilot.press("tab", *"http://127.0.0.1:8000/v1", "enter")
        await changed(pilot)
        box = page.host.settings.boxes["gpu"]
        assert (box.host, box.engine) == ("root@gpu:22022", "openai")
        assert box.openai.base_url == "http://127.0.0.1:8000/v1"


async def test_a_box_that_is_there_already_is_not_added(
    make_settings_app: MakeSettingsApp,
) -> None:
    async with make_settings_app(OWN).run_test() as pilot:
        page = await settled_settings(pilot)
        await pilot.press("a", *"h100", "enter")
        dialog = page.app.screen
        assert "h100 already" in str(dialog.query_one(".wrong", Static).content)
        assert user_file().read_text() == OWN


async def test_a_box_is_removed_after_a_yes_only(make_settings_app: MakeSettingsApp) -> None:
    async with make_settings_app(f'box = "h100"\n{OWN}').run_test() as pilot:
        page = await at(pilot, "h100")
        await pilot.press("x")
        assert isinstance(page.app.screen, QuestionDialog)
        await pilot.press("enter")
        assert "h100" in page.host.settings.boxes
        await pilot.press("x", "y")
        await changed(pilot, f'box = "h100"\n{OWN}')
        assert page.host.settings.boxes.keys() == {"local"}
        assert page.host.settings.box == "local"


async def test_the_embedded_box_cannot_be_removed(make_settings_app: MakeSettingsApp) -> None:
    async with make_settings_app(OWN).run_test() as pilot:
        page = await at(pilot, "local")
        await pilot.press("x")
        await until(pilot, lambda: "always there" in toasts(page))
        assert page.app.screen is page


async def test_a_broken_file_is_told_and_the_page_stays(
    make_settings_app: MakeSettingsApp,
) -> None:
    async with make_settings_app(OWN).run_test() as pilot:
        page = await settled_settings(pilot)
        user_file().write_text("box = \n")
        await pilot.press("1", "5")
        await until(pilot, lambda: "is not TOML" in toasts(page))
        assert page.listing.survey is not None


async def test_a_box_that_is_not_there_is_told_and_not_used(
    make_settings_app: MakeSettingsApp,
) -> None:
    async with make_settings_app(OWN).run_test() as pilot:
        page = await settled_settings(pilot)
        user_file().write_text('box = "typo"\n')
        await pilot.press("1", "5")
        await until(pilot, lambda: "no box is named 'typo'" in toasts(page))
        assert page.host.settings.box == "local"
        await pilot.press("2", "3", "4")


async def test_what_was_chosen_for_the_session_outlives_a_visit(
    make_settings_app: MakeSettingsApp,
) -> None:
    async with make_settings_app(OWN).run_test() as pilot:
        app = pilot.app
        assert isinstance(app, UpsampleApp)
        upsampling = app.settings.upsampling.model_copy(update={"reserve": 77})
        app.change_settings(app.settings.model_copy(update={"upsampling": upsampling}))
        page = await at(pilot, "upsampling.auto_resize")
        assert app.settings.upsampling.reserve == 77
        # What is changed in the files counts from then on.
        await pilot.press("space")
        await until(pilot, lambda: page.host.settings.upsampling.auto_resize is False)
        assert page.host.settings.upsampling.reserve == 300


async def test_an_undo_that_is_refused_can_be_asked_for_again(
    make_settings_app: MakeSettingsApp,
) -> None:
    async with make_settings_app(OWN).run_test() as pilot:
        page = await at(pilot, "upsampling.auto_resize")
        await pilot.press("space")
        once = await changed(pilot)
        user_file().write_text(once + "# by hand\n")
        await pilot.press("u")
        await until(pilot, lambda: "changed since" in toasts(page))
        user_file().write_text(once)
        await pilot.press("u")
        assert await changed(pilot, once) == OWN
