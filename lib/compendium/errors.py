"""The errors a user is meant to read: one line with what is wrong, where, and what to do instead."""


class CompendiumError(Exception):
    """A failure with a one-line remedy; the command line prints it and exits with status 1."""

    exit_status = 1


class UsageError(CompendiumError):
    """A wrong name, parameter or option; the command line prints it and exits with status 2."""

    exit_status = 2
