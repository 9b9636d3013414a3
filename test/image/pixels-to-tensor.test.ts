import { expect } from "chai";
import { tensor, type Tensor } from "mutual-channel-loss";
import { ops } from "mutual-channel-loss/tensor";
import { caught } from "../support/errors.js";

const MEAN = [0.5, 0.25, 0];
const STD = [0.5, 0.5, 2];

function prepare(size: number[], named: Record<string, Tensor | string | number[]> = {}): Tensor {
  const pixels = tensor(
    Uint8Array.from({ length: 2 * 4 * 5 * 3 }, (_, i) => (i * 53) % 256),
    {
      shape: [2, 4, 5, 3],
    },
  );
  return ops("mcloss::prepare_images", pixels, size, MEAN, STD, named) as Tensor;
}

describe("mcloss::prepare_images", () => {
  it("writes float16 and bfloat16 as float32 rounded", async () => {
    const exact = prepare([4, 5]);
    for (const dtype of ["float16", "bfloat16"] as const) {
      const half = prepare([4, 5], { dtype });
      expect(half.dtype).to.equal(dtype);
      expect(await half.data()).to.deep.equal(await exact.to(dtype).data());
    }
  });

  it("gives channels-last memory", () => {
    expect(ops("aten::stride.int", prepare([4, 5]), 1)).to.equal(1);
  });

  it("rejects what does not fit, naming the argument and the shapes", () => {
    const rows = (columns: number) => tensor(new Int32Array(2 * columns), { shape: [2, columns] });
    const cases: [() => Tensor, RegExp][] = [
      [() => prepare([4]), /size must be/],
      [() => prepare([4, 5], { windows: rows(4) }), /windows must be int32 \[2, 3\]/],
      [() => prepare([4, 5], { erased: rows(3) }), /erased must be int32 \[2, 4\]/],
      [() => prepare([4, 5], { fill: [0, 0] }), /fill must have 3 values, got 2/],
      [() => prepare([4, 5], { dtype: "int64" }), /dtype must be float32, float16 or bfloat16/],
    ];
    for (const [run, message] of cases) expect(caught(run).message).to.match(message);
  });
});
