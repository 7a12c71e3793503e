/* Zip archives, which .npz and .pt are, through libzip. No size is believed before it is checked. */
#ifndef MOTE_IO_ARCHIVE_H
#define MOTE_IO_ARCHIVE_H

#include <zip.h>

#include "io/format.h"

/* Opens the file of file as an archive, which the caller owns (zip_discard). Fails with MOTE_ERROR_FILE. */
mote_status mote_archive_open(mote_file *file, zip_t **archive);

/* What the archive says of member number (< zip_get_num_entries()): name, size, compressed size and method are there,
 * the method is stored or deflate, and the size can have come from that many bytes. *taken is the sum over all members
 * so far, 0 before the first: members may not take more than the file has. Names live as long as the archive.
 * Fails with MOTE_ERROR_FILE, and MOTE_ERROR_UNSUPPORTED for another method. */
mote_status mote_archive_stat(mote_file *file, zip_t *archive, size_t number, uint64_t *taken, zip_stat_t *info);

/* Exactly size bytes of the member that info describes, from offset on. whole: they are its last and the checksum,
 * which covers everything before them as well, must be right; otherwise a stored member is entered at offset at once.
 */
mote_status mote_archive_read(mote_file *file, zip_t *archive, const zip_stat_t *info, uint64_t offset, size_t size,
                              bool whole, uint8_t *bytes);

#endif
