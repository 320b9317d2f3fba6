"""The model: exact facts, complete sources, and loud errors for data that is wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernels import kernel
from vmxlint.interval import Interval, exactly
from vmxlint.model import ModelError, load_model, profiles
from vmxlint.model.controls import ControlBit, read_controls
from vmxlint.model.exits import read_exits
from vmxlint.model.fields import Field, read_fields
from vmxlint.model.frequencies import PER_NESTED_ROUND_TRIP, read_frequencies
from vmxlint.model.operations import read_operations
from vmxlint.model.profiles import Profile, read_profile
from vmxlint.model.tables import GRADES, Table, parse

MODEL = load_model()

MAJORS = {
    "PIN_BASED_VM_EXEC_CONTROL": 0x4000,
    "CPU_BASED_VM_EXEC_CONTROL": 0x4002,
    "SECONDARY_VM_EXEC_CONTROL": 0x401E,
    "TERTIARY_VM_EXEC_CONTROL": 0x2034,
    "VM_ENTRY_CONTROLS": 0x4012,
    "VM_EXIT_CONTROLS": 0x400C,
}


def field(name: str) -> Field:
    found = MODEL.fields.by_name(name)
    assert found is not None, name
    return found


def bit(name: str) -> ControlBit:
    found = MODEL.controls.by_name(name)
    assert found is not None, name
    return found


@pytest.mark.parametrize(
    ("name", "encoding", "width", "kind", "read_only"),
    [
        ("VIRTUAL_PROCESSOR_ID", 0x0000, 16, "control", False),
        ("GUEST_CS_SELECTOR", 0x0802, 16, "guest-state", False),
        ("HOST_TR_SELECTOR", 0x0C0C, 16, "host-state", False),
        ("EPT_POINTER", 0x201A, 64, "control", False),
        ("TERTIARY_VM_EXEC_CONTROL", 0x2034, 64, "control", False),
        ("GUEST_PHYSICAL_ADDRESS", 0x2400, 64, "exit-information", True),
        ("GUEST_IA32_EFER", 0x2806, 64, "guest-state", False),
        ("HOST_IA32_PAT", 0x2C00, 64, "host-state", False),
        ("PIN_BASED_VM_EXEC_CONTROL", 0x4000, 32, "control", False),
        ("VM_EXIT_REASON", 0x4402, 32, "exit-information", True),
        ("VM_EXIT_INTR_INFO", 0x4404, 32, "exit-information", True),
        ("VMX_PREEMPTION_TIMER_VALUE", 0x482E, 32, "guest-state", False),
        ("HOST_IA32_SYSENTER_CS", 0x4C00, 32, "host-state", False),
        ("CR0_READ_SHADOW", 0x6004, "natural", "control", False),
        ("GUEST_LINEAR_ADDRESS", 0x640A, "natural", "exit-information", True),
        ("GUEST_RIP", 0x681E, "natural", "guest-state", False),
        ("HOST_RSP", 0x6C14, "natural", "host-state", False),
    ],
)
def test_an_encoding_says_all_about_its_field(
    name: str, encoding: int, width: object, kind: str, read_only: bool
) -> None:
    found = field(name)
    assert found.encoding == encoding
    assert (found.width, found.kind, found.read_only) == (width, kind, read_only)
    assert MODEL.fields.by_encoding(encoding) is found


def test_high_encodings_and_names_lead_to_the_full_field() -> None:
    offset = field("TSC_OFFSET")
    assert offset.high == 0x2011
    assert MODEL.fields.by_encoding(0x2011) is offset
    assert MODEL.fields.by_name("TSC_OFFSET_HIGH") is offset
    assert field("HOST_RSP").high is None
    assert MODEL.fields.by_name("HOST_RSP_HIGH") is None
    assert MODEL.fields.by_encoding(0x6C15) is None
    assert MODEL.fields.by_name("NO_SUCH_FIELD") is None


def test_the_six_major_controls() -> None:
    assert {major.name: major.encoding for major in MODEL.fields.majors} == MAJORS
    assert set(MODEL.fields.major) == set(MAJORS)


def test_a_field_is_in_one_class_at_most() -> None:
    fields = MODEL.fields
    classes = Counter([*fields.major, *fields.suspected, *fields.not_major])
    assert [name for name, times in classes.items() if times > 1] == []
    assert "VMX_PREEMPTION_TIMER_VALUE" in fields.not_major
    assert "EPT_POINTER" in fields.suspected


def test_control_masks_are_unique_and_fit_a_major_control() -> None:
    places = Counter((found.control, found.mask) for found in MODEL.controls.bits)
    assert set(places.values()) == {1}
    assert {control for control, _ in places} == set(MAJORS)
    for control, mask in places:
        assert mask < 1 << (64 if field(control).width == 64 else 32)


def test_control_names_are_unique() -> None:
    names = Counter(name for found in MODEL.controls.bits for name in (found.name, *found.aliases))
    assert set(names.values()) == {1}


def test_control_bits_refer_to_known_exits_and_fields() -> None:
    for found in MODEL.controls.bits:
        assert found.source
        assert found.exit is None or found.exit in MODEL.exits.reasons, found
        assert found.instead is None or MODEL.fields.by_name(found.instead), found


def test_the_preemption_timer_is_soft_disabled_by_its_value() -> None:
    timer = bit("PIN_BASED_VMX_PREEMPTION_TIMER")
    assert (timer.control, timer.mask) == ("PIN_BASED_VM_EXEC_CONTROL", 0x40)
    assert (timer.toggle, timer.instead) == ("soft-disable", "VMX_PREEMPTION_TIMER_VALUE")
    assert timer.exit == "PREEMPTION_TIMER"


def test_the_preemption_timer_toggles_once_in_ten_entries() -> None:
    rate = MODEL.controls.rate("PIN_BASED_VMX_PREEMPTION_TIMER")
    assert rate is not None
    assert (rate.per_entry, rate.per_nested_round_trip) == (exactly(0.1), exactly(2))
    assert rate.grade == "B"
    assert MODEL.controls.rate("CPU_BASED_HLT_EXITING") is None


@pytest.mark.parametrize(
    ("name", "toggle"),
    [
        ("CPU_BASED_INTR_WINDOW_EXITING", "window"),
        ("CPU_BASED_NMI_WINDOW_EXITING", "window"),
        ("CPU_BASED_MONITOR_TRAP_FLAG", "window"),
        ("VM_ENTRY_IA32E_MODE", "guest-state"),
        ("VM_ENTRY_LOAD_IA32_EFER", "msr-switch"),
        ("VM_EXIT_SAVE_IA32_PAT", "msr-switch"),
        ("VM_EXIT_SAVE_VMX_PREEMPTION_TIMER", None),
        ("CPU_BASED_MOV_DR_EXITING", None),
    ],
)
def test_why_a_bit_may_change(name: str, toggle: str | None) -> None:
    assert bit(name).toggle == toggle


def test_older_names_of_control_bits() -> None:
    window = bit("CPU_BASED_VIRTUAL_INTR_PENDING")
    assert window.name == "CPU_BASED_INTR_WINDOW_EXITING"
    assert bit("CPU_BASED_USE_TSC_OFFSETING").mask == 1 << 3


def test_bits_of_a_mask() -> None:
    controls = MODEL.controls
    assert controls.by_mask("VM_ENTRY_CONTROLS", 0x200) is bit("VM_ENTRY_IA32E_MODE")
    assert controls.by_mask("VM_EXIT_CONTROLS", 0x40) is None
    both = controls.within("CPU_BASED_VM_EXEC_CONTROL", 0x18000)
    assert [found.name for found in both] == [
        "CPU_BASED_CR3_LOAD_EXITING",
        "CPU_BASED_CR3_STORE_EXITING",
    ]


RELEASES = ["5.0.1", "5.3.1", "6.1", "6.12"]


def header(release: str, name: str = "vmx.h") -> str:
    """A kernel's header of VMX definitions."""
    file = kernel(release) / "arch/x86/include/asm" / name
    if not file.is_file():
        pytest.skip(f"no {name} in Linux {release}")
    return file.read_text("utf-8")


