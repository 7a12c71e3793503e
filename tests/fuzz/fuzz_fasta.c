/* The reader of FASTA and FASTQ against arbitrary bytes: read everything, twice; both times must go the same way. */
#define _GNU_SOURCE
#include "fuzz.h"
#include "io/fasta.h"

static uint64_t read_all(mote_context *context, const char *path)
{
    mote_fasta *fasta;
    mote_fasta_record record;
    bool found = true;
    uint64_t digest = 0;
    size_t count = 0, full = 0;
    mote_status status = mote_fasta_open(context, path, &fasta);
    while (status == MOTE_OK && found) {
        status = mote_fasta_next(fasta, &record, &found);
        for (size_t i = 0; found && i < record.length; i++) {
            uint8_t letter = record.letters[i];
            demand((letter >= 'A' && letter <= 'Z') || letter == '*', "a sequence holds something else than letters");
            digest = digest * 31 + letter;
        }
        if (found) {
            demand(record.number == ++count, "records are not numbered one after the other");
            full += record.length > 0;
            digest = digest * 31 + strlen(record.name);
        }
    }
    demand(status != MOTE_OK || full > 0, "no letters, and no error");
    demand_message(context, status);
    mote_fasta_close(fasta);
    return digest * 31 + (uint64_t)status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mote_context *context = fuzz_context();
    const char *path = fuzz_file(data, size);
    demand(read_all(context, path) == read_all(context, path), "the same bytes were read in two ways");
    return 0;
}
