import { expect } from "chai";
import { readFileSync } from "node:fs";
import { memory, tensor, Tensor, tidy } from "mutual-channel-loss";
import {
  Complex,
  Generator,
  listOperators,
  ops,
  randn,
  ScriptObject,
  zeros,
} from "mutual-channel-loss/tensor";
import { native } from "#lib/native/binding.js";
import { elements } from "../support/elements.js";
import { caught } from "../support/errors.js";

/** An operator that gives one tensor. */
const made = (
  name: string,
  ...args: Parameters<typeof ops> extends [string, ...infer Rest] ? Rest : never
): Tensor => ops(name, ...args) as Tensor;
const numbers = (...data: number[]): Tensor => tensor(data, { dtype: "float64" });

describe("listOperators()", () => {
  it("has LibTorch's operators and this package's, each once, with their schemas", () => {
    const operators = new Map(listOperators().map((operator) => [operator.name, operator]));
    expect(operators.size).to.equal(listOperators().length).and.to.be.above(3000);
    expect(operators.get("aten::relu")).to.deep.equal({
      name: "aten::relu",
      schema: "aten::relu(Tensor self) -> Tensor",
      unsupported: [],
    });
    expect(operators.has("mcloss::mc_loss")).to.equal(true);
  });

  it("can call all operators but those that docs/operators.md lists", function () {
    const documented = readFileSync("docs/operators.md", "utf8");
    const [, madeFrom] = /LibTorch (\d+\.\d+)/.exec(documented) ?? [];
    // Other versions have other operators.
    if (!native().torchVersion().compiled.startsWith(`${madeFrom}.`)) this.skip();
    const rows = [...documented.matchAll(/^\| `(__torch__\S+)` +\| (`c10d::.*`) +\|/gm)];
    const expected = new Map(
      rows.map(([, type, names]) => [type, [...names!.matchAll(/`(\S+)`/g)].map(([, name]) => name)]),
    );
    const found = new Map<string, string[]>();
    for (const { name, unsupported } of listOperators()) {
      for (const type of unsupported) found.set(type, [...(found.get(type) ?? []), name].sort());
    }
    expect(Object.fromEntries(found)).to.deep.equal(Object.fromEntries(expected));
  });
});

