import { expect } from "chai";
import { McLossError, memory, noGrad, Tensor, tensor, tidy, type Dtype } from "mutual-channel-loss";
import { Complex, Generator, ops, zeros } from "mutual-channel-loss/tensor";
import { caught, rejected } from "../support/errors.js";
import { heldMemory, settledMemory } from "../support/memory.js";

describe("tensor()", () => {
  it("takes its dtype from the typed array and its shape from the options", async () => {
    const cases: [Parameters<typeof tensor>[0], Dtype][] = [
      [Float32Array.of(1, 2), "float32"],
      [Float64Array.of(1, 2), "float64"],
      [BigInt64Array.of(1n, 2n), "int64"],
      [Int32Array.of(1, 2), "int32"],
      [Int16Array.of(1, 2), "int16"],
      [Int8Array.of(1, 2), "int8"],
      [Uint8Array.of(1, 2), "uint8"],
    ];
    for (const [data, dtype] of cases) {
      const x = tensor(data, { shape: [2, 1] });
      expect([x.dtype, x.shape, x.device]).to.deep.equal([dtype, [2, 1], "cpu"]);
      expect(await x.data()).to.deep.equal(data);
    }
  });

  it("takes nested arrays", async () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(x.shape).to.deep.equal([2, 3]);
    expect(await x.data()).to.deep.equal(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(tensor(7).shape).to.deep.equal([]);
  });

  it("converts to another dtype, and gives half types back as float32", async () => {
    const labels = tensor(Int32Array.of(3, 1), { dtype: "int64" });
    expect(await labels.data()).to.deep.equal(BigInt64Array.of(3n, 1n));
    const half = tensor([1.5, -2], { dtype: "bfloat16" });
    expect(half.dtype).to.equal("bfloat16");
    expect(await half.data()).to.deep.equal(Float32Array.of(1.5, -2));
  });

  it("copies: later changes to the array do not reach it", async () => {
    const data = Float32Array.of(1, 2);
    const x = tensor(data);
    data[0] = 9;
    expect(await x.data()).to.deep.equal(Float32Array.of(1, 2));
  });

  it("rejects shapes that do not fit, ragged arrays and unknown dtypes, naming the argument", () => {
    const error = caught(() => tensor([1, 2, 3], { shape: [2, 2] }));
    expect(error).to.include({ code: "ERR_SHAPE", argument: "shape" });
    expect(error.message).to.equal("shape [2, 2] holds 4 elements, but data has 3");
    expect(caught(() => tensor([[1], [2, 3]])).argument).to.equal("data");
    expect(caught(() => tensor([1], { dtype: "float" as Dtype })).code).to.equal("ERR_DTYPE");
    expect(caught(() => tensor([1], { shape: [-1] })).argument).to.equal("shape");
    expect(caught(() => tensor([1], { device: "gpu" as "cpu" })).argument).to.equal("device");
  });
});

describe("the elements of a tensor", () => {
  it("come back in the typed array that they came in", async () => {
    const arrays = [
      Uint16Array.of(0, 65_535),
      Uint32Array.of(0, 2 ** 32 - 1),
      BigUint64Array.of(0n, 2n ** 64n - 1n),
      BigInt64Array.of(-(2n ** 63n), 1n),
      Int16Array.of(-32_768, 7),
    ];
    for (const array of arrays) expect(await tensor(array).data()).to.deep.equal(array);
    expect(tensor(BigUint64Array.of(2n ** 64n - 1n)).item()).to.equal(2n ** 64n - 1n);
  });

  it("of 8 bits come as Float32Array, of complex numbers in pairs, also of conjugated ones", async () => {
    const eighth = tensor([0, 0.5, -448]).to("float8_e4m3fn");
    expect(await eighth.data()).to.deep.equal(Float32Array.of(0, 0.5, -448));
    expect(tensor([0.5]).to("float8_e5m2").item()).to.equal(0.5);
    const complex = ops("aten::complex", tensor([1, 2]), tensor([3, 4])) as Tensor;
    expect(await complex.data()).to.deep.equal(Float32Array.of(1, 3, 2, 4));
    expect(await (ops("aten::conj", complex) as Tensor).data()).to.deep.equal(Float32Array.of(1, -3, 2, -4));
    expect(await complex.to("complex128").data()).to.deep.equal(Float64Array.of(1, 3, 2, 4));
    const one = ops("aten::slice.Tensor", complex, 0, 0, 1) as Tensor;
    expect(one.item()).to.deep.equal(new Complex(1, 3));
  });
});

