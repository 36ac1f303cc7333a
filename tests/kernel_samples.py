"""Random kernels with arrays to run them on, for `test_native_kernels.py`: every one is what the lowering might ask for."""

import numpy as np

from chainrule.lower.kernel import FIXED, NEXT, NUMPY_NAMES, STRIDED, Instruction, Kernel, Operand
from chainrule.run.native.kernel_plan import conflicts

EXTENTS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 16, 17, 31, 33, 40, 70)
NUMBERS = ("f64", "f32", "i64", "i32")


def array_for(random, operand, extents, type_, chunks=1):
    """An array for an operand at any byte, with gaps and reversed axes where strides allow them."""
    dtype = np.dtype(NUMPY_NAMES[type_])
    shape = [1 if step == FIXED else extent for step, extent in zip(operand.steps, extents, strict=True)]
    shape += [int(random.integers(1, 6)) for _ in range(operand.axes)]
    if operand.partial:
        shape = [chunks, *shape]
    front = int(operand.partial)
    gaps = [int(random.integers(1, 3)) for _ in shape]
    if operand.steps[-1] == NEXT:
        gaps[front + len(extents) - 1] = 1
    padded = [max(extent, 1) * gap for extent, gap in zip(shape, gaps, strict=True)]
    order = list(range(len(shape)))
    if operand.steps[-1] == NEXT:  # the inner dimension is the one whose elements are neighbours
        order.remove(front + len(extents) - 1)
        order.append(front + len(extents) - 1)
    offset = int(random.integers(0, 8))
    size = int(np.prod(padded)) * dtype.itemsize
    buffer = np.zeros(size + offset, np.uint8)[offset:].view(dtype).reshape([padded[axis] for axis in order])
    whole = buffer.transpose(np.argsort(order))
    view = whole[tuple(slice(0, extent * gap, gap) for extent, gap in zip(shape, gaps, strict=True))]
    for axis in range(front, len(extents) + front - 1):
        if random.random() < 0.2:
            view = np.flip(view, axis)
    view[...] = random.integers(0, 2, view.shape) if type_ == "b1" else random.integers(-4, 5, view.shape)
    return view


