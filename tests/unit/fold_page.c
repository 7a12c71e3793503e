/* Writes the page on predictions made by formula, for tests/cli: fold_page OUT RESIDUES CHAINS PREDICTIONS. */
#include "fold_result.h"

int main(int argc, char **argv)
{
    size_t sizes[3];
    if (argc != 5) {
        return 2;
    }
    for (int i = 0; i < 3; i++) {
        sizes[i] = strtoul(argv[2 + i], NULL, 10);
    }
    context = unit_context(1, NULL);
    mote_fold_result *r = make_result(sizes[0], sizes[1], sizes[2], 300);
    add_errors(&r->predictions[0], r->residues);
    mote_status status = mote_fold_report(context, r, argv[1]);
    free_result(r);
    mote_context_destroy(context);
    return status != MOTE_OK;
}
