/* The skeleton filled in, and the HTML of the parts. */
#include "report/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/json.h"
#include "io/stream.h"

bool mote_page_draws_charts(void) { return mote_embedded_d3.size > 0; }

void mote_page_section(mote_text *body, const char *title, const char *note)
{
    mote_text_html(body, "<h2>%s</h2>\n", title);
    if (*note) {
        mote_text_html(body, "<p class=\"note\">%s</p>\n", note);
    }
}

void mote_page_numbers_begin(mote_text *body) { mote_text_html(body, "<dl class=\"numbers\">\n"); }

void mote_page_number_begin(mote_text *body, const char *label, mote_shown value)
{
    mote_text_html(body, "<div><dt>%s</dt><dd class=\"value\">%s</dd><dd>", label, value.text);
}

void mote_page_number_end(mote_text *body) { mote_text_html(body, "</dd></div>\n"); }

void mote_page_numbers_end(mote_text *body) { mote_text_html(body, "</dl>\n"); }

void mote_page_tabs_begin(mote_text *body) { mote_text_html(body, "<div class=\"tabs\">\n"); }

void mote_page_tabs_end(mote_text *body) { mote_text_html(body, "</div>\n"); }

void mote_page_chart(mote_text *body, const char *id, const char *tab, const char *caption)
{
    if (mote_page_draws_charts()) {
        mote_page_figure(body, id, tab, caption);
    }
}

void mote_page_figure(mote_text *body, const char *id, const char *tab, const char *caption)
{
    mote_text_html(
        body,
        "<figure data-chart=\"%s\" data-tab=\"%s\"><div class=\"canvas\"><p class=\"empty\">Charts need JavaScript; "
        "the tables have the figures.</p></div><figcaption>%s</figcaption></figure>\n",
        id, tab, caption);
}

void mote_page_pair_begin(mote_text *body) { mote_text_html(body, "<div class=\"pair\">\n"); }

void mote_page_pair_end(mote_text *body) { mote_text_html(body, "</div>\n"); }

void mote_page_no_chart(mote_text *body, const char *tab, const char *reason)
{
    mote_text_html(body, "<figure data-tab=\"%s\"><p class=\"empty\">%s</p></figure>\n", tab, reason);
}

void mote_page_name(mote_text *body, int color, const char *name)
{
    enum { COLORS = 8 }; /* of page.css, without that of FP32 */
    char class[16];
    snprintf(class, sizeof class, "c%d", color > 0 ? (color - 1) % COLORS + 1 : 0);
    mote_text_html(body, "<i class=\"swatch %s\"></i>%s", class, name);
}

/* The row of groups above the headings, if there are any. */
static void table_groups(mote_text *body, const mote_column *columns, size_t count)
{
    mote_text_html(body, "<tr class=\"groups\">");
    for (size_t i = 0, next; i < count; i = next) {
        char span[24];
        for (next = i + 1; next < count && strcmp(columns[next].group, columns[i].group) == 0;) {
            next++;
        }
        snprintf(span, sizeof span, "%zu", next - i);
        mote_text_html(body, "<th colspan=\"%s\" class=\"%s\">%s</th>", span, *columns[i].group ? "group" : "",
                       columns[i].group);
    }
    mote_text_html(body, "</tr>\n");
}

void mote_table_begin(mote_text *body, const char *summary, const mote_column *columns, size_t count)
{
    bool groups = false;
    for (size_t i = 0; i < count; i++) {
        groups |= *columns[i].group != '\0';
    }
    if (summary) {
        mote_text_html(body, "<details open><summary>%s</summary>\n", summary);
    }
    mote_text_html(body, "<div class=\"scroll\"><table>\n<thead>");
    if (groups) {
        table_groups(body, columns, count);
    }
    mote_text_html(body, "<tr>");
    for (size_t i = 0; i < count; i++) {
        mote_text_html(body, "<th class=\"%s\" title=\"%s\">%s</th>", columns[i].text ? "text" : "", columns[i].help,
                       columns[i].heading);
    }
    mote_text_html(body, "</tr></thead>\n<tbody>\n");
}

void mote_table_row(mote_text *body) { mote_text_html(body, "<tr>"); }

void mote_table_number(mote_text *body, double key, mote_shown shown, const char *note)
{
    mote_text_html(body, "<td data-key=\"%s\">%s", mote_show_key(key).text, shown.text);
    mote_text_html(body, *note ? "<small>%s</small></td>" : "</td>", note);
}

void mote_table_name(mote_text *body, int color, const char *name, const char *note)
{
    mote_text_html(body, "<td class=\"text name\">");
    mote_page_name(body, color, name);
    mote_text_html(body, *note ? "<small>%s</small></td>" : "</td>", note);
}

void mote_table_text(mote_text *body, const char *name) { mote_text_html(body, "<td class=\"text\">%s</td>", name); }