@pytest.mark.parametrize("release", RELEASES)
def test_the_kernels_own_list_of_fields_is_in_the_model(release: str) -> None:
    body = header(release).split("enum vmcs_field {")[1].split("};")[0]
    listed = re.findall(r"(\w+)\s*=\s*(0x[0-9a-fA-F]+)", body)
    assert len(listed) > 150
    for name, number in listed:
        found = field(name)
        assert int(number, 16) == (found.high if name.endswith("_HIGH") else found.encoding), name


@pytest.mark.parametrize("release", RELEASES)
def test_the_kernels_own_masks_of_control_bits_are_in_the_model(release: str) -> None:
    plain = r"#define\s+((?:PIN_BASED|CPU_BASED|SECONDARY_EXEC|VM_EXIT|VM_ENTRY)_\w+)\s+"
    text = header(release)
    masks = {name: int(mask, 16) for name, mask in re.findall(plain + r"(0x[0-9a-f]{8})\b", text)}
    if "VMCS_CONTROL_BIT" in text:
        features = dict(
            re.findall(
                r"VMX_FEATURE_(\w+)\s+\([ 0-9]+\*32\+\s*(\d+)\)", header(release, "vmxfeatures.h")
            )
        )
        for name, feature in re.findall(plain + r"VMCS_CONTROL_BIT\((\w+)\)", text):
            masks[name] = 1 << int(features[feature])
    masks = {name: mask for name, mask in masks.items() if "ALWAYSON" not in name}
    assert len(masks) > 50
    for name, mask in masks.items():
        assert bit(name).mask == mask, name


