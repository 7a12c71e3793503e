/* The description of the machine. */
#include "energy/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#ifdef MOTE_WITH_HTSLIB
#include <htslib/hts.h>
#endif
#ifdef MOTE_WITH_LIBZIP
#include <zip.h>
#endif

#include "base/parallel.h"
#include "cpu/cpu.h"
#include "energy/meter.h"
#include "mote/machine.h"

static uint64_t read_bytes(const char *path)
{
    unsigned long long bytes = 0;
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%llu", &bytes) != 1) {
            bytes = 0; /* "max" */
        }
        fclose(file);
    }
    return bytes;
}

static uint64_t read_meminfo(const char *key)
{
    char line[256];
    unsigned long long kibibytes = 0;
    FILE *file = fopen("/proc/meminfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            sscanf(line + strlen(key), " %llu", &kibibytes);
        }
    }
    if (file) {
        fclose(file);
    }
    return (uint64_t)kibibytes * 1024;
}

static void describe_memory(mote_machine *machine)
{
    uint64_t limit = read_bytes("/sys/fs/cgroup/memory.max"), used = read_bytes("/sys/fs/cgroup/memory.current");
    machine->memory_bytes = read_meminfo("MemTotal:");
    machine->memory_available_bytes = read_meminfo("MemAvailable:");
    if (limit && limit < machine->memory_bytes) {
        uint64_t left = limit > used ? limit - used : 0;
        machine->memory_bytes = limit;
        machine->memory_available_bytes =
            left < machine->memory_available_bytes ? left : machine->memory_available_bytes;
    }
}

static void add_library(mote_machine *machine, const char *name, const char *version)
{
    mote_library *library = &machine->libraries[machine->library_count++];
    snprintf(library->name, sizeof library->name, "%s", name);
    snprintf(library->version, sizeof library->version, "%s", version);
}

static void describe_libraries(mote_machine *machine)
{
    add_library(machine, "mote", mote_version());
    add_library(machine, "jansson", jansson_version_str());
#ifdef MOTE_WITH_LIBZIP
    add_library(machine, "libzip", zip_libzip_version());
#else
    add_library(machine, "libzip", "not built in: no .npz");
#endif
#ifdef MOTE_WITH_HTSLIB
    add_library(machine, "htslib", hts_version());
#else
    add_library(machine, "htslib", "not built in: no FASTA");
#endif
}

void mote_machine_describe(mote_machine *machine)
{
    struct utsname name;
    memset(machine, 0, sizeof *machine);
    mote_cpu_model(machine->processor, sizeof machine->processor);
    mote_cpu_features(machine->features, sizeof machine->features);
    if (uname(&name) == 0) {
        snprintf(machine->architecture, sizeof machine->architecture, "%.63s", name.machine);
        snprintf(machine->system, sizeof machine->system, "%.100s %.100s", name.sysname, name.release);
    }
#if defined(__clang__)
    snprintf(machine->compiler, sizeof machine->compiler, "clang %s", __clang_version__);
#else
    snprintf(machine->compiler, sizeof machine->compiler, "gcc %s", __VERSION__);
#endif
    machine->processors = mote_processor_count();
    describe_memory(machine);
    for (int level = 0; level < MOTE_MACHINE_CACHES; level++) {
        machine->cache_bytes[level] = mote_cpu_cache_bytes(level + 1);
    }
    mote_meters meters;
    mote_meters_open(&meters, "", MOTE_NVML);
    memcpy(machine->meters, meters.meters, sizeof machine->meters);
    machine->meter_count = meters.count;
    mote_meters_close(&meters);
    describe_libraries(machine);
}

json_t *mote_machine_json(const mote_context *context)
{
    mote_machine machine;
    mote_machine_describe(&machine);
    return json_pack("{s:s s:s s:i s:I}", "processor", machine.processor, "level",
                     mote_cpu_level_name(mote_context_cpu(context)), "threads", mote_context_threads(context),
                     "memory_bytes", (json_int_t)machine.memory_bytes);
}
