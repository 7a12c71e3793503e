"""Whole models and their training against independent FP64 definitions, and their files against the names that others use."""

import importlib.util
import json

import numpy as np
import pytest
from safetensors.numpy import load_file

import mote
import reference_models as t

SMALL = {"vocabulary": 23, "context": 40, "layers": 2, "width": 48, "heads": 4, "epsilon": 1e-3}
MODELS = {
    "gpt2": (t.gpt2, {"model": "gpt-tiny"}),
    "llama": (t.llama, {"model": "llama-tiny", "key_heads": 2, "hidden": 72, "rotary_base": 500.0}),
    "llama, window": (t.llama, {"model": "llama-tiny", "key_heads": 1, "hidden": 72, "window": 7}),
    "esm": (t.esm, {"model": "esm-tiny"}),
}


@pytest.fixture(params=["jax", "torch"], scope="module")
def backend(request):
    if not importlib.util.find_spec(request.param):
        pytest.skip(f"{request.param} is not installed")
    return t.backend(request.param)


def batch_of(masked, rows=3, positions=40, vocabulary=23):
    """Tokens, targets and segments: packed documents, padding at the end of a row, and targets that are not scored."""
    rng = np.random.default_rng(5)
    tokens = rng.integers(0, vocabulary, (rows, positions)).astype(np.int32)
    targets = rng.integers(0, vocabulary, rows * positions).astype(np.int32)
    segments = np.zeros((rows, positions), np.int32)
    segments[0, 13:] = 1
    segments[0, 14:] = 2
    segments[1, 29:] = -1
    targets[rng.random(rows * positions) < (0.85 if masked else 0.1)] = -1
    targets[positions + 29 : 2 * positions] = -1
    return tokens, targets, segments


def set_parameters(graph, plan, seed=7):
    """Weights large enough for every nonlinearity to matter; norms near 1, biases not 0."""
    rng = np.random.default_rng(seed)
    for name, v in graph.parameters.items():
        shape = plan[v].shape
        if len(shape) == 2:
            plan[v][...] = rng.normal(size=shape) / shape[1] ** 0.5
        else:
            plan[v][...] = rng.normal(size=shape) * 0.2 + (name.endswith("weight"))


# Of FP32 against FP64, relative to a tensor's largest value. u = 2^-24 an operation; a gradient is the end of a chain of
# about 20 operations each way for each of two blocks, whose sums have up to 192 terms. Independent errors grow with the
# root of both, and 4 standard deviations of that are 3e-5. Measured: up to 2.1e-6.
ROUNDING = 4 * (2 * 2 * 20 * 192) ** 0.5 * 2**-24


@pytest.mark.parametrize("name", MODELS)
def test_losses_and_gradients(backend, name, tmp_path):
    definition, description = MODELS[name]
    graph = mote.Graph()
    model = mote.build_model(graph, {**description, **SMALL}, 3, 40, training=True)
    graph.output(model.hidden)
    graph.differentiate(model.loss)
    graph.apply_policy("fp32")
    plan = mote.Plan(graph)
    set_parameters(graph, plan)
    tokens, targets, segments = batch_of(model.config["masked"])
    plan[model.tokens][...], plan[model.targets][...], plan[model.segments][...] = tokens, targets, segments
    plan.run()
    model.save(plan, tmp_path / "model")
    reference = t.loss_and_gradients(backend, definition, model.config, tokens, targets, segments)
    loss, extra, gradients = reference(load_file(tmp_path / "model/model.safetensors"))
    errors = {"loss": abs(float(plan[model.loss]) - loss) / loss}
    for what, got in (("hidden", plan[model.hidden]), ("losses", plan[model.losses])):
        errors[what] = np.abs(got - extra[what]).max() / np.abs(extra[what]).max()
    for v in graph.parameters.values():  # the file of the gradients has the names of the definition
        plan[v][...] = plan[graph.gradient(v)]
    model.save(plan, tmp_path / "gradients")
    found = load_file(tmp_path / "gradients/model.safetensors")
    assert found.keys() == gradients.keys()
    for key, expected in gradients.items():
        scale = np.abs(expected).max()
        if key.endswith(("self.key.bias",)):  # 0: a constant added to all scores of a row; held against the query's
            scale = np.abs(gradients[key.replace("key", "query")]).max()
        if key.endswith("c_attn.bias"):
            assert np.abs(expected[48:96]).max() < 1e-12 * scale
        errors[key] = np.abs(found[key] - expected).max() / scale
    worst = max(errors, key=errors.get)
    assert errors[worst] < ROUNDING, f"{worst}: {errors[worst]:.1e}"


