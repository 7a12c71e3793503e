/* The one gateway for memory, and the fault hook. */
#include "base/context.h"

enum { ALIGNMENT = 64 };

mote_fault mote_fault_check(mote_context *context, mote_fault_site site)
{
    return context->fault ? context->fault(context->fault_user, site) : MOTE_FAULT_NONE;
}

void *mote_allocate(mote_context *context, size_t size)
{
    size_t padded;
    void *pointer = NULL;
    if (mote_fault_check(context, MOTE_FAULT_ALLOCATE) == MOTE_FAULT_NONE && mote_size_add(size, 1, &padded)) {
        pointer = context->allocator.allocate(context->allocator.user, padded, ALIGNMENT);
    }
    if (!pointer) {
        mote_fail(context, MOTE_ERROR_MEMORY, "out of memory: %zu bytes were asked for", size);
    }
    return pointer;
}

void *mote_allocate_array(mote_context *context, size_t count, size_t item_size)
{
    size_t size;
    if (!mote_size_multiply(count, item_size, &size)) {
        mote_fail(context, MOTE_ERROR_MEMORY, "out of memory: %zu items of %zu bytes were asked for", count, item_size);
        return NULL;
    }
    return mote_allocate(context, size);
}

void mote_release(mote_context *context, void *pointer)
{
    if (pointer) {
        context->allocator.release(context->allocator.user, pointer);
    }
}

uint8_t *mote_workspace(mote_context *context, size_t size)
{
    context->workspace_kept = false;
    if (!context->workspace || size > context->workspace_bytes) {
        uint8_t *grown = mote_allocate(context, size);
        if (!grown) {
            return NULL;
        }
        mote_release(context, context->workspace);
        context->workspace = grown;
        context->workspace_bytes = size;
    }
    return context->workspace;
}
