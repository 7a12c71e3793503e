/* Files of small random AlphaFold 2 models, for tests. */
#ifndef TESTS_WEIGHTS_FILE_H
#define TESTS_WEIGHTS_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/weights/weights.h"
#include "mote/mote.h"

enum { WEIGHTS_TENSORS = 1024 };

/* A monomer without templates as small as it gets, with so many blocks in both stacks. */
static inline mote_trunk_config weights_small(size_t blocks)
{
    mote_trunk_config c = mote_trunk_preset(0);
    c.c_m = c.c_z = c.c_s = c.c_e = 4;
    c.evoformer_blocks = c.extra_blocks = blocks;
    c.msa_heads = c.msa_width = c.extra_width = c.pair_heads = c.pair_width = 2;
    c.c_outer = c.c_triangle = c.transition = 2;
    c.piece = 0;
    return c;
}

/* The whole model as a graph, for one residue. */
static inline mote_status weights_build(mote_graph *graph, const mote_trunk_config *config)
{
    const mote_trunk_lengths lengths = {.residues = 1, .sequences = 1, .extra = 1};
    mote_structure_config structure = mote_structure_preset(0, 1);
    mote_trunk trunk;
    mote_structure_result result;
    mote_structure_scores scores;
    structure.c_m = config->c_m;
    structure.c_z = config->c_z;
    structure.c_s = config->c_s;
    structure.c_angles = structure.c_lddt = 4;
    structure.ipa_heads = structure.ipa_width = structure.query_points = structure.value_points = 2;
    structure.structure_layers = 1;
    mote_status status = mote_trunk_build(graph, config, &lengths, &trunk);
    if (status != MOTE_OK) {
        return status;
    }
    mote_value types = mote_graph_input(graph, "types", MOTE_INT32, 1, (size_t[]){1});
    mote_structure_module(graph, &structure, trunk.single, trunk.z, types, trunk.residue_mask, NULL, &result);
    mote_structure_heads(graph, &structure, trunk.m, trunk.z, trunk.single, result.single, &scores);
    return mote_graph_status(graph);
}

/* Numbers that differ everywhere; initialized parameters would be zeros and ones in many places. */
static inline void weights_fill(mote_graph *graph, const mote_plan *plan)
{
    uint32_t number = 1;
    for (mote_value v = 0; (size_t)v < mote_graph_value_count(graph); v++) {
        mote_layout layout;
        mote_layout_sizes sizes;
        if (mote_graph_is_parameter(graph, v) && mote_graph_value_layout(graph, v, &layout) == MOTE_OK &&
            mote_layout_measure(NULL, &layout, &sizes) == MOTE_OK) {
            float *values = mote_plan_data(plan, v);
            for (size_t i = 0; i < sizes.count; i++) {
                number = number * 1664525u + 1013904223u;
                values[i] = (float)(number >> 9) / 8388608 - 0.5f;
            }
        }
    }
}

/* One array of AlphaFold's: where it begins to be written, for all blocks. */
static inline float *weights_array(mote_graph *graph, const mote_plan *plan, mote_value v, size_t blocks,
                                   mote_tensor_info *info)
{
    mote_alphafold_place place;
    mote_layout layout;
    char name[MOTE_WEIGHTS_NAME], key[MOTE_WEIGHTS_NAME + 64];
    const char *first = mote_graph_value_name(graph, v), *at = strstr(first, ".blocks.0.");
    if (!mote_alphafold_find(first, false, &place) || mote_graph_value_layout(graph, v, &layout) != MOTE_OK) {
        return NULL;
    }
    size_t rows = layout.shape[0], columns = layout.rank == 2 ? layout.shape[1] : 1, part = rows * columns;
    snprintf(key, sizeof key, "%s%s", MOTE_ALPHAFOLD_PREFIX, place.key);
    *info = (mote_tensor_info){.name = strdup(key), .layout = {.format = MOTE_FP32, .rank = 0}};
    blocks = place.stacked ? blocks : 1;
    if (place.stacked) {
        info->layout.shape[info->layout.rank++] = blocks;
    }
    if (layout.rank == 2) {
        info->layout.shape[info->layout.rank++] = columns;
    }
    info->layout.shape[info->layout.rank++] = rows;
    float *array = malloc(blocks * part * sizeof *array);
    for (size_t b = 0; array && b < blocks; b++) {
        snprintf(name, sizeof name, "%s", first);
        if (at) {
            snprintf(name, sizeof name, "%.*s.blocks.%zu.%s", (int)(at - first), first, b, at + strlen(".blocks.0."));
        }
        mote_value block = v;
        while (strcmp(mote_graph_value_name(graph, block), name) != 0 || !mote_graph_is_parameter(graph, block)) {
            block++;
        }
        const float *values = mote_plan_data(plan, block);
        for (size_t i = 0; i < part; i++) {
            array[b * part + i % columns * rows + i / columns] = values[i];
        }
    }
    return array;
}

/* Writes the parameters of a plan with AlphaFold's names and layouts, or OpenFold's. */
static inline mote_status weights_write(mote_context *context, mote_graph *graph, const mote_plan *plan, size_t blocks,
                                        bool alphafold, const char *path)
{
    static mote_tensor_info infos[WEIGHTS_TENSORS];
    static float *arrays[WEIGHTS_TENSORS];
    size_t count = 0;
    for (mote_value v = 0; (size_t)v < mote_graph_value_count(graph) && count < WEIGHTS_TENSORS; v++) {
        const char *name = mote_graph_value_name(graph, v), *at = name ? strstr(name, ".blocks.") : NULL;
        mote_layout layout;
        if (!mote_graph_is_parameter(graph, v) || mote_graph_value_layout(graph, v, &layout) != MOTE_OK) {
            continue;
        }
        if (!alphafold) {
            arrays[count] = NULL;
            infos[count++] = (mote_tensor_info){.name = strdup(name), .layout = layout, .element_bytes = (size_t)v};
        } else if (!at || strncmp(at, ".blocks.0.", 10) == 0) {
            arrays[count] = weights_array(graph, plan, v, blocks, &infos[count]);
            count++;
        }
    }
    mote_writer *writer;
    mote_status status = mote_writer_create(context, path, count, infos, 0, NULL, &writer);
    for (size_t i = 0; i < count && status == MOTE_OK; i++) {
        mote_tensor tensor = {.layout = infos[i].layout, .elements = arrays[i], .tensor_scale = 1};
        if (!alphafold) {
            tensor.elements = mote_plan_data(plan, (mote_value)infos[i].element_bytes);
        }
        status = mote_writer_put(writer, &tensor);
    }
    status = status == MOTE_OK ? mote_writer_finish(writer) : status;
    for (size_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)infos[i].name);
        free(arrays[i]);
    }
    return status;
}

/* The parameters of two plans of one graph have the same bits. */
static inline bool weights_same(mote_graph *graph, const mote_plan *a, const mote_plan *b)
{
    bool same = true;
    for (mote_value v = 0; (size_t)v < mote_graph_value_count(graph) && same; v++) {
        mote_layout layout;
        mote_layout_sizes sizes;
        if (mote_graph_is_parameter(graph, v) && mote_graph_value_layout(graph, v, &layout) == MOTE_OK &&
            mote_layout_measure(NULL, &layout, &sizes) == MOTE_OK) {
            same = memcmp(mote_plan_data(a, v), mote_plan_data(b, v), sizes.count * sizeof(float)) == 0;
        }
    }
    return same;
}

#endif
