/* Reading XYZ files. */
#include "io/xyz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/elements.h"
#include "io/text_file.h"

/* The text, cut into lines in place. */
typedef struct reader {
    mote_context *context;
    const char *path;
    mote_arena *arena;
    char *at, *end; /* a NUL is at the end */
    size_t line;    /* that at begins, from 1 */
} reader;

static char *next_line(reader *r)
{
    char *begin = r->at;
    char *stop = memchr(begin, '\n', (size_t)(r->end - begin));
    r->at = stop ? stop + 1 : r->end;
    r->line++;
    *(stop ? stop : r->end) = '\0';
    return begin;
}

static mote_status read_atom(reader *r, uint8_t *element, double *position)
{
    const size_t line = r->line;
    char *text = next_line(r), *after;
    text += strspn(text, " \t");
    const size_t length = strcspn(text, " \t");
    *element = (uint8_t)mote_element_find(text, length);
    if (*element == 0) {
        return mote_fail(r->context, MOTE_ERROR_FILE, "%s: line %zu: expected an element, found '%.*s'", r->path, line,
                         (int)(length < 20 ? length : 20), text);
    }
    text += length;
    for (int d = 0; d < 3; d++, text = after) {
        position[d] = strtod(text, &after);
        if (after == text || !isfinite(position[d])) {
            return mote_fail(r->context, MOTE_ERROR_FILE,
                             "%s: line %zu: expected three finite coordinates, found '%.40s'", r->path, line, text);
        }
    }
    return MOTE_OK;
}

static mote_status read_structure(reader *r, mote_xyz_structure *s)
{
    char *after;
    s->line = r->line;
    const char *text = next_line(r);
    const size_t rest = (size_t)(r->end - r->at);
    const unsigned long atoms = strtoul(text, &after, 10);
    if (after == text || strspn(after, " \t\r") != strlen(after) || atoms == 0 || atoms > rest / 7) { /* "H 0 0 0" */
        return mote_fail(r->context, MOTE_ERROR_FILE,
                         "%s: line %zu: expected a number of atoms that the file has room for, found '%.40s'", r->path,
                         s->line, text);
    }
    s->atoms = atoms;
    s->comment = next_line(r);
    s->elements = mote_arena_allocate(r->context, r->arena, atoms);
    s->positions = mote_arena_allocate(r->context, r->arena, atoms * 3 * sizeof *s->positions);
    mote_status status = s->elements && s->positions ? MOTE_OK : MOTE_ERROR_MEMORY;
    for (size_t i = 0; status == MOTE_OK && i < atoms; i++) {
        status = read_atom(r, &s->elements[i], s->positions + 3 * i);
    }
    return status;
}

static mote_status read_all(reader *r, mote_xyz_structure **structures, size_t *count)
{
    size_t room = 0;
    *count = 0;
    while (r->at < r->end) {
        if (*count == room) {
            mote_xyz_structure *more = mote_arena_allocate(r->context, r->arena, (room * 2 + 64) * sizeof *more);
            if (!more) {
                return MOTE_ERROR_MEMORY;
            }
            if (room > 0) {
                memcpy(more, *structures, room * sizeof *more);
            }
            *structures = more;
            room = room * 2 + 64;
        }
        mote_status status = read_structure(r, &(*structures)[*count]);
        if (status != MOTE_OK) {
            return status;
        }
        ++*count;
    }
    return *count > 0 ? MOTE_OK
                      : mote_fail(r->context, MOTE_ERROR_FILE, "%s: expected a structure, found none", r->path);
}

mote_status mote_xyz_read(mote_context *context, const char *path, mote_arena *arena, mote_xyz_structure **structures,
                          size_t *count)
{
    uint8_t *bytes;
    size_t size;
    mote_status status = mote_text_file_read(context, path, &bytes, &size);
    if (status != MOTE_OK) {
        return status;
    }
    char *text = mote_arena_string(context, arena, (const char *)bytes, size);
    mote_release(context, bytes);
    reader r = {
        .context = context, .path = path, .arena = arena, .at = text, .end = text ? text + size : NULL, .line = 1};
    return text ? read_all(&r, structures, count) : MOTE_ERROR_MEMORY;
}

mote_status mote_xyz_number(mote_context *context, const char *path, const mote_xyz_structure *structure,
                            const char *key, double *number)
{
    const size_t length = strlen(key);
    for (const char *at = structure->comment; (at = strstr(at, key)); at += length) {
        const bool begins = at == structure->comment || at[-1] == ' ';
        char *after;
        if (begins && at[length] == '=') {
            *number = strtod(at + length + 1, &after);
            if (after != at + length + 1 && isfinite(*number)) {
                return MOTE_OK;
            }
        }
    }
    return mote_fail(context, MOTE_ERROR_FILE, "%s: line %zu: expected '%s=' and a number, found '%.60s'", path,
                     structure->line + 1, key, structure->comment);
}
