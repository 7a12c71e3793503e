/* Weights of AlphaFold 2: names, and what reading costs. What is read is in tests/python/test_weights.py. */
#include "folder.h"
#include "weights_file.h"

static void test_alphafold_names(void **state)
{
    (void)state;
    enum { MULTIMER = 1, STACKED = 2, VECTOR = 4, OUTPUTS_LAST = 8, SWAPPED = 16 };
    static const struct {
        const char *name, *key; /* key NULL: there is none */
        int is;
    } cases[] = {
        {"evoformer.linear.bias", "evoformer/single_activations//bias", VECTOR},
        {"input_embedder.linear_relpos.weight", "evoformer/pair_activiations//weights", 0},
        {"input_embedder.linear_relpos.weight", "evoformer/~_relative_encoding/position_activations//weights",
         MULTIMER},
        {"evoformer.blocks.47.msa_att_row.mha.linear_o.weight",
         "evoformer/evoformer_iteration/msa_row_attention_with_pair_bias/attention//output_w", STACKED | OUTPUTS_LAST},
        {"extra_msa_stack.blocks.47.msa_att_col.global_attention.linear_g.bias",
         "evoformer/extra_msa_stack/msa_column_global_attention/attention//gating_b", STACKED | VECTOR},
        {"evoformer.blocks.47.pair_stack.tri_mul_in.linear_a_p.weight",
         "evoformer/evoformer_iteration/triangle_multiplication_incoming/right_projection//weights", STACKED},
        {"evoformer.blocks.47.pair_stack.tri_mul_in.linear_ab_g.bias",
         "evoformer/evoformer_iteration/triangle_multiplication_incoming/gate//bias",
         MULTIMER | STACKED | VECTOR | SWAPPED},
        {"evoformer.blocks.47.outer_product_mean.linear_out.bias",
         "evoformer/evoformer_iteration/outer_product_mean//output_b", STACKED | VECTOR},
        {"template_embedder.template_pair_stack.blocks.47.tri_att_end.linear.weight",
         "evoformer/template_embedding/single_template_embedding/template_pair_stack/__layer_stack_no_state/"
         "triangle_attention_ending_node//feat_2d_weights",
         STACKED},
        {"template_embedder.template_pair_stack.blocks.47.tri_mul_out.layer_norm_out.weight",
         "evoformer/template_embedding/single_template_embedding/template_embedding_iteration/"
         "triangle_multiplication_outgoing/center_norm//scale",
         MULTIMER | STACKED | VECTOR},
        {"structure_module.ipa.head_weights",
         "structure_module/fold_iteration/invariant_point_attention//trainable_point_weights", VECTOR},
        {"structure_module.angle_resnet.layers.0.linear_2.weight",
         "structure_module/fold_iteration/rigid_sidechain/resblock2//weights", 0},
        {"structure_module.angle_resnet.layers.1.linear_1.bias",
         "structure_module/fold_iteration/rigid_sidechain/resblock1_1//bias", VECTOR},
        {"evoformer.blocks.47.msa_att_row.mha.linear_q.bias", NULL, 0},
        {"evoformer.blocks.x.msa_att_row.linear_z.weight", NULL, 0},
        {"structure_module.angle_resnet.layers.1.linear_3.bias", NULL, 0},
        {"structure_module.angle_resnet.layers.linear_1.bias", NULL, 0},
        {"evoformer.linear", NULL, 0},
        {"evoformer.linear.head_weights", NULL, 0},
        {".weight", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mote_alphafold_place place;
        bool found = mote_alphafold_find(cases[i].name, cases[i].is & MULTIMER, &place);
        assert_int_equal(found, cases[i].key != NULL);
        if (found) {
            assert_string_equal(place.key, cases[i].key);
            int is = (place.stacked ? STACKED : 0) | (place.vector ? VECTOR : 0) |
                     (place.outputs_last ? OUTPUTS_LAST : 0) | (place.swapped ? SWAPPED : 0);
            assert_int_equal(is, cases[i].is & ~MULTIMER);
            assert_int_equal(place.block, place.stacked ? 47 : 0);
        }
    }
}

static void test_openfold_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"template_angle_embedder.linear_1.weight", "template_embedder.template_single_embedder.linear_1.weight"},
        {"template_pointwise_att.mha.linear_q.weight", "template_embedder.template_pointwise_att.mha.linear_q.weight"},
        {"evoformer.blocks.3.core.msa_transition.linear_1.bias", "evoformer.blocks.3.msa_transition.linear_1.bias"},
        {"extra_msa_stack.blocks.0.core.outer_product_mean.linear_1.bias",
         "extra_msa_stack.blocks.0.outer_product_mean.linear_1.bias"},
        {"evoformer.blocks.3.core.tri_att_end.linear.weight",
         "evoformer.blocks.3.pair_stack.tri_att_end.linear.weight"},
        {"structure_module.ipa.linear_kv_points.bias", "structure_module.ipa.linear_kv_points.linear.bias"},
        {"structure_module.ipa.linear_q_points.linear.bias", "structure_module.ipa.linear_q_points.linear.bias"},
        {"template_embedder.template_pair_stack.layer_norm.bias",
         "template_embedder.template_pair_stack.layer_norm.bias"},
        {"evoformer.blocks.3.msa_transition.linear_1.bias", "evoformer.blocks.3.msa_transition.linear_1.bias"},
    };
    mote_context *context = unit_context(1, NULL);
    mote_arena arena = {NULL};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(mote_openfold_name(context, &arena, cases[i][0]), cases[i][1]);
    }
    mote_arena_clear(context, &arena);
    mote_context_destroy(context);
}