describe("Tensor", () => {
  it("computes with tensors and numbers, broadcasting", async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    const y = x
      .mul(2)
      .add(tensor([10, 20]))
      .sub(1)
      .div(2);
    expect(await y.data()).to.deep.equal(Float32Array.of(5.5, 11.5, 7.5, 13.5));
    expect(x.sum().item()).to.equal(10);
    expect(await x.mean(0).data()).to.deep.equal(Float32Array.of(2, 3));
    expect(x.matmul(x).shape).to.deep.equal([2, 2]);
    expect([x.ndim, x.sum().ndim]).to.deep.equal([2, 0]);
  });

  it("keeps integers integers when a whole number is added", () => {
    expect(tensor(Int32Array.of(1)).add(2).dtype).to.equal("int32");
    expect(tensor(Int32Array.of(1)).add(0.5).dtype).to.equal("float32");
  });

  it("gives item() only for one element", () => {
    expect(tensor(BigInt64Array.of(5n)).item()).to.equal(5);
    expect(caught(() => tensor([1, 2]).item()).message).to.match(/one element, got shape \[2\]/);
  });

  it("converts with to()", () => {
    const x = tensor([1]);
    expect(x.to("float64").dtype).to.equal("float64");
    expect(x.to("cpu").device).to.equal("cpu");
  });

  it("accumulates gradients until they are cleared", async () => {
    const x = tensor([2, 3], { requiresGrad: true });
    expect(x.grad).to.equal(null);
    await x.mul(x).sum().backward();
    await x.mul(x).sum().backward();
    expect(await x.grad!.data()).to.deep.equal(Float32Array.of(8, 12));
    x.grad = null;
    expect(x.grad).to.equal(null);
  });

  it("takes a gradient for results with more than one element", async () => {
    const x = tensor([2, 3], { requiresGrad: true });
    const y = x.mul(x);
    expect((await rejected(y.backward())).code).to.equal("ERR_SHAPE");
    await y.backward({ gradient: tensor([1, 10]) });
    expect(await x.grad!.data()).to.deep.equal(Float32Array.of(4, 60));
  });

  it("records nothing in noGrad, across awaits, and does not leak out of it", async () => {
    const x = tensor([1], { requiresGrad: true });
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const inside = noGrad(async () => {
      await gate;
      return x.mul(2).requiresGrad;
    });
    expect(x.mul(2).requiresGrad).to.equal(true);
    release();
    expect(await inside).to.equal(false);
    expect(x.mul(2).requiresGrad).to.equal(true);
  });
});

