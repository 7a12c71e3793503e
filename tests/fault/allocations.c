/* A scenario with each of its allocations failing in turn. */
#include <string.h>

#include "fault.h"

void allocation_faults(mote_context *context, const char *name,
                       mote_status (*scenario)(mote_context *context, float numbers[FAULT_NUMBERS]))
{
    float expected[FAULT_NUMBERS] = {0}, found[FAULT_NUMBERS] = {0};
    armed.left = -1;
    if (scenario(context, expected) != MOTE_OK) {
        complain(name, mote_context_message(context));
        return;
    }
    armed.site = MOTE_FAULT_ALLOCATE;
    armed.kind = MOTE_FAULT_FAIL;
    for (long k = 0;; k++) {
        long before = live;
        armed.left = k;
        armed.fired = armed.inside = false;
        mote_status status = scenario(context, found);
        armed.left = -1;
        runs++;
        if (live != before) {
            complain(name, "memory leaked");
        }
        if (status == MOTE_OK && (armed.fired ? !armed.inside : memcmp(found, expected, sizeof found) != 0)) {
            complain(name, armed.fired ? "a failure was swallowed" : "the numbers are wrong");
        }
        if (status != MOTE_OK && !armed.inside && status != MOTE_ERROR_MEMORY) {
            complain(name, mote_context_message(context));
        }
        if (!armed.fired) {
            break;
        }
    }
}
