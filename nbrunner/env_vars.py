"""The environment variables of a Runner's runs: this process's variables with changes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, MutableMapping

from nbrunner.environment import checked_env
from nbrunner.errors import BadTypeError

PROFILE_VARIABLE = "METAFLOW_PROFILE"


class EnvVars(MutableMapping[str, str]):
    """A mutable mapping of the environment variables of a Runner's runs.

    Variables that were not changed have the value of this process at the start of a run.

    Parameters
    ----------
    changes : mapping of str to str, optional
        Variables to add or replace. An `EnvVars` is copied with all its changes.
    profile : str, optional
        Metaflow profile, stored as ``METAFLOW_PROFILE``.

    Raises
    ------
    BadTypeError, BadValueError
        A name or value cannot be an environment variable.
    """

    def __init__(
        self, changes: Mapping[str, str] | None = None, profile: str | None = None
    ) -> None:
        # None marks a deleted variable.
        self._changes: dict[str, str | None] = {}
        if isinstance(changes, EnvVars):
            self._changes.update(changes._changes)  # noqa: SLF001 (its own class)
        else:
            self.update(checked_env(changes))
        if profile:
            self[PROFILE_VARIABLE] = profile

    @classmethod
    def whole(cls, environment: Mapping[str, str]) -> EnvVars:
        """Return an environment with exactly the given variables; all others are deleted."""
        if isinstance(environment, EnvVars):
            return cls(environment)
        if environment is None:
            raise BadTypeError(
                "env_vars: expected a dict of names to values, got None; dict(os.environ) is the "
                "environment of this process"
            )
        found = cls(environment)
        for name in os.environ.keys() - environment.keys():
            found._changes[name] = None
        return found

    @property
    def profile(self) -> str | None:
        """The Metaflow profile set here; None to use that of this process."""
        return self._changes.get(PROFILE_VARIABLE)

    @property
    def changed(self) -> list[str]:
        """The names of all variables set or deleted here, except the profile's."""
        return sorted(name for name in self._changes if name != PROFILE_VARIABLE)

    def __getitem__(self, name: str) -> str:
        value = self._changes[name] if name in self._changes else os.environ[name]
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        checked_env({name: value})
        self._changes[name] = value

    def __delitem__(self, name: str) -> None:
        self[name]  # raises KeyError if there is no such variable
        self._changes[name] = None

    def __iter__(self) -> Iterator[str]:
        kept = (name for name in os.environ if name not in self._changes)
        yield from kept
        yield from (name for name, value in self._changes.items() if value is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __or__(self, other: Mapping[str, str]) -> dict[str, str]:
        return {**self, **other} if isinstance(other, Mapping) else NotImplemented

    def __ror__(self, other: Mapping[str, str]) -> dict[str, str]:
        return {**other, **self} if isinstance(other, Mapping) else NotImplemented

    def __ior__(self, other: Mapping[str, str] | Iterable[tuple[str, str]]) -> EnvVars:
        self.update(checked_env(dict(other)))  # all or none
        return self

    def copy(self) -> dict[str, str]:
        """Return the current variables as a dict."""
        return dict(self)

    def __repr__(self) -> str:
        # Values may be secrets.
        return f"<{type(self).__name__}: this process's, {', '.join(self.changed)} changed>"