describe("ops()", () => {
  it("reaches any operator, with options by name, lists, dtypes and several results", async () => {
    const x = tensor([3, 1, 2]);
    expect(await (ops("aten::add.Tensor", x, x, { alpha: 2 }) as Tensor).data()).to.deep.equal(
      Float32Array.of(9, 3, 6),
    );
    const [values, indices] = ops("aten::sort", x) as [Tensor, Tensor];
    expect(await values.data()).to.deep.equal(Float32Array.of(1, 2, 3));
    expect(await indices.data()).to.deep.equal(BigInt64Array.of(1n, 2n, 0n));
    expect((ops("aten::cat", [x, x]) as Tensor).shape).to.deep.equal([6]);
    expect((ops("aten::zeros", [2, 2], { dtype: "int64" }) as Tensor).dtype).to.equal("int64");
    expect((ops("aten::split.Tensor", x, 2) as Tensor[]).map((part) => part.shape)).to.deep.equal([[2], [1]]);
  });

  it("names the operator and what it wants when an argument is wrong", () => {
    const x = tensor([1]);
    const unknown = caught(() => ops("aten::ad.Tensor", x, x));
    expect(unknown).to.include({ code: "ERR_ARGUMENT", op: "aten::ad.Tensor" });
    expect(caught(() => ops("aten::add", x)).message).to.match(/there are .*aten::add\.Tensor/);
    expect(caught(() => ops("aten::add.Tensor", x)).message).to.match(/other is missing/);
    expect(caught(() => ops("aten::relu", "x")).message).to.match(/self must be a Tensor/);
    expect(caught(() => ops("aten::relu", x, { beta: 1 })).message).to.match(/not of this operator/);
    const matmul = caught(() => ops("aten::matmul", tensor([[1, 2]]), tensor([[1, 2]])));
    expect(matmul.code).to.equal("ERR_TORCH");
    expect(matmul.message)
      .to.match(/shapes cannot be multiplied/)
      .and.not.match(/Exception raised from|frame #/);
  });

  it("does not accept a look-alike for a tensor", () => {
    expect(caught(() => ops("aten::relu", new Generator(1))).message).to.match(/self must be a Tensor/);
    const fake = Object.create(Tensor.prototype) as Tensor;
    expect(() => ops("aten::relu", fake)).to.throw();
    expect(() => fake.shape).to.throw();
  });
});

describe("dispose()", () => {
  it("frees a leaf with its gradient, which nothing else keeps", async () => {
    const before = await settledMemory();
    const x = zeros([1000]);
    const leaf = x.withGrad();
    const sum = leaf.sum();
    await sum.backward();
    for (const made of [leaf, sum, x]) made.dispose();
    expect(heldMemory()).to.deep.equal(before);
  });

  it("frees, may be repeated, and makes later use an error", () => {
    const before = heldMemory();
    const x = zeros([1000]);
    expect(memory().bytes - before.bytes).to.equal(4000);
    x.dispose();
    x.dispose();
    expect(heldMemory()).to.deep.equal(before);
    expect(x.disposed).to.equal(true);
    expect(String(x)).to.equal("Tensor(disposed)");
    expect(caught(() => x.add(1)).code).to.equal("ERR_DISPOSED");
    expect(caught(() => x.shape).code).to.equal("ERR_DISPOSED");
  });

  it("charges shared memory once, until its last handle goes", () => {
    const before = heldMemory();
    const x = zeros([1000]);
    const view = x.reshape([10, 100]);
    expect(memory().bytes - before.bytes).to.equal(4000);
    x.dispose();
    expect(memory().bytes - before.bytes).to.equal(4000);
    view.dispose();
    expect(heldMemory()).to.deep.equal(before);
  });

  it("works with using", () => {
    const before = heldMemory();
    {
      using x = zeros([10]);
      expect(x.disposed).to.equal(false);
    }
    expect(heldMemory()).to.deep.equal(before);
  });

  it("is safe while the tensor is in use by work that has been asked for", async () => {
    const x = tensor(new Float32Array(1000).fill(2));
    const data = x.data();
    x.dispose();
    expect((await data)[999]).to.equal(2);
  });
});

describe("tidy()", () => {
  it("disposes what was made in it but not what it returns, however nested", () => {
    const before = heldMemory();
    const result = tidy(() => {
      const a = zeros([2]);
      const b = a.add(1);
      return { list: [b], map: new Map([["c", b.mul(2)]]) };
    });
    expect(memory().tensors - before.tensors).to.equal(2);
    result.list[0]!.dispose();
    result.map.get("c")!.dispose();
    expect(heldMemory()).to.deep.equal(before);
  });

  it("does not mix interleaved async scopes, and hands results to the scope around it", async () => {
    const before = await settledMemory();
    const slow = async (value: number) =>
      tidy(async () => {
        const x = tensor([value]);
        const y = x.add(1);
        await y.data();
        await x.data();
        return y;
      });
    await tidy(async () => {
      const [a, b] = await Promise.all([slow(1), slow(10)]);
      expect([a.item(), b.item()]).to.deep.equal([2, 11]);
    });
    expect(heldMemory()).to.deep.equal(before);
  });

  it("disposes everything when the function throws or rejects", async () => {
    const before = await settledMemory();
    const fail = () => {
      zeros([2]);
      throw new Error("stop");
    };
    expect(() => tidy(fail)).to.throw("stop");
    await tidy(async () => {
      zeros([2]);
      await Promise.reject(new Error("stop"));
    }).catch(() => undefined);
    expect(heldMemory()).to.deep.equal(before);
  });
});

describe("McLossError", () => {
  it("is an Error with a stable code", () => {
    const error = caught(() => tensor([1]).reshape([2]));
    expect(error).to.be.instanceOf(McLossError).and.instanceOf(Error);
    expect(error.op).to.equal("aten::reshape");
  });
});
