/* The fault loop: allocation, open, read, write or rename number k fails (or a transfer is short), for k = 0, 1, 2 ...
 * until none is left. Each time the cast or report must give the right result or one of the allowed errors; nothing may
 * leak, no temporary file may stay, and an old output must be untouched unless it succeeded. */
#include <dirent.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/corpus.h"
#include "fault.h"
#include "fold/features.h"
#include "io/alignment.h"
#include "io/structure.h"

#ifdef MOTE_WITH_HTSLIB
#include <htslib/bgzf.h>
#endif
#ifdef MOTE_WITH_LIBZIP
#include <zip.h>
#endif

fault_state armed;
long live, runs;
static long failures;
static char folder[256];

static mote_fault hook(void *user, mote_fault_site site)
{
    (void)user;
    if (site != armed.site || armed.left < 0 || armed.left-- > 0) {
        return MOTE_FAULT_NONE;
    }
    armed.fired = true;
    return armed.kind;
}

static void *count_allocate(void *user, size_t size, size_t alignment)
{
    (void)user;
    void *pointer = NULL;
    if (posix_memalign(&pointer, alignment, size) != 0) {
        return NULL;
    }
    live++;
    return pointer;
}

static void count_release(void *user, void *pointer)
{
    (void)user;
    live--;
    free(pointer);
}

/* jansson's memory counts and fails like mote's own. */
static void *json_allocate(size_t size)
{
    mote_fault fault = hook(NULL, MOTE_FAULT_ALLOCATE);
    armed.inside |= fault != MOTE_FAULT_NONE;
    void *pointer = fault == MOTE_FAULT_NONE ? malloc(size) : NULL;
    live += pointer != NULL;
    return pointer;
}

static void json_release(void *pointer)
{
    live -= pointer != NULL;
    free(pointer);
}

void complain(const char *scenario, const char *what)
{
    printf("%s: site %d kind %d: %s\n", scenario, (int)armed.site, (int)armed.kind, what);
    failures++;
}

char *path_of(const char *name, char *path)
{
    snprintf(path, FAULT_PATH, "%s/%s", folder, name);
    return path;
}

static int count_files(void)
{
    int count = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        count += e->d_name[0] != '.';
    }
    if (d) {
        closedir(d);
    }
    return count;
}

char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *bytes = calloc(1, 1 << 20);
    *size = file ? fread(bytes, 1, 1 << 20, file) : 0;
    if (file) {
        fclose(file);
    }
    return bytes;
}

/* One scenario: a cast of input to output, a report on it, or a structure in another format. The expected bytes are
 * those of an undisturbed run. */
typedef struct scenario {
    const char *input, *output;
    mote_format format; /* MOTE_FORMAT_COUNT: a report on the run or study folder input, or the structure */
} scenario;

static mote_status write_structure(mote_context *context, const char *input, const char *output)
{
    mote_structure *structure;
    mote_status status = mote_structure_read(context, input, &structure);
    if (status == MOTE_OK) {
        status = strstr(output, ".cif") ? mote_structure_write_mmcif(context, output, "", structure)
                                        : mote_structure_write_pdb(context, output, structure);
    }
    mote_structure_free(structure);
    return status;
}

static mote_status run_scenario_once(mote_context *context, const scenario *s)
{
    char input[512], output[512];
    const char *const run_folders[] = {path_of(s->input, input), input};
    mote_cast_options options = {.format = s->format, .axis = -1};
    path_of(s->output, output);
    if (strcmp(s->input, "in.pdb") == 0) {
        return write_structure(context, input, output);
    }
    if (strcmp(s->input, "study") == 0) {
        return mote_study_report(context, input, output);
    }
    return s->format == MOTE_FORMAT_COUNT ? mote_report(context, run_folders, 2, output)
                                          : mote_cast_file(context, input, output, &options);
}