class Sample:
    """A random kernel, its extents and its arrays; the same for the same seed."""

    def __init__(self, seed, sums=True):
        self.random = np.random.default_rng(seed)
        self.sums = sums
        rank = int(self.random.choice([1, 2, 2, 3, 3, 4]))
        while True:
            self.extents = tuple(int(self.random.choice(EXTENTS)) for _ in range(rank))
            if np.prod(self.extents) < 3000:
                break
        self.operands, self.instructions, self.arrays = [], [], []
        self.chunked = True
        compiled = tuple(extent if self.random.random() < 0.4 else None for extent in self.extents)
        for _ in range(self.random.integers(1, 4)):
            self.load()
        for _ in range(self.random.integers(1, 4)):
            self.random.choice([self.element, self.element, self.gather, self.index, self.literal])()
        for _ in range(self.random.choice([0, 0, 1, 2])):
            self.reduce()
            self.element()
        self.kernel = self.with_effects(compiled)

    def choice(self, *choices):
        return choices[self.random.integers(len(choices))]

    def add(self, operation, type_, arguments=(), operand=-1, detail=None):
        self.instructions.append(Instruction(operation, type_, tuple(arguments), operand, detail))
        return len(self.instructions) - 1

    def operand(self, type_, steps, axes=0, partial=False):
        self.operands.append(Operand(type_, tuple(steps), axes, partial))
        self.arrays.append(array_for(self.random, self.operands[-1], self.extents, type_, 3))
        if type_ in ("f64", "f32") and not self.sums:
            flat = self.arrays[-1]
            flat[...] = self.random.normal(size=flat.shape)
            flat[self.random.random(flat.shape) < 0.02] = self.choice(np.nan, np.inf, -np.inf, -0.0)
        return len(self.operands) - 1

    def steps(self, fixed=0.3):
        rank = len(self.extents)
        found = [FIXED if self.random.random() < fixed else STRIDED for _ in range(rank)]
        if found[-1] is STRIDED:
            found[-1] = self.choice(NEXT, NEXT, NEXT, STRIDED)
        return found

    def load(self):
        type_ = self.choice("f64", "f64", "f32", "i64", "i32", "b1")
        return self.add("load", type_, operand=self.operand(type_, self.steps()))

    def value(self, *types):
        """An earlier value of one of the types, cast where there is none."""
        found = [n for n, each in enumerate(self.instructions) if each.type in types]
        if found:
            return self.choice(*found)
        return self.add("cast", types[0], [int(self.random.integers(len(self.instructions)))], detail=types[0])

    def element(self):
        first = self.value(*NUMBERS)
        type_ = self.instructions[first].type
        second = self.value(type_)
        operation = self.choice("add", "subtract", "less", "where", "cast", "negative", "multiply")
        if operation == "cast":
            other = self.choice(*NUMBERS) if self.sums else "f64"
            if not self.sums and type_ == "f64":
                other = "f32"
            return self.add("cast", other, [first], detail=other)
        if operation == "negative":
            return self.add("negative", type_, [first])
        if operation == "less":
            return self.add("less", "b1", [first, second])
        if operation == "where":
            return self.add("where", type_, [self.value("b1"), first, second])
        if operation == "multiply":  # of small numbers only, so that sums stay exact
            second = self.add("literal", type_, detail=self.choice(-1, 1, 2))
        return self.add(operation, type_, [first, second])

    def literal(self):
        type_ = self.choice(*NUMBERS)
        return self.add("literal", type_, detail=int(self.random.integers(-3, 4)))

    def index(self):
        return self.add("index", "i64", detail=int(self.random.integers(len(self.extents))))

    def indices(self, number):
        """Index values for the axes of an operand, negative ones too."""
        found = []
        for axis in range(self.operands[number].axes):
            steps = self.steps(0.4)
            index = self.operand("i64", steps)
            extent = self.arrays[number].shape[len(self.extents) + axis]
            self.arrays[index][...] = self.random.integers(-extent, extent, self.arrays[index].shape)
            found.append(self.add("load", "i64", operand=index))
        return found

    def gather(self):
        type_ = self.choice(*NUMBERS, "b1")
        number = self.operand(type_, self.steps(0.7), axes=self.choice(1, 1, 2))
        return self.add("gather", type_, self.indices(number), number)

    def reduce(self):
        value = int(self.random.integers(len(self.instructions)))
        type_ = self.instructions[value].type
        folds = (
            ("and", "or") if type_ == "b1" else ("maximum", "minimum", "add") if self.sums else ("maximum", "minimum")
        )
        self.chunked &= len(self.extents) > 1
        return self.add("reduce", type_, [value], detail=self.choice(*folds))

    def with_effects(self, compiled):
        count = len(self.instructions)
        sofar = Kernel(compiled, tuple(self.operands), tuple(self.instructions))
        for _ in range(self.random.integers(1, 4)):
            value = int(self.random.integers(max(0, count - 6), count))
            type_, dims = self.instructions[value].type, sofar.varies[value]
            effect = self.choice("store", "store", "store", "accumulate", "scatter")
            if effect == "scatter" and (type_ == "b1" or not self.sums):
                effect = "store"
            if effect == "store":
                # An empty outer loop runs nothing, so a store that happens at all has an axis for it.
                needed = dims | {d for d, extent in enumerate(self.extents[:-1]) if extent == 0}
                steps = [
                    STRIDED if d in needed or self.random.random() < 0.5 else FIXED for d in range(len(self.extents))
                ]
                if steps[-1] is STRIDED and self.random.random() < 0.7:
                    steps[-1] = NEXT
                self.add("store", "", [value], self.operand(type_, steps))
            elif effect == "accumulate":
                folds = ("and", "or") if type_ == "b1" else ("add", "maximum") if self.sums else ("maximum", "minimum")
                steps = self.steps(0.5)
                partial = steps[0] == FIXED and self.random.random() < 0.5
                self.chunked &= partial or steps[0] != FIXED
                self.add("accumulate", "", [value], self.operand(type_, steps, 0, partial), self.choice(*folds))
            else:
                number = self.operand(type_, self.steps(0.7), axes=1)
                self.chunked = False
                self.add("scatter", "", [value, *self.indices(number)], number, self.choice(None, "set"))
        kernel = Kernel(compiled, tuple(self.operands), tuple(self.instructions))
        self.share(kernel)
        return kernel

    def share(self, kernel):
        """Let a stored operand be the memory of a loaded one where that is allowed."""
        forbidden = conflicts(kernel)
        taken = set()
        for store in kernel.instructions:
            for load in kernel.instructions:
                if store.operation != "store" or load.operation != "load" or {store.operand, load.operand} & taken:
                    continue
                written, read = kernel.operands[store.operand], kernel.operands[load.operand]
                if written != read or FIXED in written.steps or (store.operand, load.operand) in forbidden:
                    continue
                self.arrays[store.operand] = self.arrays[load.operand]
                taken |= {store.operand, load.operand}

    def copies(self):
        """The arrays once more, with the same strides, offsets and sharing."""
        found, made = [], {}
        for array in self.arrays:
            base = array if array.base is None else array.base
            while base.base is not None:
                base = base.base
            if id(base) not in made:
                made[id(base)] = base.copy()
            other = made[id(base)]
            start = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
            whole = np.ndarray((), array.dtype, other, 0) if array.size == 0 else None
            found.append(
                np.empty(array.shape, array.dtype)
                if whole is not None
                else np.ndarray(array.shape, array.dtype, other, start, array.strides)
            )
        return found
