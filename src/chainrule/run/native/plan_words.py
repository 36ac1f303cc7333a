"""The words of a plan: what the entry must know of one compiled program, as 64-bit integers in memory.

A plan starts with `PLAN_WORDS` words; the records of inputs and outputs, lengths of dimensions, patches and the order of
addresses follow. A patch is two words: the address of a word of the program, and bytes to add to what is written there.
"""

from __future__ import annotations

from collections.abc import Iterable

# Words of a plan. `HANDLER` is 0 where no result is large.
(
    BUSY,
    INPUTS,
    OUTPUTS,
    RUN,
    TABLE,
    COUNT,
    RELEASE,
    INPUT_RECORDS,
    OUTPUT_RECORDS,
    ORDER,
    ORDERED,
    NONE,
    RUNNING,
    HANDLER,
    ARRAY,
) = range(15)
FUNCTIONS = (
    "new_array",
    "new_number",
    "new_tuple",
    "set_item",
    "increment",
    "decrement",
    "save_thread",
    "restore_thread",
    "new_integer",
    "set_handler",
)
FUNCTION = {name: ARRAY + 1 + number for number, name in enumerate(FUNCTIONS)}
PLAN_WORDS = ARRAY + 1 + len(FUNCTIONS)
# Words of an input's record: `SIZE` is 0 for an array and the bytes of a number; `DATA` is written at each call.
SIZE, TYPE, OTHER_TYPE, DESCRIPTOR, KIND, RANK, DIMENSIONS, FLAGS, BYTES, DONATED, PATCHES, PATCH_COUNT, DATA = range(
    13
)
INPUT_WORDS = 13
# Words of an output's record; `WAY` is one of the three below; `VALUE` is where a number's bytes are written by the program.
WAY, RESULT_DESCRIPTOR, RESULT_RANK, RESULT_DIMENSIONS, SOURCE, RESULT_PATCHES, RESULT_PATCH_COUNT, VALUE = range(8)
OUTPUT_WORDS = 8
FRESH, NUMBER, GIVEN = range(3)


def load(name: str, record: str, word: int, type_: str = "i64") -> str:
    """LLVM's text for `%name` ← word number `word` of the record.

    >>> print(load("rank", "%record", 5))
    %rank.at = getelementptr i64, ptr %record, i64 5
      %rank = load i64, ptr %rank.at
    """
    return f"%{name}.at = getelementptr i64, ptr {record}, i64 {word}\n  %{name} = load {type_}, ptr %{name}.at"


def field(name: str, thing: str, offset: int, type_: str) -> str:
    """LLVM's text for `%name` ← what lies `offset` bytes into an object.

    >>> field("rank", "%argument", 24, "i32").endswith("%rank = load i32, ptr %rank.at")
    True
    """
    return f"%{name}.at = getelementptr i8, ptr {thing}, i64 {offset}\n  %{name} = load {type_}, ptr %{name}.at"


def functions_of(text: str) -> dict[str, str]:
    """The functions of a text by name; each begins with `define` at the start of a line.

    >>> functions_of("define internal i64 @two() { ret i64 2 }")
    {'two': 'define internal i64 @two() { ret i64 2 }'}
    """
    found = ["define" + part for part in f"\n{text.strip()}".split("\ndefine")[1:]]
    return {part.partition("@")[2].partition("(")[0]: part for part in found}


def addresses_text(name: str, functions: Iterable[str]) -> str:
    """A native function that writes the addresses of others to the words at its first argument.

    >>> print(addresses_text("where", ["two"]))
    define i64 @where(ptr %words, i64 %begin, i64 %end, i64 %chunk) {
      %at0 = getelementptr i64, ptr %words, i64 0
      store ptr @two, ptr %at0
      ret i64 0
    }
    """
    stores = "".join(
        f"  %at{place} = getelementptr i64, ptr %words, i64 {place}\n  store ptr @{function}, ptr %at{place}\n"
        for place, function in enumerate(functions)
    )
    return f"define i64 @{name}(ptr %words, i64 %begin, i64 %end, i64 %chunk) {{\n{stores}  ret i64 0\n}}"
