"""GPT-2, Llama and ESM-2 in FP64, straight from their papers and by the tensor names of Hugging Face's files: what tests hold mote's models against.

Nothing here comes from mote. The same text runs on jax.numpy and on torch: backend() gives the one or the other, with
gradients from its own differentiation.

Sources: Radford et al. 2019; Touvron et al., arXiv 2302.13971; Lin et al., Science 379 (2023), supplement A.1.
"""

import math
from types import SimpleNamespace

import numpy as np


def backend(name):
    """An array library: its functions, array(x), stop(x), through which no gradient goes, and gradient(f): a function from tensors to f's value, extras and gradients, in FP64."""
    if name == "numpy":
        import reference_tape as tape

        return SimpleNamespace(np=tape, concatenate=tape.concatenate, array=np.asarray, stop=tape.plain, gradient=tape.gradient)
    if name == "jax":
        import jax

        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", True)
        jnp = jax.numpy

        def gradient(f):
            compiled = jax.jit(jax.value_and_grad(f, has_aux=True))

            def run(tensors):
                (value, extra), found = compiled({k: jnp.asarray(v, np.float64) for k, v in tensors.items()})
                return float(value), {k: np.asarray(v) for k, v in extra.items()}, {k: np.asarray(v) for k, v in found.items()}

            return run

        return SimpleNamespace(
            np=jnp,
            erf=jax.scipy.special.erf,
            concatenate=jnp.concatenate,
            array=jnp.asarray,
            stop=jax.lax.stop_gradient,
            gradient=gradient,
        )
    import torch

    def gradient(f):
        def run(tensors):
            leaves = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in tensors.items()}
            value, extra = f(leaves)
            value.backward()
            extra = {k: v.detach().numpy() for k, v in extra.items()}
            return float(value.detach()), extra, {k: (torch.zeros_like(v) if v.grad is None else v.grad).numpy() for k, v in leaves.items()}

        return run

    return SimpleNamespace(
        np=torch,
        erf=torch.erf,
        concatenate=torch.cat,
        array=torch.as_tensor,
        stop=lambda x: x.detach(),
        gradient=gradient,
    )


def layer_norm(x, p, name, epsilon):
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred * centred).mean(-1, keepdims=True)
    return centred / (variance + epsilon) ** 0.5 * p[f"{name}.weight"] + p[f"{name}.bias"]


def rms_norm(x, p, name, epsilon):
    return x / ((x * x).mean(-1, keepdims=True) + epsilon) ** 0.5 * p[f"{name}.weight"]


