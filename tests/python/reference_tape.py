"""Gradients for plain numpy: a tape of the operations that reference models are made of. jax needs half a minute to compile what this runs in a tenth of a second.

A Tensor is an FP64 array and how its gradient goes on to the tensors it was made of. Functions give arrays where they get
arrays only. Comparisons give arrays of truth values.
"""

import numpy as np


def plain(x):
    return x.value if isinstance(x, Tensor) else x


def narrow(gradient, shape):
    """The gradient of something that was broadcast from shape."""
    gradient = gradient.sum(tuple(range(gradient.ndim - len(shape))))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and gradient.shape[i] != 1)
    return gradient.sum(axes, keepdims=True) if axes else gradient


def made(value, *parents):
    """A tensor of the parents (tensor or array, function from its own gradient to that parent's), or the value if none is a tensor."""
    parents = [(x, back) for x, back in parents if isinstance(x, Tensor)]
    return Tensor(value, parents) if parents else value


class Tensor:
    __array_ufunc__ = None  # array + tensor is ours

    def __init__(self, value, parents=()):
        self.value, self.parents = np.asarray(value, np.float64), parents
        self.shape, self.ndim = self.value.shape, self.value.ndim

    def __add__(self, other):
        return made(
            self.value + plain(other),
            (self, lambda g: narrow(g, self.shape)),
            (other, lambda g: narrow(g, other.shape)),
        )

    def __mul__(self, other):
        a, b = self.value, plain(other)
        return made(a * b, (self, lambda g: narrow(g * b, self.shape)), (other, lambda g: narrow(g * a, other.shape)))

    def __pow__(self, n):
        return made(self.value**n, (self, lambda g: g * n * self.value ** (n - 1)))

    def __matmul__(self, other):
        return matmul(self, other)

    def __rmatmul__(self, other):
        return matmul(other, self)

    def __getitem__(self, index):
        def back(g):
            whole = np.zeros(self.shape)
            np.add.at(whole, index, g)
            return whole

        return made(self.value[index], (self, back))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -1.0 * other

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, other):
        return self * (other**-1 if isinstance(other, Tensor) else 1.0 / other)

    def __rtruediv__(self, other):
        return self**-1 * other

    def __abs__(self):
        return made(abs(self.value), (self, lambda g: g * np.sign(self.value)))

    def __gt__(self, other):
        return self.value > plain(other)

    def __lt__(self, other):
        return self.value < plain(other)

    def reshape(self, *shape):
        return made(self.value.reshape(*shape), (self, lambda g: g.reshape(self.shape)))

    def swapaxes(self, i, j):
        return made(self.value.swapaxes(i, j), (self, lambda g: g.swapaxes(i, j)))

    def sum(self, axis=None, keepdims=False):
        kept = self.value.sum(axis, keepdims=True).shape
        found = self.value.sum(axis, keepdims=keepdims)
        return made(found, (self, lambda g: np.broadcast_to(np.reshape(g, kept), self.shape)))

    def mean(self, axis, keepdims=False):
        return self.sum(axis, keepdims) / self.shape[axis]


def matmul(x, w):
    """x [..., k] by a matrix w [k, n]."""
    a, b = plain(x), plain(w)
    assert b.ndim == 2
    return made(
        a @ b,
        (x, lambda g: g @ b.T),
        (w, lambda g: a.reshape(-1, a.shape[-1]).T @ g.reshape(-1, b.shape[1])),
    )


def einsum(spec, *operands):
    """np.einsum of one or two operands, none of whose letters may be in one place only. Dimensions under an ellipsis are broadcast."""
    inputs, output = spec.split("->")
    inputs = inputs.split(",")
    if "..." in spec:
        letters = [len(i.replace("...", "")) for i in inputs]
        lead = np.broadcast_shapes(*(x.shape[: x.ndim - n] for x, n in zip(operands, letters)))
        operands = [broadcast(x, lead + x.shape[x.ndim - n :]) for x, n in zip(operands, letters)]
    values = [plain(x) for x in operands]

    def back(i):
        others = [(s, v) for j, (s, v) in enumerate(zip(inputs, values)) if j != i]
        turned = ",".join([output] + [s for s, _ in others]) + "->" + inputs[i]
        return lambda g: np.einsum(turned, g, *(v for _, v in others))

    return made(np.einsum(spec, *values), *((x, back(i)) for i, x in enumerate(operands)))


def broadcast(x, shape):
    return made(np.broadcast_to(plain(x), shape), (x, lambda g: narrow(g, x.shape)))


def where(condition, a, b):
    def side(x, chosen):
        return x, lambda g: narrow(np.where(chosen, g, 0), x.shape)

    return made(np.where(condition, plain(a), plain(b)), side(a, condition), side(b, ~condition))


def exp(x):
    e = np.exp(plain(x))
    return made(e, (x, lambda g: g * e))


def log(x):
    return made(np.log(plain(x)), (x, lambda g: g / x.value))


def sqrt(x):
    root = np.sqrt(plain(x))
    return made(root, (x, lambda g: g / (2 * root)))


def floor(x):
    return np.floor(plain(x))


def amax(x, axis):
    """Without a gradient: it is only ever taken off before exp."""
    return np.amax(plain(x), axis)


def stack(tensors, axis):
    def part(i):
        return lambda g: np.take(g, i, axis)

    return made(np.stack([plain(x) for x in tensors], axis), *((x, part(i)) for i, x in enumerate(tensors)))


def concatenate(tensors, axis):
    values = [plain(x) for x in tensors]
    ends = np.cumsum([v.shape[axis] for v in values])

    def part(i):
        return lambda g: np.take(g, np.arange(ends[i] - values[i].shape[axis], ends[i]), axis)

    return made(np.concatenate(values, axis), *((x, part(i)) for i, x in enumerate(tensors)))


def gradient(f):
    """As backend()'s: a function from arrays to f's value, its extras and the gradients of all arrays."""

    def run(arrays):
        leaves = {k: Tensor(v) for k, v in arrays.items()}
        value, extra = f(leaves)
        order, seen, waiting = [], set(), [(value, False)]
        while waiting:  # children before parents in `order`, without recursion
            x, done = waiting.pop()
            if done:
                order.append(x)
            elif id(x) not in seen:
                seen.add(id(x))
                waiting.append((x, True))
                waiting += [(parent, False) for parent, _ in x.parents]
        gradients = {id(value): np.ones(())}
        for x in reversed(order):
            for parent, back in x.parents:
                gradients[id(parent)] = gradients.get(id(parent), 0) + back(gradients[id(x)])
        found = {k: gradients.get(id(x), np.zeros(x.shape)) for k, x in leaves.items()}
        return float(value.value), {k: plain(v) for k, v in extra.items()}, found

    return run
