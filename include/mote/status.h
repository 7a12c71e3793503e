/* Status codes of libmote.
 *
 * Every function that can fail returns a mote_status. The sentence that explains the failure belongs to
 * the mote_context that the call was made with: see mote_context_message(). Nothing in libmote prints,
 * exits or aborts.
 */
#ifndef MOTE_STATUS_H
#define MOTE_STATUS_H

#if defined(__GNUC__)
#define MOTE_API __attribute__((visibility("default")))
#else
#define MOTE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mote_status {
    MOTE_OK = 0,
    MOTE_ERROR_ARGUMENT = 1,    /* a value that the function cannot accept */
    MOTE_ERROR_SHAPE = 2,       /* shapes, axes or sizes that do not fit each other */
    MOTE_ERROR_MEMORY = 3,      /* an allocation failed */
    MOTE_ERROR_IO = 4,          /* the operating system refused to open, read, write or rename */
    MOTE_ERROR_FILE = 5,        /* the content of a file is not what its format demands */
    MOTE_ERROR_UNSUPPORTED = 6, /* valid, but not something that this build or file format can do */
    MOTE_ERROR_CANCELLED = 7    /* a progress callback asked to stop */
} mote_status;

/* Short English name of a status ("ok", "argument", ...). Never NULL; static storage. */
MOTE_API const char *mote_status_name(mote_status status);

#ifdef __cplusplus
}
#endif
#endif
