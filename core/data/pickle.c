/* pickle.c -- see pickle.h. The machine: opcodes, its stack, its memo. */
#include "data/pickle_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---------------------------------------------------------------------------------- */

struct block {
    struct block *next;
    size_t used, size;
    _Alignas(16) unsigned char bytes[];
};

int sw_pickle_fail(struct sw_pickle_reader *r, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return sw_fail(r->error, SW_FAILED, "pickle, byte %zu: %s", (size_t)(r->at - r->bytes), text);
}

void *sw_pickle_room(struct sw_pickle_reader *r, size_t bytes)
{
    enum { LEAST = 1 << 16 };
    struct block *block = r->out->blocks;
    bytes = (bytes + 15) & ~(size_t)15;
    if (!block || block->size - block->used < bytes) {
        size_t size = bytes > LEAST ? bytes : LEAST;
        block = malloc(sizeof *block + size);
        if (!block) {
            sw_pickle_fail(r, "out of memory");
            return NULL;
        }
        *block = (struct block){.next = r->out->blocks, .size = size};
        r->out->blocks = block;
    }
    void *at = block->bytes + block->used;
    block->used += bytes;
    return at;
}

struct sw_pickle_value *sw_pickle_new(struct sw_pickle_reader *r, enum sw_pickle_kind kind)
{
    struct sw_pickle_value *value = sw_pickle_room(r, sizeof *value);
    if (value)
        *value = (struct sw_pickle_value){.kind = kind};
    return value;
}

int sw_pickle_append(struct sw_pickle_reader *r, struct sw_pickle_value *list,
                     struct sw_pickle_value *item)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 4;
        struct sw_pickle_value **items = sw_pickle_room(r, room * sizeof *items);
        if (!items)
            return SW_FAILED;
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = item;
    return SW_OK;
}

