/* What figures are drawn from, as JSON in the page: pieces of it. */
#ifndef MOTE_REPORT_DATA_H
#define MOTE_REPORT_DATA_H

#include <jansson.h>

#include "base/context.h"

/* A number, whole ones without a fraction, so that they are exact. JSON has no NaN: null. */
json_t *mote_data_number(double value);

/* Bytes as base64. NULL without memory. */
json_t *mote_data_bytes(mote_context *context, const uint8_t *bytes, size_t size);

/* An axis: which column, what it is called, how its numbers are written (charts.js). */
json_t *mote_data_axis(const char *column, const char *label, const char *format);

/* Take value. Failures add up in *bad. value NULL is one. */
void mote_data_put(json_t *object, const char *key, json_t *value, bool *bad);
void mote_data_push(json_t *array, json_t *value, bool *bad);

#endif
