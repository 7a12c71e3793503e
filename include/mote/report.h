/* Reports: what a training run did, as one HTML file that works offline. */
#ifndef MOTE_REPORT_H
#define MOTE_REPORT_H

#include <stddef.h>

#include "mote/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes a report on one run folder, or a comparison of several, to output. A run folder holds run.json (what ran,
 * where, and what came of it) and metrics.jsonl (one line a measurement). Fields that are missing, or of another type
 * than expected, are left out of the report; so is a last line of metrics.jsonl that was cut off. Nothing in these
 * files is trusted: it is shown as text. The report needs no network and no other file; without JavaScript it has
 * tables and no charts, and so it has if mote was built without D3. runs: count paths of folders, at least one. On
 * failure an old output is untouched. Errors: MOTE_ERROR_ARGUMENT no runs; MOTE_ERROR_IO a file cannot be read or
 * written; MOTE_ERROR_FILE run.json or a line of metrics.jsonl is not a JSON object (the message names file and line);
 * MOTE_ERROR_MEMORY. */
MOTE_API mote_status mote_report(mote_context *context, const char *const *runs, size_t count, const char *output);

#ifdef __cplusplus
}
#endif
#endif
