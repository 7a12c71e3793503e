/* A parser of files of tensors against arbitrary bytes. The format is chosen when this is compiled. */
#define _GNU_SOURCE
#include "fuzz_tensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    extern const mote_file_kind FUZZ_FORMAT;
    return fuzz_tensors(&FUZZ_FORMAT, data, size);
}