describe("ops() takes", () => {
  /** One operator for each type of argument: what it is given, and what comes. */
  const cases: Record<string, readonly [call: () => unknown, expected: unknown]> = {
    "tensors and numbers in their place": [() => ops("aten::add.Tensor", numbers(1), 2), [3]],
    "booleans and bigints as scalars": [
      () => ops("aten::add.Scalar", tensor([1], { dtype: "int64" }), 2n),
      [3],
    ],
    "defaults, and arguments by name in either spelling": [
      () => [
        ops("aten::sum.dim_IntList", numbers(1, 2), 0, { keepdim: true }),
        ops("aten::flatten.using_ints", zeros([2, 2]), { startDim: 0, end_dim: 1 }),
      ],
      [[3], [0, 0, 0, 0]],
    ],
    "optional tensors": [
      () => ops("aten::linear", numbers(1, 2), tensor([[3, 4]], { dtype: "float64" }), null),
      [11],
    ],
    "lists of integers, and one for all of them": [
      () => [ops("aten::zeros", [2]), ops("aten::avg_pool2d", zeros([1, 1, 2, 2]), 2)],
      [[0, 0], [[[[0]]]]],
    ],
    "lists of floats": [
      () => (ops("aten::upsample_nearest1d.vec", zeros([1, 1, 2]), null, [2.5]) as Tensor).shape,
      [1, 1, 5],
    ],
    "lists of booleans": [
      () =>
        ops(
          "aten::convolution_backward",
          ...[zeros([1, 1, 2]), zeros([1, 1, 2]), zeros([1, 1, 1]), [1], [1], [0], [1], false, [0], 1],
          [true, false, true],
        ),
      [[[[0, 0]]], null, [0]],
    ],
    "lists of scalars": [
      () => ops("aten::_foreach_add.ScalarList", [numbers(1), numbers(2)], [1, 0.5]),
      [[2], [2.5]],
    ],
    "lists of strings": [() => ops("_test::get_first", [["first"], ["second"]]), "first"],
    "lists of tensors": [() => ops("aten::cat", [numbers(1), numbers(2)]), [1, 2]],
    "lists of optional tensors": [
      () => ops("aten::index.Tensor", tensor([[1, 2]]), [null, tensor([1], { dtype: "int64" })]),
      [[2]],
    ],
    strings: [() => ops("aten::div.Tensor_mode", numbers(7), 2, { rounding_mode: "floor" }), [3]],
    dtypes: [() => (ops("aten::zeros", [1], { dtype: "int16" }) as Tensor).dtype, "int16"],
    devices: [() => (ops("aten::zeros", [3], { device: "meta" }) as Tensor).shape, [3]],
    layouts: [() => made("aten::_to_dense", made("aten::zeros", [2], { layout: "sparseCoo" })).shape, [2]],
    "memory formats": [
      () =>
        ops(
          "aten::stride.int",
          made("aten::clone", zeros([1, 2, 3, 3]), { memory_format: "channelsLast" }),
          1,
        ),
      1,
    ],
    generators: [
      () => {
        const draw = (): Tensor => made("aten::randn.generator", [2], { generator: new Generator(3) });
        return ops("aten::equal", draw(), draw());
      },
      true,
    ],
    "a tensor for its storage": [() => ops("aten::set_.source_Storage", numbers(0), numbers(1, 2)), [1, 2]],
    "a device for its stream": [
      () => caught(() => ops("aten::record_stream", zeros([1]), "cpu")).op,
      "aten::record_stream",
    ],
  };
  for (const [name, [call, expected]] of Object.entries(cases)) {
    it(name, async () => {
      await tidy(async () => {
        expect(await elements(call())).to.deep.equal(expected);
      });
    });
  }

  it("complex numbers, and gives them", () => {
    const z = ops("aten::complex", tensor([1]), tensor([2])) as Tensor;
    expect((ops("aten::mul.Scalar", z, new Complex(0, 1)) as Tensor).item()).to.deep.equal(
      new Complex(-2, 1),
    );
  });

  it("objects of LibTorch's classes that other operators made, and no other", function () {
    const engines = ops("aten::zeros", [2, 2]) as Tensor;
    let packed: ScriptObject;
    try {
      packed = ops("quantized::linear_prepack_fp16", engines, null) as ScriptObject;
    } catch {
      // This LibTorch has no quantized engine.
      return this.skip();
    }
    expect(packed).to.be.instanceOf(ScriptObject);
    expect((ops("quantized::linear_dynamic_fp16", zeros([1, 2]), packed) as Tensor).shape).to.deep.equal([
      1, 2,
    ]);
    const other = caught(() => ops("quantized::conv2d_stride", packed));
    expect(other).to.include({ code: "ERR_ARGUMENT", op: "quantized::conv2d_stride" });
    expect(other.message).to.match(/must be a .*Conv2dPackedParamsBase, got a .*LinearPackedParamsBase/);
    packed.dispose();
    const disposed = caught(() => ops("quantized::linear_dynamic_fp16", zeros([1, 2]), packed));
    expect(disposed).to.include({ code: "ERR_DISPOSED", op: "quantized::linear_dynamic_fp16" });
  });
});

