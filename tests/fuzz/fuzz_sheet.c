/* Tables from arbitrary bytes, with every separator: all cells lie in memory, and reading twice gives the same. */
#define _GNU_SOURCE
#include "fuzz.h"
#include "study/data.h"
#include "study/sheet.h"

static uint64_t read_once(mote_context *context, const char *name, char separator, mote_sheet_header header)
{
    mote_task_data data = {.context = context, .folder = "/proc/self/fd"};
    mote_sheet sheet;
    mote_status status = mote_sheet_read(&data, name, separator, header, &sheet);
    uint64_t digest = (uint64_t)status;
    demand_message(context, status);
    for (size_t c = 0; status == MOTE_OK && c < sheet.columns; c++) {
        digest = fuzz_digest(digest, sheet.names[c], strlen(sheet.names[c]) + 1);
        for (size_t r = 0; r < sheet.rows; r++) {
            float number = 0;
            const char *text = mote_sheet_text(&sheet, r, c);
            digest = fuzz_digest(digest, text, strlen(text) + 1) + (uint64_t)mote_sheet_number(&sheet, r, c, &number);
        }
    }
    mote_arena_clear(context, &data.arena);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char separators[] = {',', '\t', ' ', ';'};
    mote_context *context = fuzz_context();
    const char *name = strrchr(fuzz_file(data, size), '/') + 1;
    for (size_t i = 0; i < sizeof separators; i++) {
        const mote_sheet_header header = i % 2 ? MOTE_SHEET_NO_HEADER : MOTE_SHEET_HEADER;
        const uint64_t first = read_once(context, name, separators[i], header);
        context->message[0] = '\0';
        demand(first == read_once(context, name, separators[i], header), "two readings of the same table");
    }
    return 0;
}