# ---- training ----

STEPS, WARMUP, RATE, LEAST, DECAY, BETAS, EPSILON = 10, 3, 1e-2, 0.1, 0.1, (0.9, 0.95), 1e-8


def rate_at(step):
    """Of step 0, 1, ...: linear warm-up, then half a cosine from 1 to LEAST of the rate (arXiv 1608.03983, equation 5)."""
    if step < WARMUP:
        return RATE * (step + 1) / WARMUP
    return RATE * (LEAST + (1 - LEAST) * (1 + np.cos(np.pi * (step - WARMUP) / (STEPS - WARMUP))) / 2)


def check_adamw(step, before, after, g, scale):
    """One tensor's p, m, v before and after a step with gradient g (arXiv 1711.05101, algorithm 2; matrices alone decay).
    g is known to ROUNDING of scale. What follows from m is held to the few roundings of its own formula: v with the
    gradient that went into m, p with the new m and v."""
    (p, m, v), (p_found, m_found, v_found), (b1, b2), u = before, after, BETAS, 2**-24
    assert (np.abs(m_found - (b1 * m + (1 - b1) * g)) <= (1 - b1) * ROUNDING * scale + 4 * u * np.abs(m)).all(), "m"
    g, g_error = (m_found - b1 * m) / (1 - b1), 4 * u * (np.abs(m_found) + np.abs(m)) / (1 - b1)
    v_error = (1 - b2) * (2 * np.abs(g) + g_error) * g_error + 4 * u * v_found
    assert (np.abs(v_found - (b2 * v + (1 - b2) * g**2)) <= v_error).all(), "v"
    update = rate_at(step) * m_found / (1 - b1 ** (step + 1)) / (np.sqrt(v_found / (1 - b2 ** (step + 1))) + EPSILON)
    decay = rate_at(step) * DECAY if p.ndim > 1 else 0
    assert (np.abs(p_found - (p - update - decay * p)) <= 8 * u * np.abs(update) + 4 * u * np.abs(p)).all(), "parameter"


def by_file_names(graph, model, plan, tensors, folder):
    """Tensors under mote's own names of parameters, as the model's file would hold them."""
    for name, v in graph.parameters.items():
        plan[v][...] = tensors[name]
    model.save(plan, folder)
    return {name: x.astype(np.float64) for name, x in load_file(folder / "model.safetensors").items()}


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_ten_steps_of_adamw(backend, name, tmp_path):
    """Through mote.train() and its checkpoints: each step against one in FP64 from the checkpoint before it. The training
    record fits into one window, so every step sees all of it."""
    definition, description = MODELS[name]
    rng = np.random.default_rng(1)
    letters = ["".join(rng.choice(list("ACGT"), length)) for length in (38, 50)]
    (tmp_path / "two.fa").write_text("".join(f">r\n{text}\n" for text in letters))
    description, said = {**description, **SMALL, "context": 39}, []
    mote.train(
        tmp_path / "two.fa", output=tmp_path / "run", model=description, policy="fp32", steps=STEPS, warmup=WARMUP, batch=1, seed=2,
        learning_rate=RATE, minimum_rate=LEAST, weight_decay=DECAY, beta1=BETAS[0], beta2=BETAS[1], split="record", validation=0.5,
        no_reverse_complement=True, checkpoint_every=1, keep=STEPS, progress=said.append)
    assert json.loads((tmp_path / "run/run.json").read_text())["data"]["tokens"] == 40  # the first record trains
    stream = np.array([1, *("ACGT".index(x) + 5 for x in letters[0]), 2], np.int32)

    graph = mote.Graph()
    model = mote.build_model(graph, {**description, "vocabulary": 20}, 1, 39)
    plan = mote.Plan(graph)
    plan.initialize(seed=2)
    reference = t.loss_and_gradients(backend, definition, model.config, stream[None, :-1], stream[1:], np.zeros((1, 39), np.int32))
    before = [by_file_names(graph, model, plan, {n: np.array(plan[v]) for n, v in graph.parameters.items()}, tmp_path / "start")]
    before += [{n: np.zeros_like(p) for n, p in before[0].items()}] * 2
    clipped = []
    for step in range(STEPS):
        loss, _, gradients = reference(before[0])
        norm = np.sqrt(sum((g**2).sum() for g in gradients.values()))
        clipped.append(norm > 1)
        assert abs(said[step].loss / loss - 1) < ROUNDING and abs(said[step].gradient_norm / norm - 1) < ROUNDING
        assert abs(said[step].learning_rate / rate_at(step) - 1) < 1e-12
        checkpoint = load_file(tmp_path / f"run/checkpoint-{step + 1:09d}.safetensors")
        after = [
            by_file_names(graph, model, plan, {n: checkpoint[f"{kind}.{n}"] for n in graph.parameters}, tmp_path / kind)
            for kind in ("parameter", "m", "v")
        ]
        for key, g in gradients.items():
            # queries and keys get what is left when terms as large as the values' gradients cancel
            others = [gradients[key.replace(part, "v_proj")] for part in ("q_proj", "k_proj") if part in key]
            scale = max(np.abs(x).max() for x in [g, *others]) * min(1, 1 / norm)
            check_adamw(step, [part[key] for part in before], [part[key] for part in after], g * min(1, 1 / norm), scale)
        before = after
    assert any(clipped) and said[-1].loss < said[0].loss


