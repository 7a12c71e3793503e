/* Model configurations as JSON. */
#ifndef MOTE_MODELS_CONFIG_H
#define MOTE_MODELS_CONFIG_H

#include <jansson.h>

#include "base/context.h"
#include "mote/model.h"

/* From a preset's name under "model" (default gpt-small) and fields that replace its own. */
mote_status mote_model_from_json(mote_context *context, const json_t *object, mote_model_config *config);

/* All fields; a new reference, NULL when there is no memory. */
json_t *mote_model_to_json(const mote_model_config *config);

/* Derives what was not said from heads and width. */
void mote_model_resize(mote_model_config *config, bool key_heads, bool hidden);

#endif