void mote_table_end(mote_text *body, const char *summary)
{
    mote_text_html(body, "</tbody></table></div>\n");
    if (summary) {
        mote_text_html(body, "</details>\n");
    }
}

/* JSON inside <script> ends at "</script", and "<!--" changes what ends it: no '<' is let through. JSON has it in
 * strings only, where its escape means the same. */
static void add_json(mote_text *text, const char *json, size_t length)
{
    for (size_t at = 0; at < length;) {
        const char *less = memchr(json + at, '<', length - at);
        size_t plain = less ? (size_t)(less - json) - at : length - at;
        mote_text_bytes(text, json + at, plain);
        if (less) {
            mote_text_bytes(text, "\\u003c", 6);
        }
        at += plain + 1;
    }
}

static void add_footer(mote_text *text)
{
    mote_text_html(text,
                   "<p>Made by mote %s. This file holds all that it shows and asks for nothing from anywhere.</p>\n",
                   mote_version());
    if (mote_page_draws_charts()) {
        mote_text_html(text, "<details><summary>Charts drawn with D3; its licence</summary><pre>");
        char *license = mote_allocate(text->context, mote_embedded_d3_license.size + 1);
        if (license) {
            memcpy(license, mote_embedded_d3_license.bytes, mote_embedded_d3_license.size);
            license[mote_embedded_d3_license.size] = '\0';
            mote_text_html(text, "%s", license);
        }
        text->failed |= !license;
        mote_release(text->context, license);
        mote_text_html(text, "</pre></details>\n");
    }
}

/* A place of page.html, {{name}}, and what stands there. */
typedef struct page_part {
    const char *name;
    const void *bytes;
    size_t size;
} page_part;

static page_part embedded_part(const char *name, mote_embedded file)
{
    return (page_part){name, file.bytes, file.size};
}

static page_part text_part(const char *name, const mote_text *text)
{
    return (page_part){name, text->bytes, text->length};
}

/* page.html with its places filled in. */
static void build(mote_text *page, const page_part *parts, size_t count)
{
    const char *at = (const char *)mote_embedded_page_html.bytes, *end = at + mote_embedded_page_html.size;
    while (at < end) {
        const char *brace = memchr(at, '{', (size_t)(end - at));
        size_t plain = brace ? (size_t)(brace - at) : (size_t)(end - at);
        mote_text_bytes(page, at, plain);
        at += plain;
        for (size_t i = 0; i < count && brace; i++) {
            size_t length = strlen(parts[i].name);
            if ((size_t)(end - at) >= length + 4 && memcmp(at + 2, parts[i].name, length) == 0 &&
                at[2 + length] == '}') {
                mote_text_bytes(page, parts[i].bytes, parts[i].size);
                at += length + 4;
                break;
            }
        }
    }
}

static mote_status write_file(mote_context *context, const char *path, const mote_text *page)
{
    mote_output output;
    mote_status status = mote_output_create(context, path, &output);
    if (status != MOTE_OK) {
        return status;
    }
    status = mote_output_write(&output, page->bytes, page->length);
    if (status != MOTE_OK) {
        mote_output_discard(&output);
        return status;
    }
    return mote_output_finish(&output);
}

mote_status mote_page_write(mote_context *context, const char *path, const char *title, const mote_text *body,
                            json_t *data, const mote_embedded *const *scripts)
{
    static const mote_embedded none = {(const unsigned char *)"", 0};
    bool charts = mote_page_draws_charts();
    size_t length;
    char *json = mote_json_text(context, data, JSON_COMPACT | JSON_REAL_PRECISION(7), &length);
    mote_text page = {.context = context}, name = page, footer = page, numbers = page, further = page;
    if (json) {
        mote_text_html(&name, "%s", title);
        add_footer(&footer);
        add_json(&numbers, json, length);
        for (; scripts && *scripts; scripts++) {
            mote_text_bytes(&further, (*scripts)->bytes, (*scripts)->size);
        }
        const page_part parts[] = {
            text_part("title", &name),
            text_part("body", body),
            text_part("footer", &footer),
            text_part("data", &numbers),
            embedded_part("style", mote_embedded_page_css),
            embedded_part("library", mote_embedded_d3),
            embedded_part("drawing", mote_embedded_drawing_js),
            embedded_part("charts", charts ? mote_embedded_charts_js : none),
            text_part("scripts", &further),
            embedded_part("script", mote_embedded_page_js),
        };
        build(&page, parts, sizeof parts / sizeof parts[0]);
    }
    bool failed =
        !json || body->failed || name.failed || footer.failed || numbers.failed || further.failed || page.failed;
    mote_status status = failed ? MOTE_ERROR_MEMORY : write_file(context, path, &page);
    mote_release(context, json);
    mote_text_clear(&name);
    mote_text_clear(&footer);
    mote_text_clear(&numbers);
    mote_text_clear(&further);
    mote_text_clear(&page);
    return status;
}
