#!/usr/bin/python3
"""Prints tokens.tsv: hard captions, a tab, and what NLTK makes of them, with spaces between.

    python3 make_tokens.py > tokens.tsv

Needs NLTK 3.8 (Debian's python3-nltk), but not its data: the parameters of the Punkt model are read
from core/data/punkt_table.h.  The sentences are this project's own.
"""
import os
import re
import sys

from nltk.tokenize import NLTKWordTokenizer
from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

PLAIN = """\
A dog runs .
Two dogs, three cats and a bird.
A man in a red-and-white shirt
THE GIRL IS LAUGHING

one
.
..
...
a .
a.
a..
a...
a. b. c.
mr. smith waves at dr. jones.
it is 5 p.m.
The sign says u.s.a.
wait ... what
wait...what
wait. . .
wait....
end of it.)
end of it.))
end of it."
end of it.'
end of it.”
end of it.’
end of it.»
end of it. )  "
end of it.a)
end of it. ;
( end. )
end.]}>
end .
.start
a.b
1.5 metres
.5
5."""

CLITICS = """\
I can't see it
he cannot swim
cannot
cannots
acannot
can not
CANNOT, cannot; cannot.
the dog's ball
the dogs' ball
dogs'
dogs' .
dogs'.
it's john's 'car'
they'll say we're here and you've won
i'd say i'm sure
she'd've gone
don't won't isn't ain't
n't
don't.
don't,
"don't"
rock 'n' roll
rock'n'roll
o'clock
five o'clock news
'tis
'tis a dog
so 'tis
so 'tis.
so 'twas the cat
so 'twas'tis
so 'tis'twas
so 'tisn't
x'tis
cannot'tis
cannot'twas it
gonna
gonna go, wanna go
wanna
wanna.
wanna!
wanna-be
wanna'd
i wanna
i wanna .
gimme that, lemme see, gotta run
gimme'n
more'n that
more'none
d'ye see
d'yes
whaddya whatcha
y'all
the '90s
the 90's
'em
'x'
'x
x'
''
'''
''''
'a'b'c'
'm 's 't 'd 'n 're 've 'll
' a ' b '
a' b' c'
a ' b
a '' b
('quoted')
he said 'hello'
he said 'hello' .
s's's's
's
x 's
l'avion
o'neil's
'k'
'_'
'1'
'11'"""

QUOTES = "\n".join((
    '"hello"', '" hello "', 'he said "hello" to her', 'he said "hello."', 'he said ("hello")',
    'he said ["hello"] and {"bye"} or <"x">', 'a"b', 'a "b', 'a" b', '"', '""', '"""', '"" "',
    '"a" "b"', '"\'a\'"', '\'"a"\'', "``backtick''", "``a'' and `b'", '`', '``', '```', '````',
    'a`b``c```d', '“curly” and ‘single’', 'it’s a dog’s life', '„low“ quotes', '«guillemets» here',
    '» reversed «', '“a.”', 'a.” b', "(''a'')", " ''a''", "x''y", "x'' y", "''x''",
    "they said ''stop'' .", '"\'tis"', '"cannot"', '""cannot"" ',
))

MARKS = """\
(a) [b] {c} <d>
((a))
a(b)c[d]e{f}g<h>i
:-) :( ;)
1,000 dollars
1,000,000
1, 000
1 ,000
a,b
a,
a ,b
a,,b
a,,
,,
,
,a
,1
a,1
a,b,c,1,2
3:30 pm
3:30:15
3: 30
a:b
a:
::
:::
:a::b:::c
http://www.example.org/a?b=c&d=e#f
user@example.org
50% off
$5.00
$ 5
#1 fan
black & white
r&b;
a;b
a; b ;
a--b
a -- b
a---b
----
-
--
t-shirt
a - b
what?!
what ?
what???
really?yes!no
?
!!
no. 1!
*star* **bold**
a*b
a/b and c\\d
a+b=c
x^2 ~ y_z
|pipe|
a_b
%$#@!&*()
<br />
&amp;
$1,234.56, and 7%.
he (she) ran.) .
a.b.c.
a . b . c .
x...y..z.
...,...
.,.,.
?.
.?
!).
)."
a.)b
%.
1.
1.,
1,.
1:.
a:1
a: 1"""