def test_exit_numbers_are_unique() -> None:
    numbers = Counter(MODEL.exits.reasons.values())
    assert set(numbers.values()) == {1}


@pytest.mark.parametrize(
    ("name", "canonical", "number"),
    [
        ("EXTERNAL_INTERRUPT", "EXTERNAL_INTERRUPT", 1),
        ("EXIT_REASON_PREEMPTION_TIMER", "PREEMPTION_TIMER", 52),
        ("PENDING_INTERRUPT", "INTERRUPT_WINDOW", 7),
        ("EXIT_REASON_PENDING_INTERRUPT", "INTERRUPT_WINDOW", 7),
        ("NOTIFY", "NOTIFY", 75),
        ("UNKNOWN", None, None),
    ],
)
def test_exit_names(name: str, canonical: str | None, number: int | None) -> None:
    assert MODEL.exits.canonical(name) == canonical
    assert MODEL.exits.number(name) == number


def test_exit_by_number() -> None:
    assert MODEL.exits.by_number(48) == "EPT_VIOLATION"
    assert MODEL.exits.by_number(35) is None


def test_every_operation_has_ends_in_order_a_grade_and_a_source() -> None:
    assert MODEL.operations.rows
    for row in MODEL.operations.rows.values():
        assert 0 <= row.cycles.low <= row.cycles.typical <= row.cycles.high
        assert row.grade in GRADES
        assert row.source.strip()


def test_lookup_prefers_the_family_and_falls_back_to_any() -> None:
    operations = MODEL.operations
    assert operations.lookup("vm_roundtrip_hw", "skylake").cycles == Interval(550, 650, 850)
    assert operations.lookup("vmread", "skylake").family == "any"
    assert operations.lookup("vmread", "any").cycles == Interval(5, 25, 50)
    assert operations.lookup("consistency_recheck", "any").cycles == Interval(200, 350, 700)
    assert operations.lookup("consistency_recheck", "nehalem").cycles == exactly(0)
    nested = operations.lookup("vmread", "skylake", "L1-noshadow")
    assert nested.cycles == Interval(700, 1800, 5000)


def test_lookup_of_what_is_not_priced_names_it() -> None:
    with pytest.raises(ModelError, match=r"kvm_exit_fast.*L1-shadow"):
        MODEL.operations.lookup("kvm_exit_fast", "any", "L1-shadow")
    with pytest.raises(ModelError, match=r"'L2'.*L1-noshadow"):
        MODEL.operations.lookup("vmread", "any", "L2")
    with pytest.raises(ModelError, match=r"pentium.*skylake"):
        MODEL.operations.lookup("vmread", "pentium")


