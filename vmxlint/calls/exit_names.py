"""The constants of a unit that stand for exit reasons, by their value or else by their name.

Every hypervisor has names of its own for the reasons, and nearly all call those of an instruction
after it, and others as the manual does. So the prefix of the family, or of several in one, is that
of the names which end in what the reason is called and have its number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property

from vmxlint.calls.names import Names
from vmxlint.model.exits import ExitTable

_FEWEST = 5  # names of one prefix that have the numbers of their reasons


class ExitNames:
    """What the constants of a unit say of exit reasons; `declared` is the dialect's prefix."""

    def __init__(self, names: Names, exits: ExitTable, declared: str) -> None:
        self._names = names
        self._exits = exits
        self._declared = declared

    @cached_property
    def prefixes(self) -> tuple[str, ...]:
        """What the names of exit reasons begin with: as declared, and as found."""
        found = Counter(self._prefixes_of_reasons())
        alike = sorted(prefix for prefix, number in found.items() if number >= _FEWEST)
        return tuple(dict.fromkeys(filter(None, (self._declared, *alike))))

    def _prefixes_of_reasons(self) -> Iterator[str]:
        reasons = tuple(self._exits.reasons)
        for constant in self._names.constants:
            if constant.endswith(reasons) and (reason := self.reason(constant)):
                if constant.endswith(reason):
                    yield constant.removesuffix(reason)

    def is_one(self, text: str) -> bool:
        """Whether a name is that of an exit reason."""
        return text.startswith(self.prefixes)

    def are_in(self, text: str) -> bool:
        """Whether the name of an exit reason may stand in some code."""
        return any(prefix in text for prefix in self.prefixes)

    def reason(self, text: str) -> str | None:
        """The exit reason that a constant expression is the number of."""
        number = self._names.number(text)
        return None if number is None else self._exits.by_number(number)

    def canonical(self, constant: str) -> str:
        """The exit reason that a constant stands for; its bare name if it is none that is known."""
        prefix = next((one for one in self.prefixes if constant.startswith(one)), "")
        bare = constant.removeprefix(prefix)
        return self.reason(constant) or self._exits.canonical(bare) or bare