static void run_fault(mote_context *context, const scenario *s, const char *expected, size_t expected_size)
{
    char output[512];
    size_t size;
    path_of(s->output, output);
    FILE *old = fopen(output, "wb");
    fputs("old", old);
    fclose(old);
    long before = live;
    int files = count_files();
    armed.fired = armed.inside = false;
    mote_status status = run_scenario_once(context, s);
    armed.left = -1;
    runs++;
    char *bytes = read_file(output, &size);
    bool right = size == expected_size && memcmp(bytes, expected, size) == 0,
         untouched = size == 3 && memcmp(bytes, "old", 3) == 0;
    free(bytes);
    if (status == MOTE_OK && !right) {
        complain(s->output, "said ok, but the output is wrong");
    }
    if (status != MOTE_OK && !untouched) {
        complain(s->output, "failed, and the old output is gone");
    }
    if (status == MOTE_OK && armed.fired && !armed.inside && armed.kind == MOTE_FAULT_FAIL) {
        complain(s->output, "a failure was swallowed");
    }
    if (status != MOTE_OK && (!armed.fired || armed.kind == MOTE_FAULT_SHORT)) {
        complain(s->output, mote_context_message(context));
    }
    if (status != MOTE_OK && status != MOTE_ERROR_MEMORY && status != MOTE_ERROR_IO && status != MOTE_ERROR_FILE) {
        complain(s->output, "an error of the wrong kind");
    }
    if (live != before) {
        complain(s->output, "memory leaked");
    }
    if (count_files() != files) {
        complain(s->output, "a temporary file stayed");
    }
}

static void run_scenario(mote_context *context, const scenario *s)
{
    char output[512];
    size_t size;
    armed.left = -1;
    if (run_scenario_once(context, s) != MOTE_OK) {
        complain(s->output, mote_context_message(context));
        return;
    }
    char *expected = read_file(path_of(s->output, output), &size);
    for (int site = MOTE_FAULT_ALLOCATE; site <= MOTE_FAULT_RENAME; site++) {
        for (int kind = MOTE_FAULT_SHORT; kind <= MOTE_FAULT_FAIL; kind++) {
            bool transfer = site == MOTE_FAULT_READ || site == MOTE_FAULT_WRITE;
            for (long k = 0; transfer || kind == MOTE_FAULT_FAIL; k++) {
                armed.site = (mote_fault_site)site;
                armed.kind = (mote_fault)kind;
                armed.left = k;
                run_fault(context, s, expected, size);
                if (!armed.fired) {
                    break;
                }
            }
        }
    }
    free(expected);
}

/* A full disk as the system sees it: no file may grow beyond a limit. */
static void full_disk(mote_context *context, const scenario *s)
{
    char output[512];
    struct rlimit saved, small = {300, 300};
    getrlimit(RLIMIT_FSIZE, &saved);
    small.rlim_max = saved.rlim_max;
    remove(path_of(s->output, output));
    int files = count_files();
    long before = live;
    setrlimit(RLIMIT_FSIZE, &small);
    mote_status status = run_scenario_once(context, s);
    setrlimit(RLIMIT_FSIZE, &saved);
    runs++;
    if (status != MOTE_ERROR_IO || count_files() != files || live != before) {
        complain(s->output, "a full disk was not met with an I/O error that leaves nothing");
    }
}

/* Inspecting: open, read and summarize each tensor. */
static mote_status run_inspect(mote_context *context, const char *name)
{
    char path[512];
    mote_file *file;
    mote_status status = mote_file_open(context, path_of(name, path), &file);
    for (size_t i = 0; status == MOTE_OK && i < mote_file_tensor_count(file); i++) {
        const mote_tensor_info *info = mote_file_tensor(file, i);
        mote_tensor tensor = {.elements = malloc(info->element_bytes + 1), .scales = malloc(info->scale_bytes + 1)};
        mote_summary summary;
        status = mote_file_read(file, i, &tensor);
        status = status == MOTE_OK ? mote_summarize(context, &tensor, &summary) : status;
        free(tensor.elements);
        free(tensor.scales);
    }
    mote_file_close(file);
    return status;
}

/* Something that only reads. Short reads must not be noticed at all. */
typedef mote_status reader(mote_context *context, const char *name);

static void read_faults(mote_context *context, reader *run, const char *name)
{
    for (int site = MOTE_FAULT_ALLOCATE; site <= MOTE_FAULT_READ; site++) {
        for (int kind = site == MOTE_FAULT_READ ? MOTE_FAULT_SHORT : MOTE_FAULT_FAIL; kind <= MOTE_FAULT_FAIL; kind++) {
            for (long k = 0;; k++) {
                long before = live;
                armed.site = (mote_fault_site)site;
                armed.kind = (mote_fault)kind;
                armed.left = k;
                armed.fired = armed.inside = false;
                mote_status status = run(context, name);
                armed.left = -1;
                runs++;
                bool failing = armed.fired && kind == MOTE_FAULT_FAIL;
                if ((status == MOTE_OK ? failing && !armed.inside : !failing) || live != before) {
                    complain(name, status == MOTE_OK ? "a failure was swallowed" : mote_context_message(context));
                }
                if (!armed.fired) {
                    break;
                }
            }
        }
    }
}

