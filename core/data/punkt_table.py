#!/usr/bin/python3
"""Prints punkt_table.h: what the sentence splitter needs of the Punkt model of English.

    python3 punkt_table.py FOLDER > punkt_table.h

FOLDER is tokenizers/punkt_tab/english of NLTK's data, with abbrev_types.txt and collocations.tab.
The model was trained by Kiss and Strunk (Unsupervised Multilingual Sentence Boundary Detection,
2006) on the Wall Street Journal.  Its sentence starters and orthographic contexts speak of words in
upper case, which captions, being lower-cased, do not have.
"""
import sys


def rows(cells, most=96):
    line = "   "
    for cell in cells:
        if len(line) + len(cell) + 2 > most + 4:
            yield line
            line = "   "
        line += " " + cell + ","
    yield line


def read(path):
    with open(path, encoding="utf-8") as file:
        return sorted(set(file.read().split("\n")) - {""})


def main():
    folder = sys.argv[1]
    abbreviations = read(folder + "/abbrev_types.txt")
    pairs = [pair.split("\t") for pair in read(folder + "/collocations.tab")]
    print("""/* punkt_table.h -- made by punkt_table.py from NLTK's Punkt model of English. */
/* clang-format off */

/* Words that are abbreviations, without their last period; sorted. */
static const char *const abbreviations[] = {""")
    print("\n".join(rows(f'"{word}"' for word in abbreviations)))
    print("""};

/* Two words between which a period ends no sentence; "##number##" is any number. Sorted. */
static const char *const collocations[][2] = {""")
    print("\n".join(rows(f'{{"{a}", "{b}"}}' for a, b in pairs)))
    print("};\n/* clang-format on */")


if __name__ == "__main__":
    sys.exit(main())
