/* A folder with files as Linux shows its meters, for tests. */
#ifndef TESTS_METERS_H
#define TESTS_METERS_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "unit.h"

static char tree[64];

static inline int tree_open(void **state)
{
    (void)state;
    strcpy(tree, "/tmp/mote-energy-XXXXXX");
    return mkdtemp(tree) == NULL;
}

static inline int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static inline int tree_close(void **state)
{
    (void)state;
    return nftw(tree, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *tree_path(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", tree, name);
    return path;
}

/* Writes a file with the folders above it. */
static inline void put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", tree, name);
    for (char *slash = strchr(path + strlen(tree) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

static inline void put_counter(const char *domain, double microjoules)
{
    char name[128], text[32];
    snprintf(name, sizeof name, "sys/class/powercap/%s/energy_uj", domain);
    snprintf(text, sizeof text, "%.0f\n", microjoules);
    put(name, text);
}

static inline void put_domain(const char *domain, const char *called, double microjoules, double range)
{
    char name[128], text[32];
    snprintf(name, sizeof name, "sys/class/powercap/%s/name", domain);
    put(name, called);
    snprintf(name, sizeof name, "sys/class/powercap/%s/max_energy_range_uj", domain);
    snprintf(text, sizeof text, "%.0f\n", range);
    put(name, text);
    put_counter(domain, microjoules);
}

#endif
