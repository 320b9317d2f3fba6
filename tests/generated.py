"""C functions made up at random, each with what it does known from how it was made.

A program is statements over a few variables that nothing changes. `text` writes it as C, `trace`
runs it: the operations in the order in which they run for some values of the variables. Every
operation is on a VMCS field of its own, so that the engine's answer can be told apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from hypothesis import strategies as st

FLAGS = ("a", "b", "c", "d")
CHOICES = range(4)  # of the variable that switches ask for
HEAD = """\
static inline unsigned long vmcs_readl(unsigned long field)
{
	unsigned long value;
	asm volatile("vmread %1, %0" : "=r"(value) : "r"(field));
	return value;
}
static inline void vmcs_writel(unsigned long field, unsigned long value)
{
	asm volatile("vmwrite %0, %1" : : "r"(value), "r"(field));
}
static void guarded(int wanted, unsigned long field)
{
	if (wanted)
		vmcs_writel(field, 1);
}
static void unless(unsigned long field, int unwanted)
{
	if (unwanted)
		return;
	vmcs_writel(field, 1);
}
static void passed_on(unsigned long field, int wanted)
{
	guarded(wanted, field);
}
#define WRITE(field) vmcs_writel(field, 2)
#define WRITE_IF(wanted, field) do { if (wanted) vmcs_writel(field, 3); } while (0)
"""
# How an operation is spelled: {0} is its field, {1} a condition for which it runs. The last ones
# stand in an expression.
PLAIN = ("vmcs_writel({0}, 0);", "WRITE({0});", "r = vmcs_readl({0});", "({{ WRITE({0}); }});")
GUARDED = (
    "guarded({1}, {0});",
    "unless({0}, !({1}));",
    "passed_on({0}, {1});",
    "WRITE_IF({1}, {0});",
    "r = ({1}) && vmcs_readl({0});",
    "r = !({1}) || vmcs_readl({0});",
    "r = ({1}) ? vmcs_readl({0}) : 0;",
    "({1}) ? vmcs_writel({0}, 4) : (void)0;",
    "if (({1}) && vmcs_readl({0})) r++;",
    "r = ({{ int y = 0; if ({1}) y = vmcs_readl({0}); y; }});",
)


class Test(NamedTuple):
    """A condition: C text over the flags, which is Python text over them, too, once spelled so."""

    text: str

    def holds(self, values: Mapping[str, int]) -> bool:
        python = self.text.replace("&&", " and ").replace("||", " or ").replace("!=", "~")
        python = python.replace("!", " not ").replace("~", "!=")
        return bool(eval(python, {"likely": bool, "unlikely": bool}, dict(values)))  # noqa: S307


class Op(NamedTuple):
    """An operation on the field of that number, spelled in some way, for which a test may hold."""

    number: int
    form: str
    test: Test | None


class If(NamedTuple):
    test: Test
    then: Sequence[Statement]
    orelse: Sequence[Statement]


class Loop(NamedTuple):
    """A body that runs twice, or with `do` once; break and continue leave it."""

    form: str
    body: Sequence[Statement]


class Switch(NamedTuple):
    """Arms of values, or none for `default`, each with its statements, from which it falls on."""

    arms: Sequence[tuple[tuple[int, ...], Sequence[Statement]]]


class Jump(NamedTuple):
    """`return`, `break`, `continue` or `goto`, which is always out to the label at the end."""

    word: str


Statement = Op | If | Loop | Switch | Jump
_LOOPS = {
    "for": "for (i = 0; i < 2; i++) {{\n{0}\n}}",
    "do": "do {{\n{0}\n}} while (0);",
    "while": "while (more()) {{\n{0}\n}}",
}


def text(body: Sequence[Statement], fields: Sequence[str]) -> str:
    """The statements as C."""
    return "\n".join(_text(one, fields) for one in body)


def _text(one: Statement, fields: Sequence[str]) -> str:
    match one:
        case Op(number, form, test):
            return form.format(fields[number], test.text if test else "")
        case If(test, then, orelse):
            head = f"if ({test.text}) {{\n{text(then, fields)}\n}}"
            return f"{head} else {{\n{text(orelse, fields)}\n}}" if orelse else head
        case Loop(form, body):
            return _LOOPS[form].format(text(body, fields))
        case Switch(arms):
            inner = "".join(f"{_labels(values)}\n{text(body, fields)}\n" for values, body in arms)
            return f"switch (x) {{\n{inner}}}"
        case Jump("goto"):
            return "goto out;"
    return f"{one.word};"


def _labels(values: tuple[int, ...]) -> str:
    return " ".join(f"case {value}:" for value in values) or "default:"


def function(name: str, body: Sequence[Statement], last: Op, fields: Sequence[str]) -> str:
    """A whole function; `last` is the operation behind the label that `goto` leads to."""
    return (
        f"void {name}(int a, int b, int c, int d, int x)\n{{\nint i, r;\n{text(body, fields)}\n"
        f"out:\n{_text(last, fields)}\n}}\n"
    )


def trace(body: Sequence[Statement], last: Op, values: Mapping[str, int]) -> list[int]:
    """The numbers of the operations in the order in which they run."""
    done: list[int] = []
    if _run(body, values, done) != "return":
        _run((last,), values, done)
    return done


def _run(body: Sequence[Statement], values: Mapping[str, int], done: list[int]) -> str:
    """Run statements; the jump by which they end, if one does."""
    for one in body:
        if jump := _step(one, values, done):
            return jump
    return ""


def _step(one: Statement, values: Mapping[str, int], done: list[int]) -> str:
    match one:
        case Op(number, _, test):
            if test is None or test.holds(values):
                done.append(number)
            return ""
        case If(test, then, orelse):
            return _run(then if test.holds(values) else orelse, values, done)
        case Loop(form, body):
            for _ in range(1 if form == "do" else 2):
                jump = _run(body, values, done)
                if jump in ("return", "goto", "break"):
                    return "" if jump == "break" else jump
            return ""
        case Switch(arms):
            jump = _run(list(_entered(arms, values["x"])), values, done)
            return "" if jump == "break" else jump
    return one.word


def _entered(
    arms: Sequence[tuple[tuple[int, ...], Sequence[Statement]]], value: int
) -> Iterator[Statement]:
    """All statements from the arm on that a value enters."""
    labels = [values for values, _ in arms]
    entered = [n for n, one in enumerate(labels) if value in one] or [
        n for n, one in enumerate(labels) if not one
    ]
    for _, body in arms[entered[0] :] if entered else ():
        yield from body


_flag = st.sampled_from([*FLAGS, *(f"!{one}" for one in FLAGS)])
_atom = st.one_of(
    _flag,
    st.sampled_from([f"{form}({one})" for form in ("likely", "unlikely") for one in FLAGS]),
    st.sampled_from([f"{one} {sign} 0" for one in FLAGS for sign in ("==", "!=")]),
)
tests = st.recursive(
    _atom,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
    ),
    max_leaves=3,
).map(Test)


class Numbers:
    """Gives each operation the next number."""

    def __init__(self, most: int) -> None:
        self.given = 0
        self.most = most

    def next(self) -> int:
        self.given += 1
        return min(self.given, self.most) - 1


@st.composite
def bodies(draw: st.DrawFn, numbers: Numbers, depth: int = 3, inside: str = "") -> list[Statement]:
    """Some statements; `inside` a "loop" or a "switch" that jumps may leave."""
    found: list[Statement] = []
    for _ in range(draw(st.integers(1, 4))):
        one = draw(_statements(numbers, depth, inside))
        found.append(one)
    return found


@st.composite
def _statements(draw: st.DrawFn, numbers: Numbers, depth: int, inside: str) -> Statement:
    kinds = ["op", "op", "guarded", "jump"] + ["if", "if", "loop", "switch"] * (depth > 0)
    kind = draw(st.sampled_from(kinds)) if numbers.given < numbers.most - 1 else "jump"
    match kind:
        case "op":
            return Op(numbers.next(), draw(st.sampled_from(PLAIN)), None)
        case "guarded":
            return Op(numbers.next(), draw(st.sampled_from(GUARDED)), draw(tests))
        case "if":
            then = draw(bodies(numbers, depth - 1, inside))
            orelse = draw(bodies(numbers, depth - 1, inside)) if draw(st.booleans()) else []
            return If(draw(tests), then, orelse)
        case "loop":
            form = draw(st.sampled_from(sorted(_LOOPS)))
            return Loop(form, draw(bodies(numbers, depth - 1, "loop")))
        case "switch":
            return draw(_switches(numbers, depth, inside))
    words = {"": ["return", "goto"], "switch": ["break", "return", "goto"]}
    words["loop"] = ["break", "continue", "return", "goto"]
    return Jump(draw(st.sampled_from(words["switch" if inside == "in-loop" else inside])))


@st.composite
def _switches(draw: st.DrawFn, numbers: Numbers, depth: int, inside: str) -> Switch:
    values = draw(st.permutations(list(CHOICES)))[: draw(st.integers(1, 4))]
    split = draw(st.integers(0, len(values)))
    labels = [(one,) for one in values[:split]] + ([tuple(values[split:])] if split < 4 else [])
    labels = [one for one in labels if one]
    if draw(st.booleans()):
        labels.insert(draw(st.integers(0, len(labels))), ())
    arms = []
    for one in labels:
        body = draw(bodies(numbers, depth - 1, "switch"))
        if draw(st.booleans()):
            body = [*body, Jump("break")]
        arms.append((one, body))
    return Switch(arms)


@st.composite
def plain_bodies(draw: st.DrawFn, numbers: Numbers, depth: int = 3) -> list[Statement]:
    """Statements without loops and switches, left early only from where nothing is in between: for
    every operation its conditions say exactly when it runs."""
    found: list[Statement] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["plain", "guarded", *["if", "early"] * (depth > 0)]))
        if numbers.given >= numbers.most - 1 or kind == "plain":
            found.append(Op(numbers.next(), draw(st.sampled_from(PLAIN)), None))
        elif kind == "guarded":
            form = draw(st.sampled_from(GUARDED[:-1]))
            found.append(Op(numbers.next(), form, draw(tests)))
        else:
            then = draw(plain_bodies(numbers, depth - 1))
            if kind == "early" and depth == 3:
                found.append(If(draw(tests), [*_straight(then), Jump("return")], []))
            else:
                orelse = draw(plain_bodies(numbers, depth - 1)) if draw(st.booleans()) else []
                found.append(If(draw(tests), _straight(then), _straight(orelse)))
    return found


def _straight(body: Sequence[Statement]) -> list[Statement]:
    """The statements without those that may leave early."""
    return [one for one in body if not (isinstance(one, If) and Jump("return") in one.then)]
