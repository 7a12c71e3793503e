/* Reports of studies whose study.json is arbitrary bytes: the report is the same twice, or a failure says why, and
 * nothing of the input gets into its HTML or its data unescaped. */
#define _GNU_SOURCE
#include "fuzz.h"
#include "mote/study.h"

static uint64_t write_report(mote_context *context, const uint8_t *data, size_t size)
{
    static const char mark[] = "<fuzz";
    static char text[1 << 23];
    char path[128];
    snprintf(path, sizeof path, "%s/report.html", fuzz_folder());
    unlink(path);
    mote_status status = mote_study_report(context, fuzz_folder(), path);
    demand_message(context, status);
    FILE *file = fopen(path, "rb");
    demand((status == MOTE_OK) == (file != NULL), "a report and a failure, or neither");
    if (!file) {
        return (uint64_t)status;
    }
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    demand(length < sizeof text, "a report of megabytes of a few lines");
    demand(!memmem(data, size, mark, sizeof mark - 1) || !memmem(text, length, mark, sizeof mark - 1),
           "the input's HTML is in the report");
    return fuzz_digest(0, text, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mote_context *context = fuzz_context();
    fuzz_write(0, "study.json", data, size);
    snprintf(fuzz_folder_files[1], sizeof fuzz_folder_files[1], "%s/report.html", fuzz_folder());
    demand(write_report(context, data, size) == write_report(context, data, size), "two reports of the same study");
    return 0;
}
