/* Prints an alignment as mote reads it, for comparison with other readers: rows, columns, format, query, chains, then
 * for each row its name, its letters, its letters' codes in AlphaFold's order, and its deletions. */
#include <stdio.h>

#include "io/alignment.h"

static void print_row(const mote_alignment *a, size_t row)
{
    const uint8_t *codes = a->codes + row * a->columns;
    const uint16_t *deletions = a->deletions + row * a->columns;
    printf("%s\n", a->names[row]);
    for (size_t c = 0; c < a->columns; c++) {
        putchar(mote_residue_letter(codes[c]));
    }
    putchar('\n');
    for (size_t c = 0; c < a->columns; c++) {
        printf("%d%c", mote_residue_type(codes[c]), c + 1 < a->columns ? ' ' : '\n');
    }
    for (size_t c = 0; c < a->columns; c++) {
        printf("%d%c", deletions[c], c + 1 < a->columns ? ' ' : '\n');
    }
}

int main(int argc, char **argv)
{
    mote_context *context;
    mote_alignment *alignment;
    if (argc != 2 || mote_context_create(NULL, &context, NULL, 0) != MOTE_OK) {
        return 2;
    }
    if (mote_alignment_read(context, argv[1], &alignment) != MOTE_OK) {
        fprintf(stderr, "%s\n", mote_context_message(context));
        mote_context_destroy(context);
        return 1;
    }
    printf("%zu %zu %s\n%s\n", alignment->rows, alignment->columns, alignment->format, alignment->query);
    printf("%zu\n", alignment->chain_count);
    for (size_t i = 0; i < alignment->chain_count; i++) {
        printf("%zu %zu %s\n", alignment->chains[i].length, alignment->chains[i].copies, alignment->chains[i].name);
    }
    for (size_t row = 0; row < alignment->rows; row++) {
        print_row(alignment, row);
    }
    mote_alignment_free(alignment);
    mote_context_destroy(context);
    return 0;
}
