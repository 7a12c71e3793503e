/* The table of tasks, in the order in which they are listed: simulated ones, then those on real data. */
#include <string.h>

#include "study/task.h"

#define MOTE_TASK(name) extern const mote_science_task mote_task_##name;
#include "study/tasks.inc"
#undef MOTE_TASK

static const mote_science_task *const tasks[] = {
#define MOTE_TASK(name) &mote_task_##name,
#include "study/tasks.inc"
#undef MOTE_TASK
};

const mote_science_task *mote_science_task_at(size_t index)
{
    return index < sizeof tasks / sizeof *tasks ? tasks[index] : NULL;
}

const mote_science_task *mote_science_task_find(const char *name)
{
    for (size_t i = 0; mote_science_task_at(i); i++) {
        if (strcmp(tasks[i]->name, name) == 0) {
            return tasks[i];
        }
    }
    return NULL;
}
