"""Which routines have a word in their text: found without reading their bodies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from vmxlint.facts import ASM_WORD, Asm
from vmxlint.flow.routine import Routine


class Mentions:
    """The index of the words of all routines; see Function.words."""

    def __init__(self, routines: Sequence[Routine]) -> None:
        self.routines = routines
        self._texts = [(one, one.function.text) for one in routines]
        self._named: dict[str, tuple[Routine, ...]] = {}
        self._found: defaultdict[str, list[Routine]] = defaultdict(list)
        for routine in routines:
            for word in routine.function.words:
                self._found[word].append(routine)
        for routine in list(self.of(ASM_WORD)):
            for name in _called_by_assembly(routine):
                self._found[name].append(routine)

    def of(self, word: str) -> Sequence[Routine]:
        """The routines in whose text a word stands, in order."""
        return self._found.get(word, ())

    def of_any(self, *words: str) -> tuple[Routine, ...]:
        """The routines in whose text one of the words stands, in order."""
        found = {id(one) for word in words for one in self.of(word)}
        return tuple(one for one in self.routines if id(one) in found) if found else ()

    def naming(self, name: str) -> tuple[Routine, ...]:
        """The routines in whose text a name stands, be it as part of another, in order."""
        if name not in self._named:
            self._named[name] = tuple([one for one, text in self._texts if name in text])
        return self._named[name]

    def naming_any(self, names: Iterable[str]) -> tuple[Routine, ...]:
        """The routines in whose text one of the names stands, in order."""
        found = {id(one) for name in names for one in self.naming(name)}
        return tuple(one for one in self.routines if id(one) in found)

    def starting_with(self, sign: str) -> Iterator[tuple[str, Sequence[Routine]]]:
        """Of the words that start with a sign: what is behind it, and the routines."""
        for word, routines in self._found.items():
            if word.startswith(sign):
                yield word[len(sign) :], routines


def _called_by_assembly(routine: Routine) -> Iterator[str]:
    if routine.function.place is None:
        first, last = routine.function.at, routine.function.end
        for asm in routine.file.asms:
            if first <= asm.start < last:
                yield from callees(asm)


def callees(asm: Asm) -> Iterator[str]:
    """The functions that an asm statement calls."""
    for mnemonic, operands in asm.instructions:
        if mnemonic in ("call", "jmp") and operands:
            yield operands[0]
