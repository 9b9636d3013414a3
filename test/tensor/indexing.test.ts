import { expect } from "chai";
import { memory, tensor, type Tensor } from "mutual-channel-loss";
import { arange, slice, zeros, type TensorIndex } from "mutual-channel-loss/tensor";
import { elements } from "../support/elements.js";
import { caught } from "../support/errors.js";

/** [2, 3, 4] with the numbers from 0. */
const cube = (): Tensor => arange(24).reshape([2, 3, 4]);
const mask = (data: number[]): Tensor => tensor(data, { dtype: "bool" });
const ints = (data: number[]): Tensor => tensor(data, { dtype: "int64" });

describe("at()", () => {
  const cases: [string, () => TensorIndex[], unknown][] = [
    ["x[0, 1, 2]", () => [0, 1, 2], 6],
    ["x[-1, 0]", () => [-1, 0], [12, 13, 14, 15]],
    [
      "x[0, 1:, ::2]",
      () => [0, slice(1), slice(null, null, 2)],
      [
        [4, 6],
        [8, 10],
      ],
    ],
    ["x[1, :2, -1]", () => [1, slice(0, 2), -1], [15, 19]],
    [
      "x[..., 0]",
      () => ["...", 0],
      [
        [0, 4, 8],
        [12, 16, 20],
      ],
    ],
    ["x[0, ..., None, 3]", () => [0, "...", null, 3], [[3], [7], [11]]],
    ["x[0, 0, None, mask]", () => [0, 0, null, mask([1, 0, 0, 1])], [[0, 3]]],
    [
      "x[:, [2, 0], 1]",
      () => [slice(), ints([2, 0]), 1],
      [
        [9, 1],
        [21, 13],
      ],
    ],
    ["x[[0, 1], [1, 2], [2, 3]]", () => [ints([0, 1]), ints([1, 2]), ints([2, 3])], [6, 23]],
    [
      "x[0, ...] twice the same",
      () => [0, "..."],
      [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 10, 11],
      ],
    ],
  ];
  for (const [name, index, expected] of cases) {
    it(name, async () => {
      expect(await elements(cube().at(...index()))).to.deep.equal(expected);
    });
  }

  it("takes a mask over several dimensions", async () => {
    const x = cube();
    expect(await elements(x.at(x.gt(21)))).to.deep.equal([22, 23]);
    expect(x.at(x.select(2, 0).gt(7)).shape).to.deep.equal([4, 4]);
  });

  it("shares memory and carries gradients", async () => {
    const x = tensor([1, 2, 3], { requiresGrad: true });
    await x
      .at(slice(1))
      .mul(2)
      .add(x.at(ints([0, 0])))
      .sum()
      .backward();
    expect(await elements(x.grad)).to.deep.equal([2, 2, 2]);
    const y = zeros([3]);
    y.at(slice(1)).setAt(5);
    expect(await elements(y)).to.deep.equal([0, 5, 5]);
  });

  it("leaves nothing behind but its result", () => {
    const x = cube();
    const before = memory().tensors;
    x.at(0, slice(1), null, 2).dispose();
    caught(() => x.at(0, slice(1), 9));
    expect(memory().tensors).to.equal(before);
  });

  it("rejects what does not fit, naming the argument or the operator", () => {
    const x = cube();
    expect(caught(() => x.at(0, 0, 0, 0))).to.include({ code: "ERR_ARGUMENT", argument: "index" });
    expect(caught(() => x.at("...", "...")).argument).to.equal("index");
    expect(caught(() => x.at("0" as unknown as number)).argument).to.equal("index");
    expect(caught(() => x.at(2)).op).to.equal("aten::select.int");
    expect(caught(() => x.at(slice(0, 3, -1))).op).to.equal("aten::slice.Tensor");
  });
});

describe("setAt()", () => {
  it("writes numbers and tensors, broadcast, in place", async () => {
    const x = zeros([2, 3]);
    x.setAt(7, 0, slice(1));
    x.setAt(tensor([1, 2]), 1, slice(0, 2));
    expect(await elements(x)).to.deep.equal([
      [0, 7, 7],
      [1, 2, 0],
    ]);
    x.setAt(-1, "...", mask([1, 0, 0]));
    x.setAt(tensor([8, 9]), slice(), ints([2]).at(0));
    expect(await elements(x)).to.deep.equal([
      [-1, 7, 8],
      [-1, 2, 9],
    ]);
  });

  it("leaves nothing behind", () => {
    const x = zeros([3]);
    const before = memory().tensors;
    x.setAt(1, 0);
    expect(memory().tensors).to.equal(before);
    const where = mask([1, 0, 0]);
    x.setAt(1, where);
    expect(memory().tensors).to.equal(before + 1);
  });
});
