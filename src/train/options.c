/* Defaults, and the recipe as text. */
#include <math.h>
#include <string.h>

#include "io/json.h"
#include "models/config.h"
#include "train/trainer.h"

static size_t size_or(size_t value, size_t otherwise) { return value ? value : otherwise ? otherwise : 1; }
static double number_or(double value, double otherwise) { return value == 0 ? otherwise : value < 0 ? 0 : value; }
static const char *text_or(const char *value, const char *otherwise) { return value ? value : otherwise; }

static mote_status resolve_model(mote_trainer *t)
{
    mote_train_options *o = &t->options;
    mote_model_config *c = &t->config;
    mote_status status =
        mote_model_parse(t->context, text_or(o->model, o->data_count ? "llama-small" : "llama-mini"), c);
    if (status != MOTE_OK) {
        return status;
    }
    bool resized = o->width || o->heads;
    c->layers = o->layers ? o->layers : c->layers;
    c->width = o->width ? o->width : c->width;
    c->heads = o->heads ? o->heads : c->heads;
    c->context = o->context ? o->context : c->context;
    c->dropout = o->dropout == 0 ? c->dropout : o->dropout < 0 ? 0 : o->dropout;
    mote_model_resize(c, resized, o->width != 0);
    return MOTE_OK;
}

static mote_status check(const mote_trainer *t)
{
    const mote_train_options *o = &t->options;
    struct {
        const char *name;
        double value, below;
        bool above_zero;
    } numbers[] = {{"learning_rate", o->learning_rate, 1e3, true},
                   {"minimum_rate", o->minimum_rate, 1.0000001, false},
                   {"beta1", o->beta1, 1, false},
                   {"beta2", o->beta2, 1, false},
                   {"weight_decay", o->weight_decay, 1e3, false},
                   {"average", o->average, 1, false},
                   {"validation", o->validation, 0.9000001, true},
                   {"clip", o->clip, INFINITY, false}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        double value = numbers[i].value;
        if (!(value >= 0 && value < numbers[i].below) || (numbers[i].above_zero && value == 0)) {
            return mote_fail(t->context, MOTE_ERROR_ARGUMENT, "%s: expected %s and below %g, found %g", numbers[i].name,
                             numbers[i].above_zero ? "a number above 0" : "at least 0", numbers[i].below, value);
        }
    }
    if (!mote_schedule_find(o->schedule)) {
        return mote_fail(t->context, MOTE_ERROR_ARGUMENT, "schedule: unknown name '%s'; known: cosine linear constant",
                         o->schedule);
    }
    return MOTE_OK;
}

mote_status mote_train_resolve(mote_trainer *t)
{
    mote_train_options *o = &t->options;
    mote_status status = resolve_model(t);
    if (status != MOTE_OK) {
        return status;
    }
    o->policy = text_or(o->policy, "mxfp6_e2m3");
    o->optimizer = text_or(o->optimizer, "adamw");
    o->schedule = text_or(o->schedule, "cosine");
    o->split = text_or(o->split, "auto");
    bool genes = o->data_count == 0; /* a small model learns them in little data: many small steps */
    o->steps = size_or(o->steps, genes ? 1400 : 1000);
    o->batch = size_or(o->batch, genes ? 4 : 8);
    o->accumulation = size_or(o->accumulation, 1);
    bool sgd = strcmp(o->optimizer, "sgd") == 0;
    double rate = 1.5e-3 * sqrt(128 / (double)(t->config.width ? t->config.width : 1)) * (sgd ? 10 : 1);
    o->learning_rate = number_or(o->learning_rate, rate);
    o->minimum_rate = number_or(o->minimum_rate, 0.1);
    o->warmup = size_or(o->warmup, o->steps / 20);
    o->beta1 = number_or(o->beta1, 0.9);
    o->beta2 = number_or(o->beta2, 0.95);
    o->weight_decay = number_or(o->weight_decay, 0.1);
    o->clip = number_or(o->clip, 1);
    o->average = number_or(o->average, 0);
    o->validation = number_or(o->validation, 0.05);
    o->evaluate_every = size_or(o->evaluate_every, o->steps / 20);
    o->evaluate_batches = size_or(o->evaluate_batches, 32);
    o->checkpoint_every = size_or(o->checkpoint_every, o->steps / 10);
    o->keep = size_or(o->keep, 2);
    o->log_every = size_or(o->log_every, o->steps / 200);
    return check(t);
}

json_t *mote_trainer_recipe(const mote_trainer *t)
{
    const mote_train_options *o = &t->options;
    return json_pack("{s:s s:s s:I s:I s:I s:I s:f s:f s:I s:f s:f s:f s:f s:f s:f s:I}", "optimizer", o->optimizer,
                     "schedule", o->schedule, "steps", (json_int_t)o->steps, "batch", (json_int_t)o->batch,
                     "accumulation", (json_int_t)o->accumulation, "context", (json_int_t)t->config.context,
                     "learning_rate", o->learning_rate, "minimum_rate", o->minimum_rate, "warmup",
                     (json_int_t)o->warmup, "beta1", o->beta1, "beta2", o->beta2, "weight_decay", o->weight_decay,
                     "clip", o->clip, "average", o->average, "dropout", t->config.dropout, "seed", (json_int_t)o->seed);
}
