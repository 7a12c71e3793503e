/* Pickles of checkpoints against arbitrary bytes. Mutations of a whole .pt file break its checksums and get no further,
 * so an archive is made around the bytes: they are its data.pkl, with two storages beside them. */
#define _GNU_SOURCE
#include "fuzz_tensors.h"

enum { LOCAL = 30, CENTRAL = 46, END = 22, MEMBERS = 3, NAME = 10, LARGEST = 1 << 16 };

static const struct member {
    const char *name;
    size_t size;
} storages[] = {{"a/data/0", 96}, {"a/data/1", 6}};

/* CRC-32 as zip has it. */
static uint32_t checksum(const uint8_t *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
        }
    }
    return ~crc;
}

/* The 22 bytes that a local header and a directory entry share: versions, method, time, checksum, sizes, name length.
 */
static void common(uint8_t *at, const struct member *member, uint32_t crc)
{
    mote_store_little_endian(at, 2, 20);
    mote_store_little_endian(at + 10, 4, crc);
    mote_store_little_endian(at + 14, 4, member->size);
    mote_store_little_endian(at + 18, 4, member->size);
    mote_store_little_endian(at + 22, 2, strlen(member->name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t archive[LARGEST + 4096], directory[MEMBERS * (CENTRAL + NAME)], storage[96];
    if (size > LARGEST) {
        return 0;
    }
    const struct member members[MEMBERS] = {{"a/data.pkl", size}, storages[0], storages[1]};
    size_t at = 0, used = 0;
    memset(archive, 0, sizeof archive);
    memset(directory, 0, sizeof directory);
    for (int i = 0; i < MEMBERS; i++) {
        const uint8_t *bytes = i ? storage : data;
        uint32_t crc = checksum(bytes, members[i].size);
        size_t length = strlen(members[i].name), begin = at;
        memcpy(archive + at, "PK\3\4", 4);
        common(archive + at + 4, &members[i], crc);
        memcpy(archive + at + LOCAL, members[i].name, length);
        at += LOCAL + length;
        if (members[i].size) { /* data may be NULL otherwise */
            memcpy(archive + at, bytes, members[i].size);
        }
        at += members[i].size;
        memcpy(directory + used, "PK\1\2", 4);
        common(directory + used + 6, &members[i], crc);
        mote_store_little_endian(directory + used + 42, 4, begin);
        memcpy(directory + used + CENTRAL, members[i].name, length);
        used += CENTRAL + length;
    }
    memcpy(archive + at, directory, used);
    uint8_t *end = archive + at + used;
    memcpy(end, "PK\5\6", 4);
    mote_store_little_endian(end + 8, 2, MEMBERS);
    mote_store_little_endian(end + 10, 2, MEMBERS);
    mote_store_little_endian(end + 12, 4, used);
    mote_store_little_endian(end + 16, 4, at);
    return fuzz_tensors(&mote_pt_format, archive, at + used + END);
}
