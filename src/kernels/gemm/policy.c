/* Named policies: one row a name. */
#include "mote/linear.h"

#include <string.h>

#define SAME(name, format)                                                                                             \
    {                                                                                                                  \
        name, format, format, format                                                                                   \
    }

static const struct {
    const char *name;
    mote_format weight, activation, gradient;
} policies[] = {
    SAME("fp32", MOTE_FP32),
    SAME("bf16", MOTE_BF16),
    SAME("fp16", MOTE_FP16),
    SAME("mxint8", MOTE_MXINT8),
    SAME("mxfp8", MOTE_MXFP8_E4M3),
    SAME("mxfp8_e4m3", MOTE_MXFP8_E4M3),
    SAME("mxfp8_e5m2", MOTE_MXFP8_E5M2),
    SAME("mxfp6", MOTE_MXFP6_E3M2),
    SAME("mxfp6_e3m2", MOTE_MXFP6_E3M2),
    {"mxfp6_e2m3", MOTE_MXFP6_E2M3, MOTE_MXFP6_E2M3, MOTE_MXFP6_E3M2},
    {"mxfp4-w_mxfp6-ag", MOTE_MXFP4_E2M1, MOTE_MXFP6_E3M2, MOTE_MXFP6_E3M2},
    SAME("mxfp4", MOTE_MXFP4_E2M1),
    SAME("mxfp4_e2m1", MOTE_MXFP4_E2M1),
    SAME("nvfp4", MOTE_NVFP4),
};

enum { COUNT = sizeof policies / sizeof policies[0] };

const char *mote_policy_name(int index) { return index >= 0 && index < COUNT ? policies[index].name : NULL; }

int mote_policy_find(const char *name, mote_policy *policy)
{
    for (int i = 0; i < COUNT; i++) {
        if (strcmp(policies[i].name, name) == 0) {
            mote_format w = policies[i].weight, a = policies[i].activation, g = policies[i].gradient;
            *policy = (mote_policy){.forward_activation = a,
                                    .forward_weight = w,
                                    .backward_gradient = g,
                                    .backward_weight = w,
                                    .update_gradient = g,
                                    .update_activation = a};
            return 1;
        }
    }
    return 0;
}