static void test_prefixes(void **state)
{
    (void)state;
    const mote_tensor_info tensors[] = {
        {.name = "other.linear.weight"},
        {.name = "state_dict.module.evoformer.linear.weight"},
        {.name = "schema.evoformer.linear.weight"},
        {.name = "x.ema.params.evoformer.linear.weight"},
    };
    assert_int_equal(mote_openfold_prefix(1, tensors), -1);
    assert_int_equal(mote_openfold_prefix(0, tensors), -1);
    assert_int_equal(mote_openfold_prefix(2, tensors), strlen("state_dict.module."));
    assert_int_equal(mote_openfold_prefix(3, tensors), strlen("state_dict.module."));
    assert_int_equal(mote_openfold_prefix(4, tensors), strlen("x.ema.params."));
    const mote_tensor_info none[] = {{.name = "anevoformer.linear.weight"}, {.name = "linear.weight"}};
    assert_int_equal(mote_openfold_prefix(2, none), -1);
    const mote_tensor_info plain = {.name = "evoformer.linear.weight"};
    assert_int_equal(mote_openfold_prefix(1, &plain), 0);
}

/* ---- what reading costs ---- */

static size_t live, peak; /* bytes */
static long reads;

static void *count_allocate(void *user, size_t size, size_t alignment)
{
    (void)user;
    char *memory = aligned_alloc(alignment, (size + 2 * alignment - 1) / alignment * alignment);
    assert_non_null(memory);
    memcpy(memory, &size, sizeof size);
    live += size;
    peak = live > peak ? live : peak;
    return memory + alignment;
}

static void count_release(void *user, void *pointer)
{
    enum { ALIGNMENT = 64 };
    (void)user;
    if (pointer) {
        char *memory = (char *)pointer - ALIGNMENT;
        size_t size;
        memcpy(&size, memory, sizeof size);
        live -= size;
        free(memory);
    }
}

static mote_fault count_reads(void *user, mote_fault_site site)
{
    (void)user;
    reads += site == MOTE_FAULT_READ;
    return MOTE_FAULT_NONE;
}

