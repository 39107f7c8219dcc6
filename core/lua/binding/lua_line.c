/* lua_line.c -- lines typed on a terminal, with history and completion where GNU Readline or
 * libedit is there. Neither is needed: it is loaded when the first line is read, and `configure
 * --without-readline` leaves it out. */
#include "config.h"

#include "lua/binding/binding.h"

#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What both libraries export. */
struct editor {
    void *library;
    void (*install)(const char *, void (*)(char *));
    void (*read_char)(void), (*remove)(void);
    void (*add_history)(const char *);
    int (*read_history)(const char *), (*write_history)(const char *);
    void (*stifle_history)(int);
    char **(*matches)(const char *, char *(*)(const char *, int));
    char **(**attempt)(const char *, int, int);
    const char **breaks;
    int *over, *append;
};

/* Readline is one for a process and calls back without data of ours: so this is, too. What
 * `complete` is found by is set during a call of read_line only. */
static struct {
    struct editor editor;
    int was_looked_for;
    lua_State *L;
    char *text;
    int is_done;
} line;

static int load(struct editor *e, const char *name)
{
    const struct {
        const char *symbol;
        void *at;
    } wanted[] = {
        {"rl_callback_handler_install", &e->install},
        {"rl_callback_read_char", &e->read_char},
        {"rl_callback_handler_remove", &e->remove},
        {"add_history", &e->add_history},
        {"read_history", &e->read_history},
        {"write_history", &e->write_history},
        {"stifle_history", &e->stifle_history},
        {"rl_completion_matches", &e->matches},
        {"rl_attempted_completion_function", &e->attempt},
        {"rl_completer_word_break_characters", &e->breaks},
        {"rl_attempted_completion_over", &e->over},
        {"rl_completion_append_character", &e->append},
    };
    *e = (struct editor){.library = dlopen(name, RTLD_NOW | RTLD_LOCAL)};
    for (size_t i = 0; e->library && i < sizeof wanted / sizeof *wanted; i++) {
        void *symbol = dlsym(e->library, wanted[i].symbol);
        memcpy(wanted[i].at, &symbol, sizeof symbol);
        if (!symbol) {
            dlclose(e->library);
            e->library = NULL;
        }
    }
    return e->library != NULL;
}

/* The completions are in the list on the top of the stack. */
static char *next_match(const char *text, int state)
{
    lua_State *L = line.L;
    (void)text;
    const char *match = NULL;
    if (lua_rawgeti(L, -1, state + 1) == LUA_TSTRING)
        match = lua_tostring(L, -1);
    char *copy = match ? strdup(match) : NULL; /* readline frees it */
    lua_pop(L, 1);
    return copy;
}

static char **attempt(const char *text, int from, int to)
{
    lua_State *L = line.L;
    char **found = NULL;
    (void)from, (void)to;
    *line.editor.over = 1;
    *line.editor.append = 0;
    if (!L || !lua_checkstack(L, 8))
        return NULL;
    lua_pushvalue(L, 2);
    lua_pushstring(L, text);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_istable(L, -1))
        found = line.editor.matches(text, next_match);
    lua_pop(L, 1);
    return found;
}

static const struct editor *editor(void)
{
    if (!line.was_looked_for) {
        line.was_looked_for = 1;
#ifndef SW_WITHOUT_READLINE
        if (load(&line.editor, "libreadline.so.8") || load(&line.editor, "libedit.so.2")) {
            *line.editor.attempt = attempt;
            *line.editor.breaks = " \t\n\"'`><=;|&{}()[],+-*/^~#%";
        }
#endif
    }
    return line.editor.library ? &line.editor : NULL;
}

static void on_line(char *text)
{
    line.text = text;
    line.is_done = 1;
    line.editor.remove();
}

/* NULL at the end of the input, and after a signal. */
static char *read_edited(const struct editor *e, const char *prompt)
{
    enum { MILLISECONDS = 200 };
    line.text = NULL;
    line.is_done = 0;
    e->install(prompt, on_line);
    while (!line.is_done) {
        struct pollfd input = {.fd = 0, .events = POLLIN};
        int ready = poll(&input, 1, MILLISECONDS);
        if (sw_lua_interrupted()) {
            e->remove();
            return NULL;
        }
        if (ready > 0)
            e->read_char();
    }
    return line.text;
}

static char *read_plain(const char *prompt)
{
    char *text = NULL;
    size_t size = 0;
    fputs(prompt, stdout);
    fflush(stdout);
    clearerr(stdin);
    ssize_t length = getline(&text, &size, stdin);
    if (length < 0) {
        free(text);
        return NULL;
    }
    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = 0;
    return text;
}

/* read_line(prompt, complete): a line from the terminal, nil at its end; complete(word): a list of
 * what the word may become */
static int read_line(lua_State *L)
{
    const char *prompt = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    const struct editor *e = editor();
    struct sw_lua_box *box = sw_lua_box(L, free);
    line.L = L;
    box->value = e ? read_edited(e, prompt) : read_plain(prompt);
    line.L = NULL;
    if (!box->value)
        return 0;
    lua_pushstring(L, box->value);
    sw_lua_box_empty(box);
    return 1;
}

/* remember(line): puts it into the history. */
static int remember(lua_State *L)
{
    const char *text = luaL_checkstring(L, 1);
    const struct editor *e = editor();
    if (e && *text)
        e->add_history(text);
    return 0;
}

/* history(path, write): reads the history of a file, or writes it there; whether that was done */
static int history(lua_State *L)
{
    enum { MOST_LINES = 1000 };
    const char *path = luaL_checkstring(L, 1);
    const struct editor *e = editor();
    if (e)
        e->stifle_history(MOST_LINES);
    int done = e && (lua_toboolean(L, 2) ? e->write_history(path) : e->read_history(path)) == 0;
    lua_pushboolean(L, done);
    return 1;
}

void sw_lua_open_lines(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"read_line", read_line}, {"remember", remember}, {"history", history}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