def gelu_tanh(b, x):
    return 0.5 * x * (1 + b.np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


def gelu(b, x):
    return 0.5 * x * (1 + b.erf(x / math.sqrt(2)))


def rotate(b, x, base):
    """x [batch, positions, heads, width]: the pair (i, i + width / 2) of position t turns by t base^(-2 i / width)."""
    positions, half = x.shape[1], x.shape[3] // 2
    angles = np.arange(positions)[:, None] / base ** (2 * np.arange(half) / x.shape[3])
    cosine, sine = b.array(np.cos(angles)[None, :, None, :]), b.array(np.sin(angles)[None, :, None, :])
    first, second = x[..., :half], x[..., half:]
    return b.concatenate([first * cosine - second * sine, first * sine + second * cosine], -1)


def sees(segments, causal, window):
    """[batch, 1, queries, keys] of truth values."""
    positions = segments.shape[1]
    distance = np.arange(positions)[:, None] - np.arange(positions)[None, :]
    seen = (segments[:, :, None] == segments[:, None, :]) & (segments[:, :, None] >= 0)
    seen &= (distance >= 0) | (not causal)
    seen &= (np.abs(distance) < window) | (window == 0)
    return seen[:, None]


def attention(b, q, k, v, seen):
    """q, k, v [batch, positions, heads, width]; key heads are shared by neighbours. A row that sees nothing gives 0."""
    heads, width = q.shape[2], q.shape[3]
    shared = np.arange(heads) // (heads // k.shape[2])
    k, v = k[:, :, shared], v[:, :, shared]
    mask = b.array(seen.astype(np.float64))
    scores = b.np.einsum("bihd,bjhd->bhij", q, k) / math.sqrt(width) - 1e4 * (1 - mask)
    e = b.np.exp(scores - b.np.amax(scores, -1)[..., None]) * mask
    total = e.sum(-1)[..., None] + b.array((~seen.any(-1, keepdims=True)).astype(np.float64))
    y = b.np.einsum("bhij,bjhd->bihd", e / total, v)
    return y.reshape(y.shape[0], y.shape[1], heads * width)


def split_heads(x, heads):
    return x.reshape(x.shape[0], x.shape[1], heads, -1)


def gpt2(b, c, p, tokens, segments):
    """Hidden states in front of the last product, its weight and bias."""
    seen, x = sees(segments, True, c["window"]), p["transformer.wte.weight"][tokens]
    x = x + p["transformer.wpe.weight"][: tokens.shape[1]]
    for i in range(c["layers"]):
        name = f"transformer.h.{i}"
        h = layer_norm(x, p, f"{name}.ln_1", c["epsilon"]) @ p[f"{name}.attn.c_attn.weight"] + p[f"{name}.attn.c_attn.bias"]
        q, k, v = (split_heads(h[..., j * c["width"] : (j + 1) * c["width"]], c["heads"]) for j in range(3))
        x = x + attention(b, q, k, v, seen) @ p[f"{name}.attn.c_proj.weight"] + p[f"{name}.attn.c_proj.bias"]
        h = layer_norm(x, p, f"{name}.ln_2", c["epsilon"]) @ p[f"{name}.mlp.c_fc.weight"] + p[f"{name}.mlp.c_fc.bias"]
        x = x + gelu_tanh(b, h) @ p[f"{name}.mlp.c_proj.weight"] + p[f"{name}.mlp.c_proj.bias"]
    return layer_norm(x, p, "transformer.ln_f", c["epsilon"]), p["transformer.wte.weight"], None


def llama(b, c, p, tokens, segments):
    seen, x = sees(segments, True, c["window"]), p["model.embed_tokens.weight"][tokens]
    for i in range(c["layers"]):
        name = f"model.layers.{i}"
        h = rms_norm(x, p, f"{name}.input_layernorm", c["epsilon"])
        q, k, v = (
            split_heads(h @ p[f"{name}.self_attn.{part}_proj.weight"].swapaxes(0, 1), heads)
            for part, heads in (("q", c["heads"]), ("k", c["key_heads"]), ("v", c["key_heads"]))
        )
        y = attention(b, rotate(b, q, c["rotary_base"]), rotate(b, k, c["rotary_base"]), v, seen)
        x = x + y @ p[f"{name}.self_attn.o_proj.weight"].swapaxes(0, 1)
        h = rms_norm(x, p, f"{name}.post_attention_layernorm", c["epsilon"])
        gate, up = (h @ p[f"{name}.mlp.{part}_proj.weight"].swapaxes(0, 1) for part in ("gate", "up"))
        x = x + (gate / (1 + b.np.exp(-gate)) * up) @ p[f"{name}.mlp.down_proj.weight"].swapaxes(0, 1)
    return rms_norm(x, p, "model.norm", c["epsilon"]), p["lm_head.weight"], None


def esm(b, c, p, tokens, segments):
    def linear(x, name):
        return x @ p[f"{name}.weight"].swapaxes(0, 1) + p[f"{name}.bias"]

    seen, x = sees(segments, False, c["window"]), p["esm.embeddings.word_embeddings.weight"][tokens]
    for i in range(c["layers"]):
        name = f"esm.encoder.layer.{i}"
        h = layer_norm(x, p, f"{name}.attention.LayerNorm", c["epsilon"])
        q, k, v = (split_heads(linear(h, f"{name}.attention.self.{part}"), c["heads"]) for part in ("query", "key", "value"))
        y = attention(b, rotate(b, q, c["rotary_base"]), rotate(b, k, c["rotary_base"]), v, seen)
        x = x + linear(y, f"{name}.attention.output.dense")
        h = gelu(b, linear(layer_norm(x, p, f"{name}.LayerNorm", c["epsilon"]), f"{name}.intermediate.dense"))
        x = x + linear(h, f"{name}.output.dense")
    x = layer_norm(x, p, "esm.encoder.emb_layer_norm_after", c["epsilon"])
    x = layer_norm(gelu(b, linear(x, "lm_head.dense")), p, "lm_head.layer_norm", c["epsilon"])
    return x, p["esm.embeddings.word_embeddings.weight"], p["lm_head.bias"]


def loss_and_gradients(b, model, c, tokens, targets, segments):
    """A function from the model's tensors to the mean cross entropy, {"hidden", "losses"} and all gradients."""

    def f(p):
        hidden, weight, bias = model(b, c, p, tokens, segments)
        logits = hidden.reshape(targets.size, c["width"]) @ weight.swapaxes(0, 1) + (0 if bias is None else bias)
        logits = logits - b.np.amax(logits, -1)[:, None]
        wanted = logits[np.arange(targets.size), np.maximum(targets, 0)]
        losses = (b.np.log(b.np.exp(logits).sum(-1)) - wanted) * b.array((targets >= 0).astype(np.float64))
        return losses.sum() / (targets >= 0).sum(), {"hidden": hidden, "losses": losses}

    return b.gradient(f)