/* Opening a corpus and using all of it; the right one has the same tokens every time. */
static mote_status use_corpus(mote_context *context, mote_status status, mote_corpus *corpus)
{
    static int32_t expected[2][64], tokens[64], targets[64];
    double bits;
    if (status != MOTE_OK) {
        return status;
    }
    status = mote_corpus_batch(corpus, 1, 2, 32, tokens, targets, NULL);
    status = status == MOTE_OK ? mote_corpus_context_bits(corpus, 2, &bits) : status;
    int32_t *first = expected[mote_corpus_describe(corpus)->files != 0];
    if (status == MOTE_OK && first[0] == 0) {
        memcpy(first, tokens, sizeof tokens);
    }
    if (status == MOTE_OK && memcmp(first, tokens, sizeof tokens) != 0) {
        status = mote_fail(context, MOTE_ERROR_FILE, "a corpus with other tokens");
    }
    mote_corpus_close(corpus);
    return status;
}

#ifdef MOTE_WITH_HTSLIB
static mote_status run_corpus(mote_context *context, const char *name)
{
    char path[512];
    const char *paths[2] = {path_of(name, path), path};
    mote_corpus *corpus;
    mote_corpus_options options = {.seed = 3, .validation_fraction = 0.3};
    mote_status status = mote_corpus_open(context, paths, 2, &options, &corpus);
    return use_corpus(context, status, corpus);
}

/* Enough records for arrays to grow, and a split by record. */
static void make_sequences(const char *name)
{
    char path[512];
    BGZF *stream = bgzf_open(path_of(name, path), "w");
    char text[64];
    for (int r = 0; r < 80 && stream; r++) {
        for (int i = 0; i < 250; i++) {
            int length = i ? snprintf(text, sizeof text, "%c", "ACGT"[(i * i + r * i) % 11 % 4])
                           : snprintf(text, sizeof text, "\n>r%d\n", r);
            if (bgzf_write(stream, text, (size_t)length) != length) {
                complain(name, "cannot be written");
            }
        }
    }
    if (!stream || bgzf_close(stream) != 0) {
        complain(name, "cannot be written");
    }
}
#endif

/* An alignment must have the same rows every time. */
static mote_status run_alignment(mote_context *context, const char *name)
{
    char path[512];
    mote_alignment *alignment;
    mote_status status = mote_alignment_read(context, path_of(name, path), &alignment);
    if (status == MOTE_OK && (alignment->rows != 3 || alignment->columns != 4 || alignment->deletions[5] != 1 ||
                              strcmp(alignment->query, "MKVL") != 0 || alignment->codes[4] != MOTE_RESIDUE_GAP)) {
        status = mote_fail(context, MOTE_ERROR_FILE, "an alignment with other rows");
    }
    mote_alignment_free(alignment);
    return status;
}

/* All of a sample's memory, of one chain and of a complex. */
static mote_status run_features(mote_context *context, const char *name)
{
    char path[512];
    mote_alignment *alignment;
    mote_msa *msa[2] = {NULL, NULL};
    mote_features_options options = {.clusters = 2, .extra = 1, .replaced = 0.15f};
    mote_status status = mote_alignment_read(context, path_of(name, path), &alignment);
    status = status == MOTE_OK ? mote_msa_monomer(context, alignment, &msa[0]) : status;
    status = status == MOTE_OK ? mote_msa_multimer(context, alignment, &msa[1]) : status;
    for (int i = 0; i < 2 && status == MOTE_OK; i++) {
        mote_features *features;
        status = mote_features_create(context, msa[i], &options, &features);
        if (status == MOTE_OK) {
            mote_features_sample(context, msa[i], 0, features);
        }
        mote_features_free(features);
    }
    mote_msa_free(msa[0]);
    mote_msa_free(msa[1]);
    mote_alignment_free(alignment);
    return status;
}

static void make_text(const char *name, const char *text)
{
    char path[512];
    FILE *file = fopen(path_of(name, path), "wb");
    fputs(text, file);
    fclose(file);
}