describe("ops() gives", () => {
  it("several results, lists, numbers, strings and nothing", async () => {
    const x = numbers(3, 1, 2);
    expect(await elements(ops("aten::sort", x))).to.deep.equal([
      [1, 2, 3],
      [1, 2, 0],
    ]);
    expect(await elements(ops("aten::split.Tensor", x, 2))).to.deep.equal([[3, 1], [2]]);
    expect(ops("aten::size.int", x, 0)).to.equal(3);
    expect(ops("aten::result_type.Scalar", x, 1)).to.equal("float64");
    expect(ops("aten::_foreach_add_.Scalar", [x], 1)).to.equal(undefined);
    expect(await elements(x)).to.deep.equal([4, 2, 3]);
  });

  it("the argument that it wrote to, rather than a second tensor", async () => {
    const x = numbers(1);
    const out = numbers(0);
    const before = memory().tensors;
    expect(ops("aten::add_.Tensor", x, 2)).to.equal(x);
    expect(x.mul_(2).sub_(1)).to.equal(x);
    expect(ops("aten::add.out", x, x, { out })).to.equal(out);
    expect(memory().tensors).to.equal(before);
    expect(await elements([x, out])).to.deep.equal([[5], [10]]);
    const [values, indices] = [numbers(), tensor([], { dtype: "int64" })];
    expect(ops("aten::sort.values", numbers(2, 1), { values, indices })).to.deep.equal([values, indices]);
  });
});

describe("ops() says", () => {
  it("which operator, which argument, and what it got", () => {
    const x = numbers(1);
    const wrong = caught(() => ops("aten::topk", x, "2"));
    expect(wrong).to.include({ code: "ERR_ARGUMENT", op: "aten::topk", argument: "k" });
    expect(wrong.message).to.equal('aten::topk: k must be an integer, got "2"');
    expect(caught(() => ops("aten::cat", [x, "y"])).message).to.match(/tensors must be a Tensor, got "y"/);
    const dtype = caught(() => ops("aten::zeros", [1], { dtype: "float" }));
    expect(dtype).to.include({ code: "ERR_DTYPE", op: "aten::zeros", argument: "dtype" });
    expect(dtype.message).to.match(/"float"/);
    expect(caught(() => ops("aten::zeros", [1], { device: "gpu" })).argument).to.equal("device");
    expect(caught(() => ops("aten::relu", x, x)).message).to.match(/takes at most 1 arguments?, got 2/);
    expect(caught(() => ops("aten::relu", x, { self: x })).message).to.match(/by position and by name/);
  });

  it("which tensors did not fit", () => {
    const error = caught(() => zeros([2, 3]).mm(zeros([4, 5], { dtype: "float64" })));
    expect(error).to.include({ code: "ERR_TORCH", op: "aten::mm" });
    expect(error.message).to.match(/\(self float32 \[2, 3\], mat2 float64 \[4, 5\]\)$/);
    const list = caught(() => ops("aten::cat", [zeros([1, 2]), zeros([1, 3])]));
    expect(list.message).to.match(/tensors\[0\] float32 \[1, 2\], tensors\[1\] float32 \[1, 3\]/);
  });

  it("which overloads there are", () => {
    const error = caught(() => ops("aten::add", numbers(1), 1));
    expect(error).to.include({ code: "ERR_ARGUMENT", op: "aten::add" });
    expect(error.message).to.match(/there are .*aten::add\.Scalar aten::add\.Scalar_out aten::add\.Tensor/);
  });
});

describe("handles", () => {
  it("are used again after dispose(), without a disposed tensor seeing another's elements", async () => {
    const first = numbers(1);
    first.dispose();
    const second = randn([2]);
    expect(first.disposed).to.equal(true);
    expect(caught(() => first.shape).code).to.equal("ERR_DISPOSED");
    first.dispose();
    expect(second.disposed).to.equal(false);
    expect((await second.data()).length).to.equal(2);
  });

  it("survive a call that fails or gives no tensor", () => {
    const x = zeros([2]);
    zeros([1]).dispose();
    expect(() => x.reshape([3])).to.throw();
    expect(x.numel()).to.equal(2);
    expect(x.reshape([1, 2]).shape).to.deep.equal([1, 2]);
  });
});
