#!/usr/bin/python3
"""Prints unicode_table.h: what Python's str and re know about characters, as tables for unicode.c.

    python3 unicode_table.py > unicode_table.h

The tables are asked from the running Python, not read from a list, so the tokeniser agrees with the
Python that made them; another Python differs only where its Unicode version added characters.
"""
import re
import sys
import unicodedata

LAST = 0x10FFFF
WORD, DIGIT, SPACE, CASED, IGNORABLE = 1, 2, 4, 8, 16
word, digit, space = re.compile(r"\w"), re.compile(r"\d"), re.compile(r"\s")


def properties(c):
    # A capital sigma is lowered to the final form after a cased letter; ignorable ones in between
    # do not count.  That rule shows both properties, which str does not offer otherwise.
    cased = (c + "\u03a3").lower()[-1] == "\u03c2"
    ignorable = not cased and ("a" + c + "\u03a3").lower()[-1] == "\u03c2"
    assert bool(space.match(c)) == c.isspace() == (not c.strip())
    return (WORD * bool(word.match(c)) + DIGIT * bool(digit.match(c)) + SPACE * c.isspace()
            + CASED * cased + IGNORABLE * ignorable)


def property_runs():
    runs = []
    for i in range(LAST + 1):
        p = 0 if 0xD800 <= i < 0xE000 else properties(chr(i))
        if not runs or runs[-1][1] != p:
            runs.append((i, p))
    return runs


def lower_runs():
    """(first, last, step, difference): every step-th character from first to last moves by difference."""
    moves = {}
    for i in range(LAST + 1):
        low = "" if 0xD800 <= i < 0xE000 else chr(i).lower()
        if len(low) == 1 and ord(low) != i:
            moves[i] = ord(low) - i
        else:
            assert len(low) < 2 or (i == 0x130 and low == "i\u0307")
    runs = []
    for i, by in moves.items():
        if runs:
            first, last, step, difference = runs[-1]
            if by == difference and (i - last == step or (first == last and i - last <= 2)):
                runs[-1] = (first, i, i - last, difference)
                continue
        runs.append((i, i, 1, by))
    for first, last, step, _ in runs:
        assert step == 1 or all(i not in moves or (i - first) % step == 0
                                for i in range(first, last + 1)), hex(first)
    return runs


def rows(cells, most=96):
    line = "   "
    for cell in cells:
        if len(line) + len(cell) + 2 > most + 4:
            yield line
            line = "   "
        line += " " + cell + ","
    yield line


def main():
    print(f"""/* unicode_table.h -- made by unicode_table.py from Unicode {unicodedata.unidata_version}. */
/* clang-format off */
enum {{ WORD = {WORD}, DIGIT = {DIGIT}, SPACE = {SPACE}, CASED = {CASED}, IGNORABLE = {IGNORABLE} }};

/* Where a run of characters with the same properties begins: character << 5 | properties. */
static const uint32_t property_runs[] = {{""")
    print("\n".join(rows(f"0x{i << 5 | p:x}" for i, p in property_runs())))
    print("""};

/* Every step-th character from first to last has its lower case `by` further on. */
static const struct lower_run {
    uint32_t first, last, step;
    int32_t by;
} lower_runs[] = {""")
    print("\n".join(rows("{0x%x, 0x%x, %d, %d}" % run for run in lower_runs())))
    print("};\n/* clang-format on */")


if __name__ == "__main__":
    sys.exit(main())
