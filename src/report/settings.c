/* The bottom of a report: model, data, recipe, policy and machine as run.json has them, and how to run it again. What
 * all runs share is said once. */
#include <string.h>

#include "report/sections.h"

enum { ITEMS = 8, DEPTH = 3 }; /* of a list, and of lists in lists; what goes beyond is only counted or hinted at */

static void add_value(mote_text *body, const char *key, const json_t *value, int depth);

static void add_list(mote_text *body, const char *key, const json_t *list, int depth)
{
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count && i < ITEMS; i++) {
        if (i > 0) {
            mote_text_html(body, ", ");
        }
        add_value(body, key, json_array_get(list, i), depth);
    }
    if (count > ITEMS) {
        mote_text_html(body, " and %s more", mote_show_fixed((double)(count - ITEMS), 0).text);
    }
}

/* "name bits 1.99": a member called name needs no key. */
static void add_members(mote_text *body, const json_t *object, int depth)
{
    const char *name;
    json_t *member;
    const char *between = "";
    json_object_foreach((json_t *)object, name, member)
    {
        mote_text_html(body, "%s%s%s", between, strcmp(name, "name") == 0 ? "" : name,
                       strcmp(name, "name") == 0 ? "" : " ");
        add_value(body, name, member, depth);
        between = depth > 1 ? " " : ", ";
    }
}

/* True of "memory_bytes" and its like. */
static bool in_bytes(const char *key)
{
    size_t length = strlen(key), suffix = strlen("_bytes");
    return length > suffix && strcmp(key + length - suffix, "_bytes") == 0;
}

static void add_value(mote_text *body, const char *key, const json_t *value, int depth)
{
    if (json_is_string(value) && strcmp(key, "started") == 0) {
        mote_text_html(body, "%s", mote_show_time(json_string_value(value)).text);
    } else if (json_is_string(value)) {
        mote_text_html(body, "%s", json_string_value(value));
    } else if (json_is_number(value)) {
        double number = json_number_value(value);
        mote_text_html(body, "%s", in_bytes(key) ? mote_show_bytes(number).text : mote_show_exact(number).text);
    } else if (json_is_boolean(value)) {
        mote_text_html(body, "%s", json_is_true(value) ? "yes" : "no");
    } else if (json_is_array(value) && depth < DEPTH) {
        add_list(body, key, value, depth + 1);
    } else if (json_is_object(value) && depth < DEPTH) {
        add_members(body, value, depth + 1);
    } else {
        mote_text_html(body, "%s", json_is_null(value) ? "none" : "\u2026");
    }
}

/* The member key of the group at path; path "": of run.json itself. */
static const json_t *member_of(const mote_run *run, const char *path, const char *key)
{
    const json_t *group = *path ? mote_run_value(run->root, path) : run->root;
    return json_object_get(group, key);
}

/* One setting: its value, or each run's where they differ. */
static void add_setting(mote_text *body, const mote_run *runs, size_t count, const char *path, const char *key)
{
    const json_t *value = member_of(&runs[0], path, key);
    bool same = value != NULL;
    for (size_t i = 1; i < count && same; i++) {
        const json_t *other = member_of(&runs[i], path, key);
        same = other && json_equal(value, other);
    }
    mote_text_html(body, "<dt>");
    for (const char *at = key; *at && strcmp(at, in_bytes(key) ? "_bytes" : "") != 0; at++) {
        mote_text_html(body, "%s", *at == '_' ? " " : (char[]){*at, '\0'});
    }
    mote_text_html(body, "</dt><dd>");
    for (size_t i = 0; i < (same ? 1 : count); i++) {
        value = member_of(&runs[i], path, key);
        if (!same && value) {
            mote_text_html(body, "<div class=\"each\"><span>");
            mote_page_name(body, runs[i].color, runs[i].name);
            mote_text_html(body, "</span><span>");
        }
        if (value) {
            add_value(body, key, value, 0);
        }
        if (!same && value) {
            mote_text_html(body, "</span></div>");
        }
    }
    mote_text_html(body, "</dd>\n");
}

/* All settings of a group, in the order in which the runs name them. */
static void add_group(mote_text *body, const mote_run *runs, size_t count, const char *title, const char *path)
{
    bool open = false;
    for (size_t i = 0; i < count; i++) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)mote_run_value(runs[i].root, path), key, value)
        {
            bool known = false;
            for (size_t k = 0; k < i; k++) {
                known |= member_of(&runs[k], path, key) != NULL;
            }
            if (!open) {
                mote_text_html(body, "<section><h3>%s</h3>\n<dl>\n", title);
                open = true;
            }
            if (!known) {
                add_setting(body, runs, count, path, key);
            }
        }
    }
    if (open) {
        mote_text_html(body, "</dl></section>\n");
    }
}

static void add_commands(mote_text *body, const mote_run *runs, size_t count)
{
    bool open = false;
    for (size_t i = 0; i < count; i++) {
        const char *command = mote_run_text(runs[i].root, "command");
        if (command) {
            if (!open) {
                mote_page_section(body, "To run it again", "");
                open = true;
            }
            mote_text_html(body, "<p class=\"command\">");
            mote_page_name(body, runs[i].color, runs[i].name);
            mote_text_html(body, "</p><pre>%s</pre>\n", command);
        }
    }
}

void mote_section_settings(mote_text *body, const mote_run *runs, size_t count)
{
    static const char *const groups[][2] = {{"Model", "model"}, {"Recipe", "recipe"},   {"Number formats", "policy"},
                                            {"Data", "data"},   {"Machine", "machine"}, {"Energy", "results.energy"}};
    static const char *const about[] = {"started", "status", "seed", "mote"};
    mote_page_section(body, "What ran", "");
    for (size_t i = 0; i < count; i++) {
        if (runs[i].incomplete) {
            mote_text_html(body,
                           "<p class=\"note\">%s: the last line of metrics.jsonl was cut off and is left out.</p>\n",
                           runs[i].name);
        }
    }
    mote_text_html(body, "<div class=\"settings\">\n<section><h3>Run</h3>\n<dl>\n");
    for (size_t i = 0; i < sizeof about / sizeof about[0]; i++) {
        add_setting(body, runs, count, "", about[i]);
    }
    mote_text_html(body, "</dl></section>\n");
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        add_group(body, runs, count, groups[g][0], groups[g][1]);
    }
    mote_text_html(body, "</div>\n");
    add_commands(body, runs, count);
}
