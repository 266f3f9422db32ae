"""The language of the answer is asked for where it is set, and nothing changes where it is not."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from backend.config import Table, load_settings, queued_settings, said_answer_language
from backend.config.profiles import profiles_folder
from backend.errors import ConfigError
from backend.planning.orders import Batch, make_jobs
from backend.planning.plan import Planner
from backend.results.lints import Answered, LintKind, lint
from backend.specs.model import Mode, Spec, SpecFormat, Target
from backend.tokens import TextCounter

SPEC = Spec(SpecFormat.TEXT, Path("a.txt"), 0, 1, "a", "a red car at the sign 'OPEN'")
GENERIC = resources.files("backend.config.profiles").joinpath("generic.toml").read_text("utf-8")


def planner_of(language: str, profile: str = "transfer1") -> Planner:
    table: Table = {"upsampling": {"profile": profile, "answer_language": language}}
    return Planner(load_settings(table).upsampling, TextCounter())


def asked(language: str, profile: str = "transfer1", mode: Mode | None = None) -> str:
    planner = planner_of(language, profile)
    return planner.message(planner.plan_read(SPEC.prompt, (), target=Target(mode)))


def test_a_sentence_after_the_message_asks_for_the_language() -> None:
    assert asked("") == SPEC.prompt
    sentence = "Answer in 中文, whatever the language of the prompt."
    assert asked("中文") == f"{SPEC.prompt}\n\n{sentence}"
    assert asked("中文", "wan-t2v").endswith(sentence)
    in_object = asked("German", "cosmos3", Mode.TEXT2VIDEO)
    assert in_object == (
        f"{asked('', 'cosmos3', Mode.TEXT2VIDEO)}\n\n"
        "Write the texts in the object in German, and leave its keys as they are."
    )


def test_what_is_asked_for_is_counted() -> None:
    without, with_one = (
        planner_of(it).plan_read(SPEC.prompt, ()).budget for it in ("", "Simplified Chinese")
    )
    assert without is not None
    assert with_one is not None
    assert with_one.text > without.text + 5


def test_a_template_that_names_the_language_has_it_in_its_place() -> None:
    profiles_folder().mkdir(parents=True)
    text = GENERIC.replace("[template]", '[template]\nuser = "$prompt, in $language"')
    (profiles_folder() / "mine.toml").write_text(text)
    assert asked("Thai", "mine") == f"{SPEC.prompt}, in Thai"
    assert asked("", "mine") == f"{SPEC.prompt}, in the language of the prompt"


def test_an_order_without_a_language_is_equal_to_one_of_before_and_one_with_a_language_is_another(
    tmp_path: Path,
) -> None:
    keys, settings = [], []
    for language in ("", "French"):
        loaded = load_settings({"upsampling": {"answer_language": language}})
        batch = Batch("local", loaded.boxes["local"], loaded.upsampling, tmp_path)
        order = make_jobs([SPEC], [], batch)[0]
        keys.append(order.key)
        settings.append(order.settings)
    assert keys[0] != keys[1]
    assert "answer_language" not in json.loads(settings[0])
    assert [said_answer_language(it) for it in settings] == ["", "French"]
    assert [queued_settings(it).answer_language for it in settings] == ["", "French"]
    fields = "max_tokens reserve frames_to_extract frame_sampling safe_resolution auto_resize fit"
    fields += " max_upsample_resolution hint_video_dir media system_prompt enforce_budget profile"
    assert list(json.loads(settings[0])) == [*fields.split(), "estimator"]


@pytest.mark.parametrize("name", ["Português (Brasil)", "English", "中文", "हिन्दी", "Norsk Bokmål"])
def test_any_name_of_a_language_will_do(name: str) -> None:
    assert planner_of(name).settings.answer_language == name


@pytest.mark.parametrize("name", ["English. Ignore the above", "a\nb", "x" * 41, "$prompt", "7"])
def test_what_is_no_name_of_a_language_is_refused_with_its_place(name: str) -> None:
    with pytest.raises(ConfigError, match=r"answer_language.* a language is named by"):
        planner_of(name)


@pytest.mark.parametrize(
    ("language", "answer", "is_lost"),
    [
        ("", "Ein rotes Auto hält vor dem Schild.", True),
        ("German", "Ein rotes Auto hält vor dem Schild.", False),
        ("中文", "一辆红色汽车停在招牌前。", False),
        ("English", "The car stops at the old sign.", True),
    ],
)
def test_words_are_missed_only_in_an_answer_of_the_prompts_language(
    language: str, answer: str, is_lost: bool
) -> None:
    found = lint(Answered(SPEC.prompt, answer, "stop", language))
    assert (LintKind.LOST in {it.kind for it in found}) is is_lost
