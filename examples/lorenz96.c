/* A small real tensor: a trajectory of the Lorenz-96 model of an atmosphere, written as .npy through libmote. */
#include "lorenz96.h"

#include <stdio.h>
#include <stdlib.h>

#include "mote/mote.h"

enum { STEPS = 2048 };

static mote_status save(mote_context *context, const char *path, float *values)
{
    mote_writer *writer;
    mote_tensor tensor = {.layout = {.format = MOTE_FP32, .rank = 2, .axis = 1, .shape = {STEPS, SITES}},
                          .elements = values,
                          .tensor_scale = 1};
    mote_tensor_info info = {.name = "trajectory", .layout = tensor.layout};
    mote_status status = mote_writer_create(context, path, 1, &info, 0, NULL, &writer);
    if (status != MOTE_OK) {
        return status;
    }
    status = mote_writer_put(writer, &tensor);
    if (status != MOTE_OK) {
        mote_writer_discard(writer);
        return status;
    }
    return mote_writer_finish(writer);
}

int main(int argc, char **argv)
{
    static float trajectory[STEPS][SITES];
    char message[256];
    mote_context *context;
    if (argc != 2) {
        fprintf(stderr, "usage: lorenz96 OUT.npy\n");
        return 2;
    }
    lorenz96_run(STEPS, &trajectory[0][0]);
    if (mote_context_create(NULL, &context, message, sizeof message) != MOTE_OK) {
        fprintf(stderr, "%s\n", message);
        return EXIT_FAILURE;
    }
    mote_status status = save(context, argv[1], &trajectory[0][0]);
    if (status == MOTE_OK) {
        printf("%s: the Lorenz-96 atmosphere, %d steps of 6 hours at %d sites\n", argv[1], STEPS, SITES);
    } else {
        fprintf(stderr, "%s\n", mote_context_message(context));
    }
    mote_context_destroy(context);
    return status == MOTE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
