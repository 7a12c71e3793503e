/* What the verbs of the mote program share. The program uses libmote's public headers only. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mote/mote.h"

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

typedef int cli_verb(int argc, char **argv);

/* One function a verb, in the table of main.c. argv[0] is the verb. Returns the exit status. */
cli_verb cli_info, cli_cast, cli_inspect, cli_train, cli_eval, cli_fold, cli_plan, cli_report, cli_bench, cli_study;
extern const char cli_info_help[], cli_cast_help[], cli_inspect_help[], cli_train_help[], cli_eval_help[],
    cli_fold_help[], cli_plan_help[], cli_report_help[], cli_bench_help[], cli_study_help[];

/* mote info --energy: prints meters, what they say now, and profiles; returns the exit status. */
int cli_energy(mote_context *context, const mote_machine *machine, bool json);

/* A context from MOTE_CPU, MOTE_THREADS and threads (0: all); NULL after saying why. */
mote_context *cli_context(int threads, const char *cpu);

/* Prints "mote VERB: message" and returns status. */
__attribute__((format(printf, 3, 4))) int cli_complain(int status, const char *verb, const char *format, ...);

/* "1.25 GB", "12 B", decimal units. Into text (32 bytes are enough); returns text. */
const char *cli_bytes(double bytes, char *text, size_t size);

/* "[2, 3]" of a layout; returns text. */
const char *cli_shape(const mote_layout *layout, char *text, size_t size);

/* Parses a whole number in [least, most]; false after complaining. */
bool cli_number(const char *verb, const char *option, const char *text, long least, long most, long *number);

/* A size in bytes with a decimal unit, such as 800M; false after complaining. */
bool cli_parse_bytes(const char *verb, const char *option, const char *text, uint64_t *bytes);

/* text, if it is a name, or what the JSON file of that name holds, which is *owned then (free). False after
 * complaining.
 */
bool cli_name_or_file(const char *verb, const char *text, const char **name, char **owned);

/* Multiply-adds a second of a product of common size in the forward formats of a named policy, measured here and now;
 * 0 where it cannot be known. */
double cli_rate(mote_context *context, const char *policy);

/* For verbs whose only option is --json: leaves optind at the first argument; false after an unknown option. */
bool cli_only_json(const char *verb, int argc, char **argv, bool *json);

/* A comma-separated list of formats that mote converts to, or "all"; returns how many, 0 after complaining. */
int cli_formats(const char *verb, const char *text, mote_format formats[MOTE_FORMAT_COUNT]);

/* The program's arguments as they would be typed again, "mote ...", to be freed; NULL without memory. */
char *cli_command_line(int argc, char **argv);

/* True once Ctrl-C was pressed or the program was asked to end (from the first call on both are caught). A second time
 * ends it at once. */
bool cli_interrupted(void);

/* A bar on standard error if that is a terminal and the work lasts; done from 0 to 1; label may be NULL. */
void cli_bar(double done, const char *label);
void cli_bar_clear(void);

/* Cuts text to width columns with an ellipsis in front, for names in tables; returns buffer. */
const char *cli_fit(const char *text, size_t width, char *buffer, size_t size);

#endif
