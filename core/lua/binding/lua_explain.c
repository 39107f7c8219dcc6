/* lua_explain.c -- one image and one sentence: attention weights and search, methods of a session.
 */
#include "lua/binding/session.h"

#include "train/explain.h"
#include "train/search.h"

static const char *needed(lua_State *L, const char *name)
{
    const char *text = sw_lua_text_field(L, 2, name, NULL);
    if (!text)
        sw_lua_fail(L, SW_MISUSE, "%s: expected a string, found nothing", name);
    return text;
}

static struct sw_query_source source_of(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TTABLE);
    struct sw_query_source source = {
        .checkpoint = needed(L, "checkpoint"),
        .dir = needed(L, "data"),
        .split = needed(L, "split"),
        .vocab = sw_lua_text_field(L, 2, "vocab", NULL),
        .precaps = sw_lua_switch_field(L, 2, "precaps", 0),
        .images = (size_t)sw_lua_integer_field(L, 2, "images", 0, 0, LUA_MAXINTEGER),
    };
    lua_getfield(L, 2, "config");
    source.config = sw_lua_config_json(L, -1, "text");
    return source;
}

/* The field "text" with its length, which the table keeps; NULL when there is none. */
static const char *sentence_of(lua_State *L, size_t *length)
{
    const char *text = sw_lua_text_field(L, 2, "text", NULL);
    *length = 0;
    if (text) {
        lua_getfield(L, 2, "text");
        text = lua_tolstring(L, -1, length);
        lua_pop(L, 1);
    }
    return text;
}

/* The field "image": a number, or a name (or the digits of a number), which is returned. */
static const char *image_of(lua_State *L, size_t *index)
{
    int type = lua_getfield(L, 2, "image");
    lua_pop(L, 1);
    *index = 0;
    if (type == LUA_TSTRING)
        return sw_lua_text_field(L, 2, "image", NULL);
    if (type == LUA_TNIL)
        sw_lua_fail(L, SW_MISUSE, "image: expected a name or a number, found nothing");
    *index = (size_t)sw_lua_integer_field(L, 2, "image", 0, 0, LUA_MAXINTEGER);
    return NULL;
}

static int push_answer(lua_State *L, struct sw_lua_box *box, const struct sw_error *error)
{
    if (!box->value)
        return sw_lua_raise(L, error);
    sw_lua_push_json(L, box->value);
    sw_lua_box_empty(box);
    return 1;
}

/* session:explain{checkpoint =, data =, split =, images =, vocab =, precaps =, image =, caption =
 * or text =}: see train/explain.h; image is a name or a number, caption (0 when there is no text)
 * one of its own. (sessions.lua adds config =.) */
static int explain(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    struct sw_explain_request request = {.source = source_of(L)};
    request.image = image_of(L, &request.index);
    request.text = sentence_of(L, &request.length);
    lua_Integer caption = sw_lua_integer_field(L, 2, "caption", -1, 0, LUA_MAXINTEGER);
    if (request.text && caption >= 0)
        return sw_lua_fail(L, SW_MISUSE, "expected a caption or a text, found both");
    request.caption = caption < 0 ? 0 : (size_t)caption;
    struct sw_lua_box *box = sw_lua_box(L, sw_lua_release_json);
    box->value = sw_explain(session->session, &request, &error);
    return push_answer(L, box, &error);
}

enum { TOP = 5 };

/* session:find{checkpoint =, data =, split =, images =, vocab =, precaps =, text = or image =, top
 * =, first =, count =}: see train/search.h. (sessions.lua adds config =.) */
static int find(lua_State *L)
{
    struct sw_error error = {0};
    struct sw_lua_session *session = sw_lua_session_at(L, 1);
    struct sw_search_request request = {.source = source_of(L)};
    request.text = sentence_of(L, &request.length);
    request.top = (size_t)sw_lua_integer_field(L, 2, "top", TOP, 1, LUA_MAXINTEGER);
    request.first = (size_t)sw_lua_integer_field(L, 2, "first", 0, 0, LUA_MAXINTEGER);
    request.count = (size_t)sw_lua_integer_field(L, 2, "count", 0, 0, LUA_MAXINTEGER);
    int type = lua_getfield(L, 2, "image");
    lua_pop(L, 1);
    if (request.text && type != LUA_TNIL)
        return sw_lua_fail(L, SW_MISUSE, "expected a text or an image, found both");
    if (!request.text && type == LUA_TNIL)
        return sw_lua_fail(L, SW_MISUSE, "expected a text or an image, found neither");
    if (!request.text)
        request.image = image_of(L, &request.index);
    struct sw_lua_box *box = sw_lua_box(L, sw_lua_release_json);
    box->value = sw_search(session->session, &request, &error);
    return push_answer(L, box, &error);
}

void sw_lua_open_explain(lua_State *L)
{
    static const luaL_Reg of_session[] = {{"explain", explain}, {"find", find}, {NULL, NULL}};
    sw_lua_add_methods(L, SW_LUA_SESSION, of_session);
}