# ---- files ----


def built(description, batch=1, positions=8):
    graph = mote.Graph()
    model = mote.build_model(graph, {**description, **SMALL}, batch, positions)
    graph.output(model.hidden)
    plan = mote.Plan(graph, only_forward=True)
    set_parameters(graph, plan)
    return graph, model, plan


NORM, WIDTH, WORDS = 48, 48, 23
GPT2_BLOCK = {
    "ln_1.weight": (NORM,), "ln_1.bias": (NORM,), "attn.c_attn.weight": (WIDTH, 3 * WIDTH), "attn.c_attn.bias": (3 * WIDTH,),
    "attn.c_proj.weight": (WIDTH, WIDTH), "attn.c_proj.bias": (WIDTH,), "ln_2.weight": (NORM,), "ln_2.bias": (NORM,),
    "mlp.c_fc.weight": (WIDTH, 4 * WIDTH), "mlp.c_fc.bias": (4 * WIDTH,), "mlp.c_proj.weight": (4 * WIDTH, WIDTH), "mlp.c_proj.bias": (WIDTH,),
}
LLAMA_BLOCK = {
    "input_layernorm.weight": (NORM,), "self_attn.q_proj.weight": (WIDTH, WIDTH), "self_attn.k_proj.weight": (WIDTH // 2, WIDTH),
    "self_attn.v_proj.weight": (WIDTH // 2, WIDTH), "self_attn.o_proj.weight": (WIDTH, WIDTH), "post_attention_layernorm.weight": (NORM,),
    "mlp.gate_proj.weight": (72, WIDTH), "mlp.up_proj.weight": (72, WIDTH), "mlp.down_proj.weight": (WIDTH, 72),
}
ESM_BLOCK = {
    f"{name}.{part}": shape if part == "weight" else shape[:1]
    for name, shape in {
        "attention.LayerNorm": (NORM,), "attention.self.query": (WIDTH, WIDTH), "attention.self.key": (WIDTH, WIDTH),
        "attention.self.value": (WIDTH, WIDTH), "attention.output.dense": (WIDTH, WIDTH), "LayerNorm": (NORM,),
        "intermediate.dense": (4 * WIDTH, WIDTH), "output.dense": (WIDTH, 4 * WIDTH),
    }.items()
    for part in ("weight", "bias")
}
FILES = {
    "gpt2": ("transformer.h.{}.", GPT2_BLOCK, "GPT2LMHeadModel", {
        "transformer.wte.weight": (WORDS, WIDTH), "transformer.wpe.weight": (40, WIDTH), "transformer.ln_f.weight": (NORM,), "transformer.ln_f.bias": (NORM,)}),
    "llama": ("model.layers.{}.", LLAMA_BLOCK, "LlamaForCausalLM", {
        "model.embed_tokens.weight": (WORDS, WIDTH), "model.norm.weight": (NORM,), "lm_head.weight": (WORDS, WIDTH)}),
    "esm": ("esm.encoder.layer.{}.", ESM_BLOCK, "EsmForMaskedLM", {
        "esm.embeddings.word_embeddings.weight": (WORDS, WIDTH), "esm.encoder.emb_layer_norm_after.weight": (NORM,),
        "esm.encoder.emb_layer_norm_after.bias": (NORM,), "lm_head.dense.weight": (WIDTH, WIDTH), "lm_head.dense.bias": (WIDTH,),
        "lm_head.layer_norm.weight": (NORM,), "lm_head.layer_norm.bias": (NORM,), "lm_head.bias": (WORDS,)}),
}


@pytest.mark.parametrize("name", FILES)
def test_files_have_the_names_that_others_use(name, tmp_path):
    block, inside, architecture, outside = FILES[name]
    _, model, plan = built(MODELS[name][1])
    model.save(plan, tmp_path / "model", {"vocabulary": "byte"})
    expected = {**outside, **{block.format(i) + part: shape for i in range(2) for part, shape in inside.items()}}
    assert {key: x.shape for key, x in load_file(tmp_path / "model/model.safetensors").items()} == expected
    config = json.loads((tmp_path / "model/config.json").read_text())
    assert config["architectures"] == [architecture] and config["mote"]["vocabulary"] == "byte"
    assert [config[f"{token}_token_id"] for token in ("pad", "bos", "eos")] == [0, 1, 2]
    assert {**config["mote"]["config"]} == {**config["mote"]["config"], **SMALL}


def test_what_others_do_not_have_is_not_called_theirs(tmp_path):
    _, model, plan = built(MODELS["llama, window"][1])
    model.save(plan, tmp_path / "model")
    config = json.loads((tmp_path / "model/config.json").read_text())
    assert config["model_type"] == "mote" and "architectures" not in config


@pytest.mark.parametrize("name", MODELS)
def test_save_and_load(name, tmp_path):
    graph, model, plan = built(MODELS[name][1])
    model.save(plan, tmp_path / "model")
    for source in (tmp_path / "model", (tmp_path / "model/config.json").read_text()):
        other = mote.Graph()
        same = mote.build_model(other, source, 1, 8)
        other.output(same.hidden)
        copy = mote.Plan(other, only_forward=True)
        same.load(copy, tmp_path / "model")
        assert same.config == model.config
        assert all(np.array_equal(plan[v], copy[v]) for v in graph.parameters.values())


def test_files_of_another_model(tmp_path):
    graph, model, plan = built(MODELS["llama"][1])
    model.save(plan, tmp_path / "model")
    path = tmp_path / "model/model.safetensors"
    tensors = load_file(path)
    mote.save(path, {**tensors, "model.layers.1.mlp.up_proj.weight": np.zeros((72, 47), np.float32)})
    with pytest.raises(mote.MoteValueError, match="model.safetensors: tensor 'model.layers.1.mlp.up_proj.weight' does not have the shape"):
        model.load(plan, tmp_path / "model")
    mote.save(path, {key: x for key, x in tensors.items() if key != "lm_head.weight"})
    with pytest.raises(mote.MoteValueError, match="model.safetensors: there is no tensor 'lm_head.weight'"):
        model.load(plan, tmp_path / "model")
    (tmp_path / "model/config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(mote.MoteValueError, match="config.json: expected an object 'mote'"):
        mote.build_model(mote.Graph(), tmp_path / "model", 1, 8)
    with pytest.raises(mote.MoteError, match="nowhere"):
        model.load(plan, tmp_path / "nowhere")


@pytest.mark.parametrize("description, positions, message", [
    ("gpt-tiny", 8, "model: vocabulary: expected 1 to"),
    ({"model": "gpt-tiny", "vocabulary": 5, "heads": 0}, 8, "model: heads: expected 1 to"),
    ({"model": "gpt-tiny", "vocabulary": 5}, 513, "model: 513 positions, but only 512 were learned"),
    ({"model": "llama-tiny", "vocabulary": 5, "width": 36, "heads": 12}, 8, "rotary positions need heads of an even width"),
    ({"model": "gpt-tiny", "vocabulary": 5, "norm": "batch"}, 8, 'norm: expected "layer" or "rms"'),
    ("gpt-enormous", 8, "unknown name 'gpt-enormous'; known: gpt-tiny"),
])
def test_models_that_cannot_be(description, positions, message):
    with pytest.raises(mote.MoteValueError, match=message):
        mote.build_model(mote.Graph(), description, 1, positions)


def test_a_model_is_not_saved_as_another(tmp_path):
    _, model, _ = built(MODELS["llama"][1])
    graph, _, plan = built({**MODELS["llama"][1], "key_heads": 4})
    model._graph = graph
    with pytest.raises(mote.MoteValueError, match="the graph is of another model"):
        model.save(plan, tmp_path / "model")
