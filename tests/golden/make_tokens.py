#!/usr/bin/python3
"""Prints tokens.tsv: hard captions, a tab, and what NLTK makes of them, with spaces between.

    python3 make_tokens.py > tokens.tsv

Needs NLTK 3.8 (Debian's python3-nltk).  The sentences are this project's own.
"""
import sys

from nltk.tokenize import NLTKWordTokenizer

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


def main():
    tokenizer = NLTKWordTokenizer()
    for block in (PLAIN, CLITICS, QUOTES, MARKS, LETTERS):
        for line in block.split("\n"):
            assert "\t" not in line
            print(line + "\t" + " ".join(tokenizer.tokenize(line.strip().lower())))


if __name__ == "__main__":
    sys.exit(main())
