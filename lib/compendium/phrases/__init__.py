"""The fixed words of labs in the languages that they are translated to: `en.toml`, and files like it."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Formatter

from compendium.errors import CompendiumError, unknown

FOLDER = Path(__file__).parent
ENGLISH = "en"


def say(language: str, key: str, **values: object) -> str:
    """Return a phrase with its values filled in; raises as `of` does."""
    return of(language)[key].format(**values)


@cache
def of(language: str) -> Mapping[str, str]:
    """Return the phrases of a language.

    Raises UsageError where there is no such language, CompendiumError, one line, for a key that is missing or
    misspelt, and for a phrase whose braces are not those of the English one.
    """
    languages = sorted(path.stem for path in FOLDER.glob("*.toml"))
    if language not in languages:
        raise unknown("language", language, languages)
    phrases = _read(language)
    english = _read(ENGLISH)
    for key in phrases:
        if key not in english:
            raise CompendiumError(f"{language}.toml: {unknown('phrase', key, english)}")
    for key in english:
        if key not in phrases:
            raise CompendiumError(f"{language}.toml: no {key}, which is in English {english[key][:60]!r}")
        given, wanted = _braces(phrases[key]), _braces(english[key])
        if given != wanted:
            listed = (", ".join(f"{{{one}}}" for one in sorted(names)) or "none" for names in (wanted, given))
            raise CompendiumError("{}.toml: {} needs the braces {}, it has {}".format(language, key, *listed))
    return phrases


def _read(language: str) -> dict[str, str]:
    try:
        phrases = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise CompendiumError(f"{language}.toml: {fault}") from None
    for key, phrase in phrases.items():
        if not isinstance(phrase, str):
            raise CompendiumError(f"{language}.toml: {key} is no text; put quotation marks round it")
    return phrases


def _braces(phrase: str) -> set[str]:
    try:
        return {name for _, name, _, _ in Formatter().parse(phrase) if name is not None}
    except ValueError:  # a brace that is opened and not closed
        return {"..."}
