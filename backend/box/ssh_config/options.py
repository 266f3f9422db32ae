"""Keeps the options that the ssh config gives for one host. The first value that is set counts."""

from __future__ import annotations

from dataclasses import dataclass

from backend.box.ssh_config.lines import split_words

_OTHER_NAMES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "identityfile2": "identityfile",
    "skeyauthentication": "kbdinteractiveauthentication",
    "smartcarddevice": "pkcs11provider",
    "tisauthentication": "kbdinteractiveauthentication",
}
_ONE_WORD = {
    "addressfamily",
    "bindaddress",
    "canonicalizefallbacklocal",
    "canonicalizehostname",
    "canonicalizemaxdots",
    "casignaturealgorithms",
    "certificatefile",
    "ciphers",
    "compression",
    "gssapiauthentication",
    "gssapidelegatecredentials",
    "gssapikeyexchange",
    "hostkeyalgorithms",
    "hostkeyalias",
    "hostname",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "kbdinteractiveauthentication",
    "kexalgorithms",
    "macs",
    "passwordauthentication",
    "pkcs11provider",
    "port",
    "preferredauthentications",
    "proxyusefdpass",
    "pubkeyauthentication",
    "tag",
    "user",
}
_ALL_WORDS = {
    "canonicaldomains",
    "canonicalizepermittedcnames",
    "globalknownhostsfile",
    "revokedhostkeys",
    "sendenv",
    "setenv",
    "userknownhostsfile",
}
_UNSPLIT = {"knownhostscommand", "proxycommand", "proxyjump"}
_COLLECTED = {"certificatefile", "identityfile", "sendenv"}
"""Options of which every line counts."""
_YES_AND_NO = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True, slots=True)
class _Value:
    words: tuple[str, ...]
    where: str
    """The file and line; empty for what was given beside the host."""


class Options:
    """The options for one host, by their names in lower case. Options that are not used here are left out."""

    def __init__(self) -> None:
        self._values: dict[str, _Value] = {}

    def give(self, option: str, word: str) -> None:
        """Set an option that was given beside the host."""
        self._values[option] = _Value((word,), "")

    def add_line(self, keyword: str, rest: str, where: str) -> None:
        """Take up a line of the config. Raises ValueError where an option that is used here has no value."""
        option = _OTHER_NAMES.get(keyword, keyword)
        if option in _UNSPLIT:
            words = [rest.partition("#")[0].strip() if option == "proxyjump" else rest]
        elif option in _ONE_WORD:
            words = split_words(rest)[:1]
        elif option in _ALL_WORDS:
            words = split_words(rest)
            if not words:
                return  # only a comment: as OpenSSH, it sets nothing
        else:
            return
        if "" in (words or [""]):
            raise ValueError(f"{option} has no value")
        self._take(option, _Value(tuple(words), where))

    def _take(self, option: str, value: _Value) -> None:
        there = self._values.get(option)
        if option == "proxyjump" and "proxycommand" in self._values:
            return  # of the two, the first one counts
        if there is None:
            self._values[option] = value
        elif option in _COLLECTED:
            more = tuple(word for word in value.words if word not in there.words)
            self._values[option] = _Value(there.words + more, there.where)
        if option == "proxyjump" and self.get_unless_none(option):
            self._values.setdefault("proxycommand", _Value(("none",), value.where))

    def was_given(self, option: str) -> bool:
        """Whether the option was given beside the host."""
        return option in self._values and not self._values[option].where

    def words(self, option: str) -> list[str] | None:
        """Return all words of an option; None where it is not set, empty where it is `none`."""
        value = self._values.get(option)
        if value is None:
            return None
        return [] if [word.lower() for word in value.words] == ["none"] else list(value.words)

    def get(self, option: str) -> str | None:
        """Return the first word of an option; None where it is not set."""
        value = self._values.get(option)
        return value.words[0] if value else None

    def get_unless_none(self, option: str) -> str | None:
        """Return the first word of an option; None where it is not set, and where it is `none`."""
        word = self.get(option)
        return None if word is None or word.lower() == "none" else word

    def flag(self, option: str, default: bool) -> bool:
        """Return an option that is yes or no. Raises ValueError for another word."""
        word = self.get(option)
        if word is None:
            return default
        if word.lower() not in _YES_AND_NO:
            raise self.fault(option, f"{word} is not yes or no")
        return _YES_AND_NO[word.lower()]

    def is_no(self, option: str) -> bool:
        """Whether an option is set to no. It may have other words than yes and no."""
        return _YES_AND_NO.get((self.get(option) or "").lower()) is False

    def fault(self, option: str, what: str) -> ValueError:
        """Return an error about the option, which names its line."""
        value = self._values.get(option)
        where = f" ({value.where})" if value and value.where else ""
        return ValueError(f"{option}: {what}{where}")