void sw_pickle_close(struct sw_pickle *pickle)
{
    for (struct block *block = pickle->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    *pickle = (struct sw_pickle){0};
}

/* ---- stack and memo -------------------------------------------------------------------------- */

int sw_pickle_push(struct sw_pickle_reader *r, struct sw_pickle_value *value)
{
    if (!value)
        return SW_FAILED;
    if (r->depth == r->stack_room) {
        size_t room = r->stack_room ? 2 * r->stack_room : 64;
        struct sw_pickle_value **stack = realloc(r->stack, room * sizeof *stack);
        if (!stack)
            return sw_pickle_fail(r, "out of memory");
        r->stack = stack;
        r->stack_room = room;
    }
    r->stack[r->depth++] = value;
    return SW_OK;
}

/* The topmost value, off the stack; NULL after an error. */
static struct sw_pickle_value *pop(struct sw_pickle_reader *r)
{
    if (r->depth && r->stack[r->depth - 1]->kind != SW_PICKLE_MARK)
        return r->stack[--r->depth];
    sw_pickle_fail(r, "expected a value on its stack, found none");
    return NULL;
}

/* Where the values above the topmost mark begin; SIZE_MAX after an error. */
static size_t marked(struct sw_pickle_reader *r)
{
    for (size_t i = r->depth; i--;)
        if (r->stack[i]->kind == SW_PICKLE_MARK)
            return i + 1;
    sw_pickle_fail(r, "expected a mark on its stack, found none");
    return SIZE_MAX;
}

/* The topmost value below `at`, if it is of the kind; NULL after an error. */
static struct sw_pickle_value *below(struct sw_pickle_reader *r, size_t at,
                                     enum sw_pickle_kind kind)
{
    if (at && r->stack[at - 1]->kind == kind)
        return r->stack[at - 1];
    sw_pickle_fail(r, "expected a %s to add to", kind == SW_PICKLE_DICT ? "dict" : "list");
    return NULL;
}

/* Moves stack[first..depth) to the end of `list` and cuts the stack at `keep`. */
static int collect(struct sw_pickle_reader *r, struct sw_pickle_value *list, size_t first,
                   size_t keep)
{
    if (!list)
        return SW_FAILED;
    for (size_t i = first; i < r->depth; i++)
        if (sw_pickle_append(r, list, r->stack[i]))
            return SW_FAILED;
    r->depth = keep;
    return SW_OK;
}

/* A new container of what is above the mark, in its place. */
static int gather(struct sw_pickle_reader *r, enum sw_pickle_kind kind)
{
    size_t first = marked(r);
    if (first == SIZE_MAX)
        return SW_FAILED;
    struct sw_pickle_value *list = sw_pickle_new(r, kind);
    if (kind == SW_PICKLE_DICT && (r->depth - first) % 2)
        return sw_pickle_fail(r, "a key without a value");
    if (collect(r, list, first, first - 1))
        return SW_FAILED;
    return sw_pickle_push(r, list);
}

/* Adds what is above the mark to the container below it. */
static int extend(struct sw_pickle_reader *r, enum sw_pickle_kind kind)
{
    size_t first = marked(r);
    if (first == SIZE_MAX)
        return SW_FAILED;
    if (kind == SW_PICKLE_DICT && (r->depth - first) % 2)
        return sw_pickle_fail(r, "a key without a value");
    return collect(r, below(r, first - 1, kind), first, first - 1);
}

/* The same for the topmost `count` values. */
static int add(struct sw_pickle_reader *r, enum sw_pickle_kind kind, size_t count)
{
    if (r->depth <= count)
        return sw_pickle_fail(r, "expected a value on its stack, found none");
    size_t first = r->depth - count;
    for (size_t i = first; i < r->depth; i++)
        if (r->stack[i]->kind == SW_PICKLE_MARK)
            return sw_pickle_fail(r, "expected a value on its stack, found a mark");
    return collect(r, below(r, first, kind), first, first);
}

static int tuple(struct sw_pickle_reader *r, size_t count)
{
    struct sw_pickle_value *list = sw_pickle_new(r, SW_PICKLE_TUPLE);
    if (r->depth < count)
        return sw_pickle_fail(r, "expected %zu values on its stack, found %zu", count, r->depth);
    if (collect(r, list, r->depth - count, r->depth - count))
        return SW_FAILED;
    return sw_pickle_push(r, list);
}

/* Each memo that is set takes an opcode, so its number is below that of the bytes. */
static int put(struct sw_pickle_reader *r, size_t at)
{
    size_t size = (size_t)(r->end - r->bytes);
    if (!r->depth || r->stack[r->depth - 1]->kind == SW_PICKLE_MARK)
        return sw_pickle_fail(r, "expected a value to note, found none");
    if (at >= size)
        return sw_pickle_fail(r, "the note number %zu is too large", at);
    if (at >= r->memo_count) {
        size_t count = at + 1 > 2 * r->memo_count ? at + 64 : 2 * r->memo_count;
        struct sw_pickle_value **memo = realloc(r->memo, count * sizeof *memo);
        if (!memo)
            return sw_pickle_fail(r, "out of memory");
        memset(memo + r->memo_count, 0, (count - r->memo_count) * sizeof *memo);
        r->memo = memo;
        r->memo_count = count;
    }
    r->memo[at] = r->stack[r->depth - 1];
    return SW_OK;
}

static int get(struct sw_pickle_reader *r, size_t at)
{
    if (at >= r->memo_count || !r->memo[at])
        return sw_pickle_fail(r, "the note number %zu is not there", at);
    return sw_pickle_push(r, r->memo[at]);
}

/* ---- names ----------------------------------------------------------------------------------- */

static int global_lines(struct sw_pickle_reader *r)
{
    size_t module_length, length;
    const char *module = sw_pickle_line(r, &module_length),
               *name = module ? sw_pickle_line(r, &length) : NULL;
    return name ? sw_pickle_push(r, sw_pickle_global(r, module, module_length, name, length))
                : SW_FAILED;
}

static int global_stack(struct sw_pickle_reader *r)
{
    struct sw_pickle_value *name = pop(r), *module = name ? pop(r) : NULL;
    if (!module)
        return SW_FAILED;
    if (name->kind != SW_PICKLE_TEXT || module->kind != SW_PICKLE_TEXT)
        return sw_pickle_fail(r, "expected the name of a module and of what is in it");
    return sw_pickle_push(
        r, sw_pickle_global(r, module->bytes, module->length, name->bytes, name->length));
}

static int reduce(struct sw_pickle_reader *r)
{
    struct sw_pickle_value *arguments = pop(r), *what = arguments ? pop(r) : NULL;
    if (!what)
        return SW_FAILED;
    if (arguments->kind != SW_PICKLE_TUPLE || what->kind != SW_PICKLE_GLOBAL)
        return sw_pickle_fail(r, "expected a name that is known and a tuple of arguments");
    return sw_pickle_push(r, sw_pickle_reduce(r, what, arguments));
}

static int build(struct sw_pickle_reader *r)
{
    struct sw_pickle_value *state = pop(r), *value = state ? pop(r) : NULL;
    if (!value || sw_pickle_build(r, value, state))
        return SW_FAILED;
    return sw_pickle_push(r, value);
}

static int persistent(struct sw_pickle_reader *r)
{
    struct sw_pickle_value *id = pop(r);
    return id ? sw_pickle_push(r, sw_pickle_storage(r, id)) : SW_FAILED;
}

/* ---- the machine ----------------------------------------------------------------------------- */

enum { STOP = '.' };

static int step(struct sw_pickle_reader *r, unsigned char op)
{
    uint64_t n;
    size_t length;
    const char *text;
    switch (op) {
    case 0x80: /* PROTO */
        if (!sw_pickle_number(r, 1, &n))
            return SW_FAILED;
        return n > 5 ? sw_pickle_fail(r, "expected protocol 0 to 5, found %d", (int)n) : SW_OK;
    case 0x95: /* FRAME: only a hint for who reads from a pipe */
        return sw_pickle_number(r, 8, &n) ? SW_OK : SW_FAILED;
    case '(':
        return sw_pickle_push(r, sw_pickle_new(r, SW_PICKLE_MARK));
    case '0': /* POP */
        return r->depth ? (r->depth--, SW_OK) : sw_pickle_fail(r, "its stack is empty");
    case '1': /* POP_MARK */
        length = marked(r);
        return length == SIZE_MAX ? SW_FAILED : (r->depth = length - 1, SW_OK);
    case '2': /* DUP */
        return r->depth ? sw_pickle_push(r, r->stack[r->depth - 1])
                        : sw_pickle_fail(r, "its stack is empty");
    case 'N':
        return sw_pickle_push(r, sw_pickle_new(r, SW_PICKLE_NONE));
    case 0x88: /* NEWTRUE */
    case 0x89: /* NEWFALSE */
        return sw_pickle_integer(r, SW_PICKLE_BOOL, op == 0x88);
    case 'I':
    case 'L':
        return sw_pickle_decimal(r, false);
    case 'F':
        return sw_pickle_decimal(r, true);
    case 'J':
        return sw_pickle_number(r, 4, &n)
                   ? sw_pickle_integer(r, SW_PICKLE_INT, (int32_t)(uint32_t)n)
                   : SW_FAILED;
    case 'K':
        return sw_pickle_number(r, 1, &n) ? sw_pickle_integer(r, SW_PICKLE_INT, (int64_t)n)
                                          : SW_FAILED;
    case 'M':
        return sw_pickle_number(r, 2, &n) ? sw_pickle_integer(r, SW_PICKLE_INT, (int64_t)n)
                                          : SW_FAILED;
    case 0x8a: /* LONG1 */
        return sw_pickle_number(r, 1, &n) ? sw_pickle_long(r, n) : SW_FAILED;
    case 0x8b: /* LONG4 */
        return sw_pickle_number(r, 4, &n) ? sw_pickle_long(r, n) : SW_FAILED;
    case 'G':
        return sw_pickle_double(r);
    case 'S':
        return sw_pickle_quoted(r);
    case 'V':
        return sw_pickle_escaped(r);
    case 'T': /* BINSTRING */
    case 'X': /* BINUNICODE */
        return sw_pickle_counted(r, SW_PICKLE_TEXT, 4);
    case 'U':  /* SHORT_BINSTRING */
    case 0x8c: /* SHORT_BINUNICODE */
        return sw_pickle_counted(r, SW_PICKLE_TEXT, 1);
    case 0x8d: /* BINUNICODE8 */
        return sw_pickle_counted(r, SW_PICKLE_TEXT, 8);
    case 'B': /* BINBYTES */
        return sw_pickle_counted(r, SW_PICKLE_BYTES, 4);
    case 'C': /* SHORT_BINBYTES */
        return sw_pickle_counted(r, SW_PICKLE_BYTES, 1);
    case 0x8e: /* BINBYTES8 */
    case 0x96: /* BYTEARRAY8 */
        return sw_pickle_counted(r, SW_PICKLE_BYTES, 8);
    case ']':
    case 0x8f: /* EMPTY_SET */
        return sw_pickle_push(r, sw_pickle_new(r, SW_PICKLE_LIST));
    case ')':
        return tuple(r, 0);
    case 0x85: /* TUPLE1 .. TUPLE3 */
    case 0x86:
    case 0x87:
        return tuple(r, op - 0x84u);
    case 't':
        return gather(r, SW_PICKLE_TUPLE);
    case 'l':
    case 0x91: /* FROZENSET */
        return gather(r, SW_PICKLE_LIST);
    case 'd':
        return gather(r, SW_PICKLE_DICT);
    case '}':
        return sw_pickle_push(r, sw_pickle_new(r, SW_PICKLE_DICT));
    case 'a':
        return add(r, SW_PICKLE_LIST, 1);
    case 'e':
    case 0x90: /* ADDITEMS */
        return extend(r, SW_PICKLE_LIST);
    case 's':
        return add(r, SW_PICKLE_DICT, 2);
    case 'u':
        return extend(r, SW_PICKLE_DICT);
    case 'p':
    case 'g': {
        text = sw_pickle_line(r, &length);
        if (!text)
            return SW_FAILED;
        size_t at = 0;
        for (size_t i = 0; i < length; i++) {
            if (text[i] < '0' || text[i] > '9' || at > SIZE_MAX / 16)
                return sw_pickle_fail(r, "expected the number of a note");
            at = at * 10 + (size_t)(text[i] - '0');
        }
        return op == 'p' ? put(r, at) : get(r, at);
    }
    case 'q':
    case 'r':
        return sw_pickle_number(r, op == 'q' ? 1 : 4, &n) ? put(r, (size_t)n) : SW_FAILED;
    case 'h':
    case 'j':
        return sw_pickle_number(r, op == 'h' ? 1 : 4, &n) ? get(r, (size_t)n) : SW_FAILED;
    case 0x94: /* MEMOIZE */
        return put(r, r->memoized++);
    case 'c':
        return global_lines(r);
    case 0x93: /* STACK_GLOBAL */
        return global_stack(r);
    case 'R':
    case 0x81: /* NEWOBJ: of the classes that are known, the same */
        return reduce(r);
    case 'b':
        return build(r);
    case 'Q': /* BINPERSID */
        return persistent(r);
    case 'P':
    case 'i':
    case 'o':
    case 0x82: /* EXT1 .. EXT4 */
    case 0x83:
    case 0x84:
    case 0x92: /* NEWOBJ_EX */
    case 0x97: /* NEXT_BUFFER, READONLY_BUFFER */
    case 0x98:
        return sw_pickle_fail(r, "the opcode 0x%02x is refused: it makes an object of any class",
                              op);
    default:
        return sw_pickle_fail(r, "expected an opcode of a pickle, found the byte 0x%02x", op);
    }
}

static bool is_container(const struct sw_pickle_value *value)
{
    return value->kind == SW_PICKLE_LIST || value->kind == SW_PICKLE_TUPLE ||
           value->kind == SW_PICKLE_DICT || (value->kind == SW_PICKLE_ARRAY && !value->array->data);
}

/* Whether what is given back can be walked: value->depth becomes the levels below it. visit: 0
 * new, 1 on the way, 2 known. A value that is found at several places is walked once here, yet each
 * time by others, so *size, what it costs them, counts it each time; `room` notes it. */
static int walk(struct sw_pickle_reader *r, struct sw_pickle_value *value, int depth,
                uint64_t *size)
{
    const uint64_t most = 16 * (uint64_t)(r->end - r->bytes) + 1024;
    *size = 1;
    if (value->kind >= SW_PICKLE_GLOBAL)
        return sw_pickle_fail(r, "expected data, found the name of a class or function");
    if (value->kind == SW_PICKLE_ARRAY && value->array->ndim < 0)
        return sw_pickle_fail(r, "an array has no content");
    if (!is_container(value))
        return SW_OK;
    if (value->visit == 1)
        return sw_pickle_fail(r, "a list or dict holds itself");
    if (depth + value->depth > SW_PICKLE_DEPTH)
        return sw_pickle_fail(r, "it is nested more than %d deep", SW_PICKLE_DEPTH);
    if (value->visit == 2) {
        *size = value->room;
        return SW_OK;
    }
    value->visit = 1;
    for (size_t i = 0; i < value->count; i++) {
        uint64_t part;
        if (walk(r, value->items[i], depth + 1, &part))
            return SW_FAILED;
        *size += part;
        if (*size > most)
            return sw_pickle_fail(r, "its notes repeat too many values");
        if (is_container(value->items[i]) && value->depth <= value->items[i]->depth)
            value->depth = (uint8_t)(value->items[i]->depth + 1);
    }
    value->visit = 2;
    value->room = (size_t)*size;
    return SW_OK;
}

int sw_pickle_read(struct sw_pickle *out, const void *bytes, size_t size, const char *name,
                   struct sw_error *error)
{
    *out = (struct sw_pickle){0};
    struct sw_pickle_reader r = {.bytes = bytes, .at = bytes, .out = out, .error = error};
    r.end = r.at + size;
    int status = SW_OK;
    bool done = false;
    while (!status && !done) {
        if (r.at == r.end) {
            status = sw_pickle_fail(&r, "expected an opcode, found its end");
            break;
        }
        unsigned char op = *r.at++;
        done = op == STOP;
        if (!done)
            status = step(&r, op);
    }
    uint64_t whole;
    if (!status && !(out->value = pop(&r)))
        status = SW_FAILED;
    if (!status)
        status = walk(&r, out->value, 0, &whole);
    out->used = (size_t)(r.at - r.bytes);
    free(r.stack);
    free(r.memo);
    if (status) {
        sw_error_within(error, "%s", name);
        sw_pickle_close(out);
    }
    return status;
}

const struct sw_pickle_value *sw_pickle_find(const struct sw_pickle_value *dict, const char *key)
{
    size_t length = strlen(key);
    if (dict && dict->kind == SW_PICKLE_DICT)
        for (size_t i = dict->count / 2; i--;) {
            const struct sw_pickle_value *at = dict->items[2 * i];
            if (at->kind == SW_PICKLE_TEXT && at->length == length &&
                memcmp(at->bytes, key, length) == 0)
                return dict->items[2 * i + 1];
        }
    return NULL;
}