static void test_arrays_are_read_once(void **state)
{
    (void)state;
    enum { BLOCKS = 3 };
    mote_allocator allocator = {count_allocate, count_release, NULL};
    mote_context_options options = {.threads = 2, .allocator = &allocator};
    mote_context *context;
    mote_graph *graph;
    mote_plan *plan[2];
    mote_weights *weights;
    const mote_plan_options plain = {0};
    assert_int_equal(mote_context_create(&options, &context, NULL, 0), MOTE_OK);
    mote_trunk_config config = weights_small(BLOCKS);
    config.c_m = 64;
    config.transition = 16;
    unit_ok(context, mote_graph_create(context, &graph));
    unit_ok(context, weights_build(graph, &config));
    for (int i = 0; i < 2; i++) {
        unit_ok(context, mote_plan_create(graph, &plain, &plan[i]));
    }
    weights_fill(graph, plan[0]);
    for (int alphafold = 0; alphafold < 2; alphafold++) {
        const char *path = folder_path(alphafold ? "alphafold.safetensors" : "openfold.safetensors");
        unit_ok(context, weights_write(context, graph, plan[0], BLOCKS, alphafold != 0, path));
        size_t before = live;
        unit_ok(context, mote_weights_open(context, path, &weights));
        size_t tensors = mote_file_tensor_count(weights->memory->file), opened = live;
        size_t part = config.c_m * config.c_m * config.transition * sizeof(float);
        reads = 0;
        peak = live;
        context->fault = count_reads;
        unit_ok(context, mote_weights_load(weights, graph, plan[1]));
        context->fault = NULL;
        assert_true(weights_same(graph, plan[0], plan[1]));
        assert_int_equal(reads, tensors);
        assert_int_equal(live, opened);
        assert_in_range(peak - opened, part, (alphafold ? BLOCKS + 1 : 1) * part + 16384);
        mote_weights_close(weights);
        assert_int_equal(live, before);
        unit_ok(context, mote_plan_initialize(plan[1], 1));
    }
    mote_plan_destroy(plan[0]);
    mote_plan_destroy(plan[1]);
    mote_graph_destroy(graph);
    mote_context_destroy(context);
    assert_int_equal(live, 0);
}

/* ---- casting that stops ---- */

static mote_status stop_later(void *user, const mote_cast_progress *progress)
{
    (void)progress;
    int *left = user;
    return (*left)-- > 0 ? MOTE_OK : MOTE_ERROR_CANCELLED;
}

static void test_stopped_cast_leaves_nothing(void **state)
{
    (void)state;
    mote_context *context = unit_context(1, NULL);
    mote_graph *graph;
    mote_plan *plan;
    const mote_plan_options plain = {0};
    mote_trunk_config config = weights_small(2);
    unit_ok(context, mote_graph_create(context, &graph));
    unit_ok(context, weights_build(graph, &config));
    unit_ok(context, mote_plan_create(graph, &plain, &plan));
    weights_fill(graph, plan);
    const char *path = folder_path("in.safetensors"), *output = folder_path("out.safetensors");
    unit_ok(context, weights_write(context, graph, plan, 2, true, path));
    int left[] = {0, 1, 50, 1 << 20};
    for (int i = 0; i < 4; i++) {
        mote_cast_options options = {.format = MOTE_MXINT8, .axis = -1, .progress = stop_later, .user = &left[i]};
        mote_status status = mote_cast_file(context, path, output, &options);
        assert_int_equal(status, i < 3 ? MOTE_ERROR_CANCELLED : MOTE_OK);
        assert_int_equal(access(output, F_OK), i < 3 ? -1 : 0);
    }
    mote_plan_destroy(plan);
    mote_graph_destroy(graph);
    mote_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alphafold_names),
        cmocka_unit_test(test_openfold_names),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_arrays_are_read_once),
        cmocka_unit_test(test_stopped_cast_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, folder_open, folder_close);
}