LETTERS = """\
CAFÉ CRÈME
naïve façade
ÀÉÎÕÜ ÇÑ ÆØÅ ŒŠŽ
ŁÓDŹ ĄĘ ŽIŽKOV
STRASSE straße STRAẞE
İSTANBUL ISPARTA ısı
'ı' 'ſ' gımme 'tıſ
so 'tıſ
ΟΔΟΣ ΣΟΦΟΣ Σ ΣΣ ΑΣ. ΑΣΑ
ΑΣ'Σ ΑΣ̈Β ΑΣ̈ Α­Σ
ΑΘΉΝΑ
āăą ćĉč ōőœ ńņň ѡѣ ԁԃ ḁḃ ǟǡ
МОСКВА ЁЖИК Привет
ԱՐԵՒ
ᏣᎳᎩ ꭰ
Ⅷ ⓐ Ⓐ
日本 の 犬 。
犬が走る
한국어 문장.
कुत्ता दौड़ता है
كلب يجري, ١٬٠٠٠
a,٣ a,3 a,² a,½ a:٣
'é' 'é
é' é's
😀 a dog 😀
😀.
dog😀's
a\u00a0b
\u00a0a\u3000
a\u2003b\u2009c
a\u200bb
a\u2028b
\x1ca\x1f
a\x85b
a\x1db
a\x0bb\x0cc
\ufeffa
a\u0301b
ﬁsh
K Å Ω
ǅ Ǆ ǆ
𐐀𐐁 𐐨
¿qué? ¡sí!
5€ £6 ¥7
a–b a—b
a… b…
‚low‘ ‹x›
10′ 5″
it′s
a·b
×2
°C
№ 5"""


SENTENCES = "\n".join((
    "The waves break. A surfer falls.",
    "The waves break. a surfer falls",
    "Two dogs fight! One bites. The other runs away?",
    "is it raining? yes. they wait.",
    "Waiting... for a bus. Then it comes",
    "A boy (with a kite.) He runs.",
    "A sign says 'stop.' A car stops.",
    'He shouts "wait!" She turns.',
    'He shouts "wait." She turns.',
    "He shouts (wait!) -- she turns.",
    "one. two.three. four",
    "Mr. Lee and Mrs. Lee wave. Dr. Who does not.",
    "a man named j. smith. he sits",
    "a man named b. smith. he sits",
    "a girl named o. ludcke waves",
    "a team of the u.s. army. it marches",
    "u.s. vs. u.k. vs. u.n. vs. them",
    "St. Bernard dogs on 5th ave. near a st. sign.",
    "an ex-sen. speaks. an ex-mayor. listens",
    "acme co. sells no. 1. shoes",
    "he came in 3. He won before.",
    "they are no. 5. 6 others follow",
    "built in 1999. credit to all",
    "built in 1999. pegasus flies",
    "it costs 3.50. cheap",
    "it costs -3. cheap",
    "it costs 3,000. . cheap",
    "at 5 p.m. they leave. at 6 p.m. they eat.",
    "at 5 p.m.. they leave",
    "etc. etc. and so on.",
    "A b. c d. e. f",
    "x. . y. . . z. . . . w",
    ". . . a",
    "a . . . b",
    "wait . . . what? no.",
    "what?! No. what!? yes",
    "what ? ! no",
    "a? b? c! d",
    "a?b?c! d",
    "stop.) go. (stop.) go",
    "stop.' go. stop.\" go. stop.] go. stop.} go",
    "stop.') go",
    "stop.')-- go",
    "stop. )-- go",
    "stop. ') go",
    "stop. 'tis late. 'twas so",
    "stop.; go. stop, go. stop: go.",
    "stop. , go. stop. ; go. stop. : go",
    "stop.* go.@ home",
    "a.b. c.d. e",
    "i. magnin. i. toussie. i. smith",
    "_. a 5. a é. a ß. b",
    "5. é 5. 日 5. ( 5. -",
    "日本. 犬. a",
    "sleeps\u2003. wakes.\u2003Sleeps",
    "a dog.\u00a0a cat.\x1ca bird",
    "-- . a -- b. -- c",
    "a -. b --. c",
    "a -5. b -5.5. c ,5. d .5. e 5,. f",
    "20 lbs.. 5 ft.. 3 in.. done",
    "'. a '. b",
    "a. 'b' a. (b) a. \"b\"",
    "jan. 5. feb. 6. march. 7.",
    "can't. won't. cannot. gonna. go",
    "a dog's. the dogs'. it's",
    "end. ",
    "a. b. ",
    "? a",
    "?",
    "? ?",
    "! ! a . b",
))


def word_tokenizer():
    """NLTK's word_tokenize, with the parameters of core/data/punkt_table.h for those of its data."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "../../core/data/punkt_table.h"), encoding="utf-8") as file:
        words, pairs = file.read().split("collocations[][2]")
    parameters = PunktParameters()
    parameters.abbrev_types = set(re.findall('"([^"]*)"', words.split("abbreviations[]")[1])) - {
        "##number##"}
    parameters.collocations = set(re.findall('{"([^"]*)", "([^"]*)"}', pairs))
    splitter = PunktSentenceTokenizer(parameters)
    words = NLTKWordTokenizer()
    return lambda text: [token for sentence in splitter.tokenize(text)
                         for token in words.tokenize(sentence)]


def main():
    tokenize = word_tokenizer()
    for block in (PLAIN, CLITICS, QUOTES, MARKS, LETTERS, SENTENCES):
        for line in block.split("\n"):
            assert "\t" not in line
            print(line + "\t" + " ".join(tokenize(line.strip().lower())))


if __name__ == "__main__":
    sys.exit(main())
