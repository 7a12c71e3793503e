/* The table of meters, and what they share. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "energy/meter.h"

/* Those that others' covers depend on come first: perf reads what powercap does. */
static const mote_meter_kind *const kinds[] = {&mote_powercap_meter, &mote_perf_meter, &mote_nvml_meter,
                                               &mote_hwmon_meter, &mote_battery_meter};

enum { KINDS = sizeof kinds / sizeof kinds[0] };
_Static_assert((int)KINDS <= (int)MOTE_METERS_MAXIMUM, "mote_machine has room for every meter");

/* Names of files and what is in them: whatever it is, it can be shown and put into JSON. */
static void make_printable(char *text)
{
    for (; *text; text++) {
        *text = *text >= ' ' && *text <= '~' ? *text : '?';
    }
}

void mote_meters_open(mote_meters *meters, const char *root, const char *nvml)
{
    memset(meters, 0, sizeof *meters);
    meters->root = root;
    for (int i = 0; i < KINDS; i++) {
        mote_meter *meter = &meters->meters[i];
        snprintf(meter->name, sizeof meter->name, "%s", kinds[i]->name);
        meters->count = i + 1;
        kinds[i]->open(meters, meter, nvml);
        make_printable(meter->detail);
        make_printable(meter->grant);
    }
    for (int i = 0; i < meters->counter_count; i++) {
        make_printable(meters->counters[i].name);
    }
}

void mote_meters_close(mote_meters *meters)
{
    for (int i = 0; i < meters->count; i++) {
        if (kinds[i]->close) {
            kinds[i]->close(meters);
        }
    }
}

bool mote_counter_read(const mote_meters *meters, const mote_counter *counter, double *number)
{
    return kinds[counter->meter]->read(meters, counter, number);
}

void mote_meters_add(mote_meters *meters, const mote_counter *counter)
{
    if (meters->counter_count == MOTE_COUNTERS) {
        meters->overflow = true;
        return;
    }
    meters->counters[meters->counter_count] = *counter;
    meters->counters[meters->counter_count++].meter = meters->count - 1;
}

bool mote_meter_number(const char *path, double *number)
{
    long long count;
    errno = 0;
    FILE *file = fopen(path, "r");
    if (!file) {
        return false;
    }
    bool found = fscanf(file, "%lld", &count) == 1 && errno != ERANGE; /* a file may open and refuse to be read */
    int reason = errno;
    fclose(file);
    errno = reason;
    *number = found ? (double)count : 0;
    return found;
}

void mote_meter_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "r");
    if (!file || !fgets(line, size, file)) {
        *line = '\0';
    }
    line[strcspn(line, "\n")] = '\0';
    if (file) {
        fclose(file);
    }
}

void mote_meter_say(char *text, int size, const char *format, ...)
{
    int used = (int)strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, (size_t)(size - used), format, arguments);
    va_end(arguments);
}