def test_frequencies() -> None:
    frequencies = MODEL.frequencies
    assert frequencies.lookup("exit").times == exactly(1)
    assert frequencies.lookup("nested-entry").times == exactly(0)
    assert frequencies.lookup("nested-entry", PER_NESTED_ROUND_TRIP).times == exactly(1)
    assert frequencies.lookup("vmcs-switch", PER_NESTED_ROUND_TRIP).times == exactly(2)
    with pytest.raises(ModelError, match="full moon"):
        frequencies.lookup("full moon")


@pytest.mark.parametrize("name", profiles.names())
def test_the_shares_of_a_profile_sum_to_one(name: str) -> None:
    profile = profiles.load(name)
    listed = sum(profile.share(reason) for reason in profile.samples)
    assert listed + profile.unlisted == pytest.approx(1)
    assert profile.name == name
    assert set(profile.samples) <= set(MODEL.exits.reasons)


def test_the_default_profile() -> None:
    profile = profiles.load(profiles.DEFAULT)
    assert profile.share("EXTERNAL_INTERRUPT") == pytest.approx(0.2269, abs=1e-3)
    assert profile.share("VMCALL") == 0
    assert profile.exits_per_second == 1143


def test_an_unknown_profile_raises_with_its_name_and_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"'no_such_mix'.*cpu_bound_sysbench"):
        profiles.load("no_such_mix")


def test_the_model_is_read_once() -> None:
    assert load_model() is MODEL
    assert profiles.load("idle_small") is profiles.load("idle_small")


OPERATION = """
[[operation]]
operation = "vmread"
environment = "L0"
family = "any"
low = 5
typical = 25
high = 50
unit = "cycles"
grade = "B"
source = "a source"
"""


def test_a_sound_row_is_read() -> None:
    table = parse("operations.toml", OPERATION).all(read_operations)
    assert table.lookup("vmread", "any").cycles == Interval(5, 25, 50)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("high = 50", "high = 50\ncolour = 1", "unknown keys: colour"),
        ("high = 50", "high = nan", "not an interval"),
        ("high = 50", "high = inf", "not an interval"),
        ("high = 50", "high = 20", "not an interval"),
        ("low = 5", "low = -5", "not an interval"),
        ("low = 5", "low = '5'", "should be numbers"),
        ("low = 5", "", "should be numbers"),
        ('grade = "B"', 'grade = "AB"', "grade should be one of ABCDX"),
        ('grade = "B"', "grade = true", "grade should be of type str"),
        ('source = "a source"', 'source = " "', "source is empty"),
        ('family = "any"', "", "family should be of type str"),
        ('unit = "cycles"', 'unit = "us"', "only unit is cycles"),
    ],
)
def test_a_wrong_row_is_named(old: str, new: str, message: str) -> None:
    text = OPERATION + OPERATION.replace('"L0"', '"L1-shadow"').replace(old, new)
    with pytest.raises(ModelError, match=rf"operations\.toml, operation 2: .*{message}"):
        parse("operations.toml", text).all(read_operations)


def test_a_row_given_twice_is_an_error() -> None:
    with pytest.raises(ModelError, match=r"operations\.toml: two rows"):
        parse("operations.toml", OPERATION + OPERATION).all(read_operations)


