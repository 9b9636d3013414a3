import { expect } from "chai";
import { tensor, type Dtype } from "mutual-channel-loss";
import { full, slice, zeros } from "mutual-channel-loss/tensor";
import { caught } from "../support/errors.js";

const elements = async (data: Parameters<typeof tensor>[0], dtype?: Dtype): Promise<unknown[]> => [
  ...(await tensor(data, dtype ? { dtype } : {}).data()),
];

describe("the elements of tensor()", () => {
  it("are exactly what was given, in every dtype", async () => {
    expect(await elements([123_456_789, 2 ** 53 - 1], "int64")).to.deep.equal([123_456_789n, 2n ** 53n - 1n]);
    expect(await elements([2_147_483_647, -(2 ** 31)], "int32")).to.deep.equal([2_147_483_647, -(2 ** 31)]);
    expect(await elements([4_294_967_295], "uint32")).to.deep.equal([4_294_967_295]);
    expect(await elements([[0.1, 1e300]], "float64")).to.deep.equal([0.1, 1e300]);
    expect(await elements([0.1], "complex128")).to.deep.equal([0.1, 0]);
    expect(await elements([0.1])).to.deep.equal([Math.fround(0.1)]);
    expect(tensor(0.1, { dtype: "float64" }).item()).to.equal(0.1);
    expect(tensor(16_777_217, { dtype: "int32" }).item()).to.equal(16_777_217);
    expect(await elements([-0], "float64")).to.deep.equal([-0]);
    expect(await elements([Infinity, -Infinity, NaN], "float16")).to.deep.equal([Infinity, -Infinity, NaN]);
  });

  it("of 64 bits are given and given back as bigints", async () => {
    const data = [2n ** 63n - 1n, -(2n ** 63n), 1n];
    expect(await elements(data)).to.deep.equal(data);
    expect(await elements([2n ** 64n - 1n, 7], "uint64")).to.deep.equal([2n ** 64n - 1n, 7n]);
    expect(tensor(2n ** 53n + 1n).item()).to.equal(2n ** 53n + 1n);
    expect(tensor([2 ** 60], { dtype: "int64" }).item()).to.equal(2n ** 60n);
    expect(await elements([3n, -3n], "int8")).to.deep.equal([3, -3]);
    expect(await elements([3n], "float32")).to.deep.equal([3]);
  });

  it("have the dtype of what is given: numbers, bigints, booleans, or several of them", () => {
    expect(tensor([1, 2]).dtype).to.equal("float32");
    expect(tensor([[1n], [2n]]).dtype).to.equal("int64");
    expect(tensor([true, false]).dtype).to.equal("bool");
    expect(tensor(true).dtype).to.equal("bool");
    expect(tensor([true, 2]).dtype).to.equal("float32");
    expect(tensor([1n, 0.5]).dtype).to.equal("float32");
    expect(tensor([]).dtype).to.equal("float32");
  });

  it("lose what is behind the point as integers, and are true as bool unless 0, as in torch.tensor", async () => {
    expect(await elements([1.9, -1.9, 0.2, true], "int64")).to.deep.equal([1n, -1n, 0n, 1n]);
    expect(await elements([255.9, -0.9], "uint8")).to.deep.equal([255, 0]);
    expect(await elements([0, 0.5, -1, NaN, 2n, 0n, true], "bool")).to.deep.equal([0, 1, 1, 1, 1, 0, 1]);
  });

  it("are refused where they do not fit the dtype, with their place", () => {
    const cases: [Parameters<typeof tensor>[0], Dtype][] = [
      [[0, 2_147_483_648], "int32"],
      [[128], "int8"],
      [[-1], "uint8"],
      [[-1n], "uint64"],
      [[2 ** 63], "int64"],
      [[2n ** 63n], "int64"],
      [[NaN], "int64"],
      [[Infinity], "int32"],
      [[1e39], "float32"],
      [[-65_520], "float16"],
      [[2n ** 1024n], "float64"],
      [Float64Array.of(1e10), "int32"],
      [Int32Array.of(1, -1), "uint8"],
      [Float64Array.of(1e39), "float32"],
      [Float32Array.of(NaN), "int64"],
      [BigInt64Array.of(-1n), "uint64"],
      [[464], "float8_e4m3fn"],
      [[-Infinity], "float8_e4m3fn"],
      [[248], "float8_e4m3fnuz"],
      [[61_440], "float8_e5m2"],
      [Float32Array.of(-61_440), "float8_e5m2fnuz"],
      [[0], "float8_e8m0fnu"],
      [Int8Array.of(-1), "float8_e8m0fnu"],
    ];
    for (const [data, dtype] of cases) {
      const error = caught(() => tensor(data, { dtype }));
      expect(error, `${dtype}: ${String(data)}`).to.include({ code: "ERR_ARGUMENT", argument: "data" });
      expect(error.message).to.match(/at position \d, which does not fit/);
    }
    expect(caught(() => tensor([2n ** 64n])).message).to.equal(
      "data has 18446744073709551616 at position 0, which does not fit int64",
    );
    expect(tensor([65_519], { dtype: "float16" }).item()).to.equal(65_504);
    expect(tensor([463], { dtype: "float8_e4m3fn" }).item()).to.equal(448);
    expect(tensor([61_439], { dtype: "float8_e5m2" }).item()).to.equal(57_344);
    expect(tensor([Infinity], { dtype: "float8_e5m2" }).item()).to.equal(Infinity);
    expect(tensor([2 ** -100], { dtype: "float8_e8m0fnu" }).item()).to.equal(2 ** -100);
  });

  it("must be numbers in arrays of equal lengths: errors name the place", () => {
    const message = (data: unknown) => caught(() => tensor(data as number[])).message;
    expect(message([[1, 2], [3]])).to.equal("data[1] must have 2 elements, as the arrays before it, got 1");
    expect(message([[1, 2], 3])).to.equal("data[1] must have 2 elements, as the arrays before it, got 3");
    expect(message([1, [2]])).to.equal("data[1] must be a number, as the elements before it, got an array");
    expect(message(["1"])).to.equal('data[0] must be a number, got "1"');
    expect(message([1, null])).to.equal("data[1] must be a number, got null");
    // eslint-disable-next-line no-sparse-arrays -- the case in question
    expect(message([1, , 2])).to.equal("data[1] must be a number, got undefined");
    expect(message(undefined)).to.equal("data must be a number, got undefined");
    expect(message({ length: 2 })).to.equal('data must be a number, got {"length":2}');
    const circular: unknown[] = [];
    circular.push(circular);
    expect(message(circular)).to.match(/nested at most 64 deep/);
  });
});

