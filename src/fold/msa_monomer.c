/* The MSA of one chain. */
#include <string.h>

#include "fold/msa_rows.h"

mote_status mote_msa_monomer(mote_context *context, const mote_alignment *alignment, mote_msa **made)
{
    size_t rows = 0, length = alignment->columns;
    *made = NULL;
    if (alignment->chain_count != 1 || alignment->chains[0].copies != 1) {
        return mote_fail(context, MOTE_ERROR_ARGUMENT,
                         "expected an alignment of one chain for a monomer model, found %zu%s; complexes need a "
                         "multimer model",
                         alignment->chain_count, alignment->chain_count == 1 ? " with copies" : " chains");
    }
    mote_row_set set;
    size_t *kept = mote_allocate_array(context, alignment->rows, sizeof *kept);
    mote_status status = kept ? mote_row_set_create(context, alignment->rows, &set) : MOTE_ERROR_MEMORY;
    if (status != MOTE_OK) {
        mote_release(context, kept);
        return status;
    }
    for (size_t i = 0; i < alignment->rows; i++) {
        if (mote_row_set_add(&set, alignment, i, 0, length)) {
            kept[rows++] = i;
        }
    }
    mote_msa *msa = *made = mote_msa_reserve(context, rows, length);
    for (size_t r = 0; msa && r < rows; r++) {
        const uint8_t *codes = alignment->codes + kept[r] * length;
        for (size_t i = 0; i < length; i++) {
            msa->codes[r * length + i] = mote_residue_type(codes[i]);
        }
        memcpy(msa->deletions + r * length, alignment->deletions + kept[r] * length, length * sizeof *msa->deletions);
    }
    mote_release(context, set.rows);
    mote_release(context, kept);
    if (!msa) {
        return MOTE_ERROR_MEMORY;
    }
    msa->chain_count = 1;
    for (size_t i = 0; i < length; i++) {
        msa->types[i] = mote_msa_type(alignment->query[i]);
        msa->residue_index[i] = (int32_t)i;
        msa->asym_id[i] = msa->entity_id[i] = msa->sym_id[i] = 1;
    }
    mote_msa_fill_profile(msa);
    return MOTE_OK;
}
