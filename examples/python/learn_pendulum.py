"""A small network learns how a damped pendulum moves: from angle and speed to both, half a second later.

The graph is built with mote.Graph, and the same network is trained with all of its products in each number format.
What is printed is the error at states that were not trained on, relative to how far the states move.
"""

import numpy as np

import mote

BATCH, WIDTH, STEPS = 256, 64, 400


def half_a_second(states, damping=0.2, gravity=9.81, length=1.0, parts=50):
    """Classical Runge-Kutta steps of the pendulum's equation, angle'' = -g/l sin(angle) - d angle'."""
    dt = 0.5 / parts

    def rate(s):
        return np.stack([s[:, 1], -gravity / length * np.sin(s[:, 0]) - damping * s[:, 1]], axis=1)

    for _ in range(parts):
        a = rate(states)
        b = rate(states + dt / 2 * a)
        c = rate(states + dt / 2 * b)
        d = rate(states + dt * c)
        states = states + dt / 6 * (a + 2 * b + 2 * c + d)
    return states


def examples(rng):
    """Inputs (sine and cosine of the angle, speed) and how the state changes."""
    states = np.stack([rng.uniform(-3, 3, BATCH), rng.uniform(-6, 6, BATCH)], axis=1)
    change = half_a_second(states) - states
    return np.stack([np.sin(states[:, 0]), np.cos(states[:, 0]), states[:, 1] / 6], axis=1), change / 6


def train(policy):
    g = mote.Graph()
    x, target = g.input("x", (BATCH, 3)), g.input("target", (BATCH, 2))
    y = x
    for name, inputs, outputs in (("first", 3, WIDTH), ("second", WIDTH, WIDTH), ("third", WIDTH, WIDTH), ("head", WIDTH, 2)):
        with g.layer(name):
            weight = g.parameter("weight", (outputs, inputs), spread=inputs**-0.5)
            y = g.linear(y, weight, g.parameter("bias", (outputs,)))
            y = y if name == "head" else g.map("gelu", y)
    loss = g.mean(g.map("square", g.subtract(y, target)), 0, 2)
    g.output(loss)
    g.differentiate(loss)
    g.apply_policy(policy)
    plan = mote.Plan(g)
    plan.initialize(seed=1)
    optimizer, rng = mote.Optimizer(plan, "adamw"), np.random.default_rng(1)
    for step in range(STEPS):
        plan[x][:], plan[target][:] = examples(rng)
        plan.run(seed=step)
        optimizer.step(learning_rate=0.01 * (1 - step / STEPS))
    plan[x][:], plan[target][:] = examples(np.random.default_rng(2))  # states that it has not seen
    plan.run()
    return (plan[loss] / np.mean(plan[target] ** 2)) ** 0.5, plan.memory["total"]


print(f"{'policy':<18} {'relative error':>15} {'memory':>10}")
for policy in ("fp32", "mxfp8", "mxfp6", "mxfp4-w_mxfp6-ag"):
    error, memory = train(policy)
    print(f"{policy:<18} {float(error):>15.4f} {memory / 1e3:>7.0f} kB")
