/* mote info --energy: what can be measured here, what it measures now, and what can be modelled. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli.h"

/* Readings over half a second; NULL after complaining. */
static mote_energy *take_readings(mote_context *context, mote_energy_result *result)
{
    const struct timespec pause = {0, 500 * 1000 * 1000};
    mote_energy *energy;
    if (mote_energy_start(context, NULL, &energy) != MOTE_OK) {
        cli_complain(CLI_FAILED, "info", "%s", mote_context_message(context));
        return NULL;
    }
    nanosleep(&pause, NULL);
    mote_energy_get(energy, result);
    return energy;
}

static json_t *number_or_null(double number) { return isfinite(number) ? json_real(number) : json_null(); }

static void print_json(mote_context *context, const mote_machine *m, const mote_energy *energy,
                       const mote_energy_result *result)
{
    json_t *meters = json_array(), *counters = json_array(), *profiles = json_array();
    for (int i = 0; i < m->meter_count; i++) {
        const mote_meter *meter = &m->meters[i];
        json_array_append_new(meters, json_pack("{s:s, s:b, s:s, s:s}", "name", meter->name, "available",
                                                meter->available, "detail", meter->detail, "grant", meter->grant));
    }
    for (int i = 0; i < mote_energy_domain_count(energy); i++) {
        mote_energy_domain d = mote_energy_get_domain(energy, i);
        json_array_append_new(counters, json_pack("{s:s, s:o, s:b}", "name", d.name, "watts", number_or_null(d.watts),
                                                  "counted", d.counted));
    }
    for (int i = 0; mote_profile_name(i); i++) {
        mote_profile *p;
        if (mote_profile_open(context, mote_profile_name(i), &p) == MOTE_OK) {
            json_array_append_new(profiles, json_pack("{s:s, s:s}", "name", p->name, "description", p->description));
            mote_profile_close(context, p);
        }
    }
    json_t *root = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "status", mote_energy_kind_name(result->kind), "source",
                             result->source, "watts", number_or_null(result->joules / result->seconds), "meters",
                             meters, "counters", counters, "profiles", profiles);
    json_dumpf(root, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(root);
}

static void print_text(mote_context *context, const mote_machine *m, const mote_energy *energy,
                       const mote_energy_result *result)
{
    printf("meters\n");
    for (int i = 0; i < m->meter_count; i++) {
        const mote_meter *meter = &m->meters[i];
        printf("  %-11s  %s: %s\n", meter->available ? "available" : "unavailable", meter->name, meter->detail);
        if (*meter->grant) {
            printf("  %-11s  to read them: %s\n", "", meter->grant);
        }
    }
    printf("\nmeasured here, over half a second\n");
    for (int i = 0; i < mote_energy_domain_count(energy); i++) {
        mote_energy_domain d = mote_energy_get_domain(energy, i);
        printf("  %9.3f W  %s%s\n", d.watts, d.name, d.counted ? "" : " (not counted)");
    }
    if (result->kind == MOTE_ENERGY_MEASURED) {
        printf("  %9.3f W  in all; %s\n", result->joules / result->seconds, result->source);
    } else {
        printf("  %s\n", result->source);
    }
    printf("\nprofiles, for models of other machines (mote plan --profile NAME)\n");
    for (int i = 0; mote_profile_name(i); i++) {
        mote_profile *p;
        if (mote_profile_open(context, mote_profile_name(i), &p) == MOTE_OK) {
            printf("  %-15s  %s\n", p->name, p->description);
            mote_profile_close(context, p);
        }
    }
}

int cli_energy(mote_context *context, const mote_machine *machine, bool json)
{
    mote_energy_result result;
    mote_energy *energy = take_readings(context, &result);
    if (!energy) {
        return CLI_FAILED;
    }
    (json ? print_json : print_text)(context, machine, energy, &result);
    mote_energy_stop(energy);
    return CLI_DONE;
}
