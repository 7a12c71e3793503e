/* Reports of run folders with arbitrary bytes in run.json and, behind the first form feed of the input (which JSON
 * never has outside of a string), in metrics.jsonl: the report is the same twice, and nothing of the input gets into
 * its HTML or its data unescaped. */
#define _GNU_SOURCE
#include "fuzz.h"
#include "mote/report.h"

/* In front of '<' in the report stands only what the page has of its own: its tags do not come from the input. */
static void demand_escaped(const char *text, size_t size, const uint8_t *data, size_t data_size)
{
    static const char mark[] = "<fuzz";
    demand(!memmem(data, data_size, mark, sizeof mark - 1) || !memmem(text, size, mark, sizeof mark - 1),
           "the input's HTML is in the report");
}

static uint64_t write_report(mote_context *context, const uint8_t *data, size_t size)
{
    static char text[1 << 22];
    char path[128];
    const char *folder = fuzz_folder(), *folders[] = {folder, folder};
    snprintf(path, sizeof path, "%s/report.html", folder);
    unlink(path);
    mote_status status = mote_report(context, folders, 1 + size % 2, path);
    demand_message(context, status);
    FILE *file = fopen(path, "rb");
    demand((status == MOTE_OK) == (file != NULL), "a report and a failure, or neither");
    if (!file) {
        return (uint64_t)status;
    }
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    demand(length < sizeof text, "a report of megabytes of a few lines");
    demand_escaped(text, length, data, size);
    return fuzz_digest(0, text, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mote_context *context = fuzz_context();
    const uint8_t *cut = memchr(data, '\f', size);
    size_t first = cut ? (size_t)(cut - data) : size;
    fuzz_write(0, "run.json", data, first);
    fuzz_write(1, "metrics.jsonl", cut ? cut + 1 : data, cut ? size - first - 1 : 0);
    snprintf(fuzz_folder_files[2], sizeof fuzz_folder_files[2], "%s/report.html", fuzz_folder());
    demand(write_report(context, data, size) == write_report(context, data, size), "two reports of the same run");
    return 0;
}