#ifdef MOTE_WITH_LIBZIP
/* A checkpoint of a dict with one tensor, seen from its side. */
static void make_checkpoint(const char *name)
{
    static const char pickle[] = "\200\2}X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\n"
                                 "FloatStorage\nX\1\0\0\0"
                                 "0X\3\0\0\0cpuM\200\1tQK\0K\100K\6\206K\1K\100\206\211"
                                 "ccollections\nOrderedDict\n)RtRs.";
    static float values[6 * 64];
    const struct {
        const char *name;
        const void *bytes;
        size_t size;
    } members[] = {
        {"a/data.pkl", pickle, sizeof pickle - 1}, {"a/byteorder", "little", 6}, {"a/data/0", values, sizeof values}};
    char path[512];
    zip_t *archive = zip_open(path_of(name, path), ZIP_CREATE | ZIP_TRUNCATE, NULL);
    for (int i = 0; i < 6 * 64; i++) {
        values[i] = (float)(i % 29) - 3.5f;
    }
    for (int i = 0; i < 3; i++) {
        zip_int64_t added =
            zip_file_add(archive, members[i].name, zip_source_buffer(archive, members[i].bytes, members[i].size, 0), 0);
        zip_set_file_compression(archive, (zip_uint64_t)added, ZIP_CM_STORE, 0);
    }
    if (zip_close(archive) != 0) {
        complain(name, "cannot be written");
    }
}
#endif

static mote_status run_simulation(mote_context *context, const char *name)
{
    (void)name;
    mote_corpus *corpus;
    mote_status status = mote_corpus_simulate(context, NULL, 4000, &corpus);
    return use_corpus(context, status, corpus);
}

/* The first input: a few tensors of different kinds. */
static mote_status make_input(mote_context *context, const char *name)
{
    static float values[6 * 128];
    static uint8_t elements[6 * 64], scales[6 * 8];
    char path[512];
    mote_writer *writer;
    for (int i = 0; i < 6 * 128; i++) {
        values[i] = (float)(i % 17) - 8.25f;
    }
    mote_tensor plain = {.layout = {MOTE_FP32, 2, 1, {6, 128}}, .elements = values, .tensor_scale = 1};
    mote_tensor narrow = {.layout = {MOTE_NVFP4, 2, 1, {6, 128}}, .elements = elements, .scales = scales};
    mote_tensor_info infos[] = {{.name = "a.weight", .layout = plain.layout},
                                {.name = "b.weight", .layout = narrow.layout}};
    mote_metadata metadata = {"general.name", "a test", NULL, 0};
    mote_status status = mote_quantize(context, values, NULL, NULL, &narrow);
    status =
        status == MOTE_OK ? mote_writer_create(context, path_of(name, path), 2, infos, 1, &metadata, &writer) : status;
    if (status == MOTE_OK) {
        mote_writer_put(writer, &plain);
        mote_writer_put(writer, &narrow);
        status = mote_writer_finish(writer);
    }
    return status;
}

/* A run folder with a little of everything. */
static void make_run(const char *name)
{
    char path[512], inside[1024];
    mkdir(path_of(name, path), 0777);
    snprintf(inside, sizeof inside, "%s/run.json", path);
    FILE *file = fopen(inside, "wb");
    fputs("{\"policy\":{\"name\":\"fp32\"},\"data\":{\"limit\":{\"bits\":1}},\"command\":\"mote <train>\",\"plan\":{"
          "\"categories\":[{\"name\":\"a\",\"bytes\":5}],\"timeline\":[[0,5]]},\"recipe\":{\"steps\":[1,2]}}",
          file);
    fclose(file);
    snprintf(inside, sizeof inside, "%s/metrics.jsonl", path);
    file = fopen(inside, "wb");
    fputs("{\"step\":1,\"bits\":2,\"joules\":1}\n{\"step\":1,\"validation_bits\":2}\n", file);
    fclose(file);
}

static void remove_run(const char *name)
{
    char path[512], inside[1024];
    static const char *const files[] = {"run.json", "metrics.jsonl"};
    path_of(name, path);
    for (int i = 0; i < 2; i++) {
        snprintf(inside, sizeof inside, "%s/%s", path, files[i]);
        remove(inside);
    }
    rmdir(path);
}