BIT = '[[bit]]\ncontrol = "C"\nname = "N"\nsource = "S"\n'
RATE = '[[toggle_rate]]\nbit = "N"\ngrade = "B"\nsource = "S"\nper_nested_round_trip = [2, 2, 2]\n'
CLASSES = "suspected = []\nnot_major = []\nmajor = []\n"
FREQUENCY = '[[frequency]]\ncontext = "exit"\ntimes = 1\n'
PROFILE = 'name = "p"\ndescription = "d"\nsource = "s"\n'


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_fields, "[encodings", "Expected"),
        (read_fields, CLASSES + "[encodings]\nX = 0x2011", r"X = 0x2011 is not a full"),
        (read_fields, CLASSES + "[encodings]\nX = 0x4000\nY = 0x4000", "Y and X"),
        (read_fields, CLASSES + "[encodings]\nX = '0x4000'", r"\[encodings\]: X should be"),
        (
            read_fields,
            "suspected = []\nnot_major = []\n[encodings]\nX = 0\n"
            '[[major]]\nsource = "S"\nfields = ["Y"]',
            "major 1: not fields: Y",
        ),
        (read_controls, "toggle_rate = []\n" + BIT + "mask = 3", "bit 1: mask should have"),
        (read_controls, "toggle_rate = []\n" + (BIT + "mask = 1\n") * 2, "two rows"),
        (
            read_controls,
            "toggle_rate = []\n" + BIT + 'mask = 1\ntoggle = "often"',
            "toggle should be one of .* not 'often'",
        ),
        (
            read_controls,
            "toggle_rate = []\n" + BIT + 'mask = 1\ntoggle = "soft-disable"',
            "needs instead and neutral",
        ),
        (
            read_controls,
            "toggle_rate = []\n" + BIT + "mask = 1\naliases = [1]",
            "aliases should hold strings",
        ),
        (read_controls, "bit = []\n" + RATE + "per_entry = [1, 2]", "toggle_rate 1: low"),
        (read_controls, "bit = []\n" + RATE + "per_entry = [2, 1, 3]", "not an interval"),
        (read_controls, "toggle_rate = []\nbit = [1]", "bit should hold tables"),
        (read_exits, "[reasons]\nA = 1\nB = 1\n[aliases]", "same number"),
        (read_exits, "[reasons]\nA = 1\n[aliases]\nB = 'C'", "not exit reasons: C"),
        (read_frequencies, FREQUENCY + 'per = "moon"', "frequency 1: per should be"),
        (read_profile, PROFILE + "total = 1\n[samples]\nHLT = 2", "do not fit a total of 1"),
        (read_profile, PROFILE + "total = 1\nmore = 2\n[samples]\nHLT = 1", "unknown keys: more"),
    ],
)
def test_wrong_data_is_named(read: Callable[[Table], object], text: str, message: str) -> None:
    with pytest.raises(ModelError, match=rf"some\.toml.*{message}"):
        parse("some.toml", text).all(read)


def test_a_profile_may_leave_exits_unlisted() -> None:
    table = Table("p.toml", {"total": 10, "samples": {"HLT": 4}})
    table.left.update({"name": "p", "description": "d", "source": "s"})
    profile: Profile = table.all(read_profile)
    assert (profile.share("HLT"), profile.unlisted) == (0.4, 0.6)
    assert profile.frequency("HLT") == exactly(0.4)
    assert profile.frequency("VMCALL") == Interval(0, 0, 0.6)
    assert profile.frequency("HLT", "VMCALL", "CPUID") == Interval(0.4, 0.4, 1)


AMOUNTS = st.floats(min_value=0, max_value=1e9)
PROBABILITIES = st.floats(min_value=0, max_value=1)


def intervals(ends: st.SearchStrategy[float]) -> st.SearchStrategy[Interval]:
    return st.lists(ends, min_size=3, max_size=3).map(lambda three: Interval(*sorted(three)))


@given(intervals(AMOUNTS), intervals(AMOUNTS), AMOUNTS)
def test_arithmetic_keeps_the_ends_in_order(
    first: Interval, second: Interval, amount: float
) -> None:
    results = [first + second, first * second, first.scaled(amount), first.capped(amount)]
    for result in results:
        assert 0 <= result.low <= result.typical <= result.high


@given(intervals(PROBABILITIES))
def test_a_complement_keeps_the_ends_in_order(chance: Interval) -> None:
    result = chance.complement()
    assert 0 <= result.low <= result.typical <= result.high <= 1
    assert result.complement().typical == pytest.approx(chance.typical)


@pytest.mark.parametrize("ends", [(1, 0, 2), (-1, 0, 1), (0, 1, float("nan")), (0, 1, 1e400)])
def test_what_is_not_an_interval(ends: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="not an interval"):
        Interval(*ends)
