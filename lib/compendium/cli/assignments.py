"""What is typed as NAME=VALUE."""

from compendium.errors import UsageError


def assignment(option: str, text: str, example: str) -> tuple[str, str]:
    """Return name and value of an option's text; raises UsageError, with the example, where it is none."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if not (name and equals):
        raise UsageError(f'{option} "{text}": expected NAME=VALUE, for example {option} {example}')
    return name, value