int main(int argc, char **argv)
{
    static const scenario scenarios[] = {
        {"in.safetensors", "out.safetensors", MOTE_MXFP6_E3M2},
        {"in.safetensors", "out.gguf", MOTE_MXFP4_E2M1},
        {"in.gguf", "out2.gguf", MOTE_BF16},
        {"in.safetensors", "out.safetensors.index.json", MOTE_MXINT8},
        {"in.safetensors.index.json", "out3.safetensors", MOTE_FP32},
#ifdef MOTE_WITH_LIBZIP
        {"in.safetensors", "out.npz", MOTE_MXFP8_E4M3},
        {"in.npz", "out4.safetensors", MOTE_MXFP8_E5M2},
        {"in.pt", "out5.safetensors", MOTE_MXFP6_E2M3},
#endif
        {"run", "report.html", MOTE_FORMAT_COUNT},
        {"study", "study.html", MOTE_FORMAT_COUNT},
        {"in.pdb", "out.pdb", MOTE_FORMAT_COUNT},
        {"in.pdb", "out.cif", MOTE_FORMAT_COUNT},
    };
    mote_allocator allocator = {count_allocate, count_release, NULL};
    mote_context_options options = {.threads = 1, .allocator = &allocator};
    mote_context *context;
    char path[512];
    /* files are flushed to the disk: better to one that is none */
    snprintf(folder, sizeof folder, "%s/mote-fault-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    signal(SIGXFSZ, SIG_IGN);
    json_set_alloc_funcs(json_allocate, json_release);
    armed.left = -1;
    if (!mkdtemp(folder) || mote_context_create(&options, &context, NULL, 0) != MOTE_OK) {
        return 1;
    }
    static const char *const inputs[] = {"in.safetensors", "in.gguf", "in.safetensors.index.json",
#ifdef MOTE_WITH_LIBZIP
                                         "in.npz"
#endif
    };
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        if (make_input(context, inputs[i]) != MOTE_OK) {
            complain(inputs[i], mote_context_message(context));
        }
    }
    make_run("run");
    study_begin("study");
    make_text("in.csv", "a,b\n1,2\n\"3\",\"x, y\"\n");
    make_text("in.pdb", "ATOM      1  CA  GLY A   1       1.000   2.000   3.000\n"
                        "ATOM      2  CA  ALA A   2       4.000   5.000   6.000\n"
                        "ATOM      3  CA  ALA B   1      -4.000   5.000   6.000\nEND\n");
    make_text("in.a3m", "#4\t1\n>q\nMKVL\n>a\n-aK-L\n>b\nMKVL\n");
    make_text("in.sto", "# STOCKHOLM 1.0\nq M-K\na -AK\nb M-K\n\nq VL\na -L\nb VL\n//\n");
#ifdef MOTE_WITH_LIBZIP
    make_checkpoint("in.pt");
#endif
    context->fault = hook;
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        run_scenario(context, &scenarios[i]);
        full_disk(context, &scenarios[i]);
    }
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        read_faults(context, run_inspect, inputs[i]);
    }
    read_faults(context, run_alignment, "in.a3m");
    read_faults(context, run_alignment, "in.sto");
    pieces_faults(context);
    packed_faults(context);
    structure_faults(context);
    energy_faults(context);
    read_faults(context, run_features, "in.a3m");
    trunk_faults(context);
    read_faults(context, sheet_run, "in.csv");
    study_faults(context);
#ifdef MOTE_WITH_LIBZIP
    read_faults(context, run_inspect, "in.pt");
    weights_begin(context, "weights.npz");
    read_faults(context, weights_run, "weights.npz");
    weights_end();
#endif
#ifdef MOTE_WITH_HTSLIB
    make_sequences("in.fa.gz");
    read_faults(context, run_corpus, "in.fa.gz");
    train_faults(context, "in.fa.gz", argc > 1 && strcmp(argv[1], "--all") == 0);
#endif
    (void)argc, (void)argv; /* where there is no htslib */
    read_faults(context, run_simulation, "simulated genes");
    mote_context_destroy(context);
    if (live != 0) {
        complain("all", "memory leaked at the end");
    }
    remove_run("run");
    study_end("study");
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        remove(path_of(e->d_name, path));
    }
    closedir(d);
    rmdir(folder);
    printf("%ld passed, %ld failed\n", runs - failures, failures);
    return failures != 0;
}