describe("scalars beside tensors", () => {
  it("are exact: whole numbers and bigints of 64 bits", () => {
    const x = tensor([1n]);
    expect(x.add(2 ** 60).item()).to.equal(2n ** 60n + 1n);
    expect(x.add(2n ** 62n).item()).to.equal(2n ** 62n + 1n);
    expect(full([], 2n ** 60n + 1n, { dtype: "int64" }).item()).to.equal(2n ** 60n + 1n);
    expect(full([], 0.1, { dtype: "float64" }).item()).to.equal(0.1);
    expect(x.fill_(2n ** 60n + 1n).item()).to.equal(2n ** 60n + 1n);
    x.setAt(2n ** 61n + 1n, slice(0, 1));
    expect(x.item()).to.equal(2n ** 61n + 1n);
    expect(tensor([0.25], { dtype: "float64" }).mul(1e300).item()).to.equal(2.5e299);
    expect(tensor([1], { dtype: "float64" }).add(0.1).item()).to.equal(1.1);
  });
});

describe("zeros()", () => {
  it("checks its sizes", async () => {
    expect(await zeros([2, 1], { dtype: "int64" }).data()).to.deep.equal(BigInt64Array.of(0n, 0n));
    expect(zeros([1], { requiresGrad: true }).requiresGrad).to.equal(true);
    expect(caught(() => zeros([-1])).argument).to.equal("shape");
    expect(caught(() => zeros(3 as unknown as number[])).argument).to.equal("shape");
    expect(caught(() => zeros([2 ** 50])).code).to.equal("ERR_OUT_OF_MEMORY");
  });
});
