import * as mcloss from "mutual-channel-loss/tensor";
import { tensor, type Dtype, type Tensor } from "mutual-channel-loss";
import { Generator, type NestedNumbers } from "mutual-channel-loss/tensor";
import type { Elements } from "./elements.js";

/** What a call gives: its elements, or only its shape where no formula is short. */
export type Expected = Elements | { shape: unknown };
export type Cases = Record<string, readonly [call: () => unknown, expected: Expected]>;

const of = (data: NestedNumbers, dtype: Dtype = "float64"): Tensor => tensor(data, { dtype });
const ints = (data: NestedNumbers): Tensor => of(data, "int64");
const mask = (data: NestedNumbers): Tensor => of(data, "bool");
const range = (...shape: number[]): Tensor =>
  mcloss
    .arange(shape.reduce((a, b) => a * b, 1))
    .reshape(shape)
    .to("float64");
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.log1p(Math.exp(x));
const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

/** Methods without arguments, as formulas of one number. */
const unary: Record<string, (x: number) => number> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  reciprocal: (x) => 1 / x,
  square: (x) => x * x,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  exp: Math.exp,
  exp2: (x) => 2 ** x,
  expm1: Math.expm1,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x)),
  frac: (x) => x - Math.trunc(x),
  logit: (x) => Math.log(x / (1 - x)),
  isnan: (x) => Number(Number.isNaN(x)),
  isinf: (x) => Number(Math.abs(x) === Infinity),
  isfinite: (x) => Number(Number.isFinite(x)),
  logicalNot: (x) => Number(x === 0),
  signbit: (x) => Number(x < 0),
  sinc: (x) => Math.sin(Math.PI * x) / (Math.PI * x),
  deg2rad: (x) => (x * Math.PI) / 180,
  rad2deg: (x) => (x * 180) / Math.PI,
};

/** Activations, which are methods and functions. */
const activations: Record<string, (x: number) => number> = {
  relu: (x) => Math.max(x, 0),
  sigmoid,
  tanh: Math.tanh,
  relu6: (x) => clamp(x, 0, 6),
  leakyRelu: (x) => (x > 0 ? x : 0.01 * x),
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  celu: (x) => (x > 0 ? x : Math.expm1(x)),
  silu: (x) => x * sigmoid(x),
  mish: (x) => x * Math.tanh(softplus(x)),
  softplus,
  hardtanh: (x) => clamp(x, -1, 1),
  hardsigmoid: (x) => clamp(x + 3, 0, 6) / 6,
  hardswish: (x) => (x * clamp(x + 3, 0, 6)) / 6,
  logSigmoid: (x) => -softplus(-x),
};

/** Methods of another tensor or number, as formulas of two numbers. */
const binary: Record<string, (x: number, y: number) => number> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  floorDivide: (x, y) => Math.floor(x / y),
  remainder: (x, y) => x - y * Math.floor(x / y),
  fmod: (x, y) => x % y,
  pow: (x, y) => x ** y,
  atan2: Math.atan2,
  hypot: Math.hypot,
  logaddexp: (x, y) => Math.log(Math.exp(x) + Math.exp(y)),
  maximum: Math.max,
  minimum: Math.min,
  fmax: Math.max,
  fmin: Math.min,
  copysign: (x, y) => Math.abs(x) * Math.sign(y),
  clampMin: Math.max,
  clampMax: Math.min,
  xlogy: (x, y) => x * Math.log(y),
  eq: (x, y) => Number(x === y),
  ne: (x, y) => Number(x !== y),
  lt: (x, y) => Number(x < y),
  le: (x, y) => Number(x <= y),
  gt: (x, y) => Number(x > y),
  ge: (x, y) => Number(x >= y),
};

/** What also writes into its tensor, as a method with "_" at its end. */
const UNARY_IN_PLACE = [
  ...["neg", "abs", "reciprocal", "square", "sqrt", "exp", "log", "floor", "ceil", "round", "trunc"],
  ...["relu", "sigmoid", "tanh", "leakyRelu"],
];
const BINARY_IN_PLACE = ["add", "sub", "mul", "div", "pow", "clampMin", "clampMax"];

type Elementwise = (...others: (Tensor | number)[]) => Tensor;
const surface = mcloss as unknown as Record<string, (...args: unknown[]) => unknown>;

/** A method by its name, for the tables above. */
function method(self: Tensor, name: string): Elementwise {
  return (self as unknown as Record<string, Elementwise>)[name]!.bind(self);
}

function elementwise(): Cases {
  const points = [-2.5, -0.6, 0.3, 0.5, 2.5, 7];
  const others = [1.5, 0.4, 0.3, 3, 2, 2];
  return {
    ...Object.fromEntries(
      Object.entries({ ...unary, ...activations }).map(([name, formula]) => [
        name,
        [() => method(of(points), name)(), points.map(formula)],
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(binary).map(([name, formula]) => [
        name,
        [
          () => [method(of(points), name)(of(others)), method(of(points), name)(2)],
          [points.map((x, i) => formula(x, others[i]!)), points.map((x) => formula(x, 2))],
        ],
      ]),
    ),
    ...Object.fromEntries(
      UNARY_IN_PLACE.map((name) => [
        `${name}_`,
        [() => written(of(points), name), points.map({ ...unary, ...activations }[name]!)],
      ]),
    ),
    ...Object.fromEntries(
      BINARY_IN_PLACE.map((name) => [
        `${name}_`,
        [
          () => [written(of(points), name, of(others)), written(of(points), name, 2)],
          [points.map((x, i) => binary[name]!(x, others[i]!)), points.map((x) => binary[name]!(x, 2))],
        ],
      ]),
    ),
  };
}

/** The tensor, after the method that writes into it. */
function written(self: Tensor, name: string, ...args: (Tensor | number)[]): Tensor {
  method(self, `${name}_`)(...args);
  return self;
}

const matrix = (): Tensor =>
  of([
    [4, 2],
    [2, 3],
  ]);

/** One call of every generated method. */
export const methodCases: Cases = {
  ...elementwise(),
  erf: [() => of([0, 0.5]).erf(), [0, 0.5204998778130465]],
  erfc: [() => of([0, 0.5]).erfc(), [1, 0.4795001221869535]],
  erfinv: [() => of([0, 0.5204998778130465]).erfinv(), [0, 0.5]],
  lgamma: [() => of([1, 5]).lgamma(), [0, Math.log(24)]],
  digamma: [() => of([1]).digamma(), [-0.5772156649015329]],
  gelu: [() => of([0, 1, -1]).gelu(), [0, 0.8413447460685429, -0.15865525393145707]],
  clamp: [
    () => [
      of([-2, 0, 5]).clamp(-1, 1),
      of([-2, 0, 5]).clamp(undefined, 2),
      of([-2, 0]).clamp(of([1, -1]), 3),
    ],
    [
      [-1, 0, 1],
      [-2, 0, 2],
      [1, 0],
    ],
  ],
  lerp: [
    () => [of([1, 2]).lerp(of([3, 6]), 0.5), of([1, 2]).lerp(of([3, 6]), of([0, 1]))],
    [
      [2, 4],
      [1, 6],
    ],
  ],
  addcmul: [() => of([1]).addcmul(of([2]), of([3]), { value: 2 }), [13]],
  addcdiv: [() => of([1]).addcdiv(of([6]), of([3])), [3]],
  nanToNum: [() => of([NaN, Infinity, 1]).nanToNum({ nan: 7, posinf: 8 }), [7, 8, 1]],
  bitwiseAnd: [() => [ints([6]).bitwiseAnd(3), ints([6]).bitwiseAnd(ints([4]))], [[2], [4]]],
  bitwiseOr: [() => ints([6]).bitwiseOr(3), [7]],
  bitwiseXor: [() => ints([6]).bitwiseXor(3), [5]],
  bitwiseNot: [() => ints([6]).bitwiseNot(), [-7]],
  logicalAnd: [() => of([0, 1, 2]).logicalAnd(of([1, 0, 3])), [0, 0, 1]],
  logicalOr: [() => of([0, 1, 0]).logicalOr(of([1, 0, 0])), [1, 1, 0]],
  logicalXor: [() => of([0, 1, 2]).logicalXor(of([1, 0, 3])), [1, 1, 0]],
  isclose: [() => of([1, 2]).isclose(of([1.05, 2.5]), { rtol: 0.1 }), [1, 0]],
  allclose: [() => of([1, 2]).allclose(of([1, 2 + 1e-9])), true],
  equal: [() => of([1, 2]).equal(of([1, 3])), false],
  prod: [
    () => [range(2, 3).add(1).prod(), range(2, 3).add(1).prod(1, { keepdim: true })],
    [720, [[6], [120]]],
  ],
  max: [
    () => [range(2, 3).max(), range(2, 3).max(1)],
    [
      5,
      [
        [2, 5],
        [2, 2],
      ],
    ],
  ],
  min: [() => [range(2, 3).min(), range(2, 3).min(0, { keepdim: true })], [0, [[[0, 1, 2]], [[0, 0, 0]]]]],
  median: [
    () => [range(2, 3).median(), range(2, 3).median(1)],
    [
      2,
      [
        [1, 4],
        [1, 1],
      ],
    ],
  ],
  mode: [() => of([3, 1, 3]).mode().values, 3],
  amax: [() => range(2, 3).amax([0, 1]), 5],
  amin: [() => range(2, 3).amin(1, { keepdim: true }), [[0], [3]]],
  argmax: [() => [of([1, 5, 2]).argmax(), range(2, 3).argmax(1)], [1, [2, 2]]],
  argmin: [() => of([1, 5, 0]).argmin(), 2],
  all: [() => [range(2, 2).all(), range(2, 2).all(1)], [0, [0, 1]]],
  any: [() => range(2, 1).any(1), [0, 1]],
  std: [() => [of([1, 3]).std(), of([1, 3]).std(0, { correction: 0 })], [Math.SQRT2, 1]],
  var: [() => of([1, 3]).var(), 2],
  norm: [() => [of([3, 4]).norm(), of([3, -4]).norm(1, 0)], [5, 7]],
  logsumexp: [() => of([0, 0]).logsumexp(0), Math.LN2],
  cumsum: [() => of([1, 2, 3]).cumsum(0), [1, 3, 6]],
  cumprod: [() => of([1, 2, 3]).cumprod(0), [1, 2, 6]],
  logcumsumexp: [() => of([0, 0]).logcumsumexp(0), [0, Math.LN2]],
  cummax: [
    () => of([1, 3, 2]).cummax(0),
    [
      [1, 3, 3],
      [0, 1, 1],
    ],
  ],
  cummin: [
    () => of([2, 3, 1]).cummin(0),
    [
      [2, 2, 1],
      [0, 0, 2],
    ],
  ],
  countNonzero: [() => [of([0, 1, 2]).countNonzero(), range(2, 2).countNonzero(0)], [2, [1, 2]]],
  nansum: [() => of([NaN, 2]).nansum(), 2],
  nanmean: [() => of([NaN, 2, 4]).nanmean(), 3],
  quantile: [() => [of([1, 2, 3]).quantile(0.25), of([1, 2, 3]).quantile(of([0, 1]))], [1.5, [1, 3]]],
  sort: [
    () => of([3, 1, 2]).sort(0, { descending: true }),
    [
      [3, 2, 1],
      [0, 2, 1],
    ],
  ],
  argsort: [() => of([3, 1, 2]).argsort(), [1, 2, 0]],
  topk: [
    () => of([3, 1, 2]).topk(2),
    [
      [3, 2],
      [0, 2],
    ],
  ],
  kthvalue: [() => of([3, 1, 2]).kthvalue(2), [2, 2]],
  unique: [
    () => of([3, 1, 3]).unique({ returnInverse: true, returnCounts: true }),
    [
      [1, 3],
      [1, 0, 1],
      [1, 2],
    ],
  ],
  bincount: [() => ints([0, 2, 2]).bincount(), [1, 0, 2]],
  histc: [() => of([0, 1, 3]).histc(2, { min: 0, max: 4 }), [2, 1]],
  bucketize: [() => of([1, 3]).bucketize(of([2, 4])), [0, 1]],
  diff: [() => of([1, 4, 9]).diff(), [3, 5]],
  trace: [() => matrix().trace(), 7],
  reshape: [
    () => range(4).reshape([2, -1]),
    [
      [0, 1],
      [2, 3],
    ],
  ],
  view: [
    () => range(4).view([2, 2]),
    [
      [0, 1],
      [2, 3],
    ],
  ],
  viewAs: [
    () => range(4).viewAs(matrix()),
    [
      [0, 1],
      [2, 3],
    ],
  ],
  permute: [() => range(1, 2, 3).permute([2, 0, 1]), { shape: [3, 1, 2] }],
  transpose: [
    () => range(2, 2).transpose(0, 1),
    [
      [0, 2],
      [1, 3],
    ],
  ],
  t: [
    () => range(2, 2).t(),
    [
      [0, 2],
      [1, 3],
    ],
  ],
  flatten: [() => [range(2, 2).flatten(), range(1, 2, 1).flatten(1)], [[0, 1, 2, 3], [[0, 1]]]],
  unflatten: [
    () => range(4).unflatten(0, [2, 2]),
    [
      [0, 1],
      [2, 3],
    ],
  ],
  squeeze: [
    () => [range(1, 2, 1).squeeze(), range(1, 2, 1).squeeze(0)],
    [
      [0, 1],
      [[0], [1]],
    ],
  ],
  unsqueeze: [() => range(2).unsqueeze(1), [[0], [1]]],
  expand: [
    () => of([1]).expand([2, 2]),
    [
      [1, 1],
      [1, 1],
    ],
  ],
  expandAs: [() => of([1]).expandAs(of([1, 2])), [1, 1]],
  broadcastTo: [() => of([1]).broadcastTo([3]), [1, 1, 1]],
  repeat: [
    () => range(2).repeat([2, 1]),
    [
      [0, 1],
      [0, 1],
    ],
  ],
  tile: [() => range(2).tile(2), [0, 1, 0, 1]],
  repeatInterleave: [
    () => [range(2).repeatInterleave(2), range(2).repeatInterleave(ints([1, 2]))],
    [
      [0, 0, 1, 1],
      [0, 1, 1],
    ],
  ],
  flip: [() => range(3).flip([0]), [2, 1, 0]],
  roll: [() => range(3).roll(1), [2, 0, 1]],
  rot90: [
    () => range(2, 2).rot90(),
    [
      [1, 3],
      [0, 2],
    ],
  ],
  narrow: [() => range(4).narrow(0, 1, 2), [1, 2]],
  select: [() => range(2, 2).select(0, 1), [2, 3]],
  split: [
    () => [range(3).split(2), range(3).split([1, 2])],
    [
      [[0, 1], [2]],
      [[0], [1, 2]],
    ],
  ],
  chunk: [
    () => range(4).chunk(2),
    [
      [0, 1],
      [2, 3],
    ],
  ],
  tensorSplit: [
    () => [range(3).tensorSplit(2), range(3).tensorSplit([1])],
    [
      [[0, 1], [2]],
      [[0], [1, 2]],
    ],
  ],
  unbind: [() => range(2, 1).unbind(), [[0], [1]]],
  movedim: [
    () => [range(1, 2, 3).movedim(0, 2), range(1, 2, 3).movedim([0, 1], [2, 0])],
    {
      shape: [
        [2, 3, 1],
        [2, 3, 1],
      ],
    },
  ],
  diagonal: [() => matrix().diagonal(), [4, 3]],
  diag: [
    () => of([1, 2]).diag(),
    [
      [1, 0],
      [0, 2],
    ],
  ],
  diagEmbed: [
    () => of([1, 2]).diagEmbed(),
    [
      [1, 0],
      [0, 2],
    ],
  ],
  tril: [
    () => matrix().tril(),
    [
      [4, 0],
      [2, 3],
    ],
  ],
  triu: [
    () => matrix().triu(1),
    [
      [0, 2],
      [0, 0],
    ],
  ],
  contiguous: [
    () => range(2, 2).t().contiguous(),
    [
      [0, 2],
      [1, 3],
    ],
  ],
  gather: [() => range(2, 2).gather(1, ints([[1], [0]])), [[1], [2]]],
  scatter: [
    () => [of([0, 0]).scatter(0, ints([1]), of([5])), of([0, 0]).scatter(0, ints([1]), 6)],
    [
      [0, 5],
      [0, 6],
    ],
  ],
  scatterAdd: [() => of([1, 1]).scatterAdd(0, ints([1, 1]), of([2, 3])), [1, 6]],
  indexSelect: [() => range(3).indexSelect(0, ints([2, 0])), [2, 0]],
  indexAdd: [() => of([1, 1]).indexAdd(0, ints([1]), of([2]), { alpha: 3 }), [1, 7]],
  maskedFill: [
    () => [of([1, 2]).maskedFill(mask([0, 1]), 9), of([1, 2]).maskedFill(mask([1, 0]), of(8))],
    [
      [1, 9],
      [8, 2],
    ],
  ],
  maskedSelect: [() => of([1, 2]).maskedSelect(mask([0, 1])), [2]],
  maskedScatter: [() => of([1, 2]).maskedScatter(mask([0, 1]), of([9])), [1, 9]],
  take: [() => range(2, 2).take(ints([3])), [3]],
  takeAlongDim: [() => range(2, 2).takeAlongDim(ints([[1], [0]]), 1), [[1], [2]]],
  nonzero: [() => of([0, 4, 5]).nonzero(), [[1], [2]]],
  unfold: [
    () => range(4).unfold(0, 2, 1),
    [
      [0, 1],
      [1, 2],
      [2, 3],
    ],
  ],
  clone: [() => of([1]).clone(), [1]],
  detach: [() => of([1]).detach(), [1]],
  matmul: [() => matrix().matmul(of([1, 2])), [8, 8]],
  mm: [
    () => matrix().mm(matrix()),
    [
      [20, 14],
      [14, 13],
    ],
  ],
  bmm: [
    () => matrix().unsqueeze(0).bmm(matrix().unsqueeze(0)),
    [
      [
        [20, 14],
        [14, 13],
      ],
    ],
  ],
  mv: [() => matrix().mv(of([1, 2])), [8, 8]],
  dot: [() => of([1, 2]).dot(of([3, 4])), 11],
  outer: [
    () => of([1, 2]).outer(of([3, 4])),
    [
      [3, 4],
      [6, 8],
    ],
  ],
  kron: [() => of([1, 2]).kron(of([1, 10])), [1, 10, 2, 20]],
  addmm: [
    () => matrix().addmm(matrix(), matrix(), { beta: 0.5 }),
    [
      [22, 15],
      [15, 14.5],
    ],
  ],
  baddbmm: [() => range(1, 1, 1).baddbmm(range(1, 1, 2), range(1, 2, 1), { alpha: 2 }), [[[2]]]],
  inverse: [
    () => matrix().inverse(),
    [
      [0.375, -0.25],
      [-0.25, 0.5],
    ],
  ],
  det: [() => matrix().det(), 8],
  logdet: [() => matrix().logdet(), Math.log(8)],
  softmax: [() => of([0, Math.log(3)]).softmax(0), [0.25, 0.75]],
  logSoftmax: [() => of([0, 0]).logSoftmax(0), [-Math.LN2, -Math.LN2]],
  bernoulli: [
    () => [of([0, 1]).bernoulli(), of([0, 1]).bernoulli(1)],
    [
      [0, 1],
      [1, 1],
    ],
  ],
  multinomial: [() => of([0, 1, 0]).multinomial(1, { generator: new Generator(1) }), [1]],
  poisson: [() => of([0, 0]).poisson(), [0, 0]],
  nanmedian: [() => [of([NaN, 2, 4, 6]).nanmedian(), of([[NaN, 3]]).nanmedian(1)], [4, [[3], [1]]]],
  aminmax: [
    () => [of([3, 1, 2]).aminmax(), range(2, 2).aminmax({ dim: 0 }).max],
    [
      [1, 3],
      [2, 3],
    ],
  ],
  nanquantile: [() => of([NaN, 1, 3]).nanquantile(0.5), 2],
  renorm: [() => of([[3, 4]]).renorm(2, 0, 1), [[0.6, 0.8]]],
  corrcoef: [
    () =>
      of([
        [1, 2],
        [2, 1],
      ]).corrcoef(),
    [
      [1, -1],
      [-1, 1],
    ],
  ],
  numel: [() => range(2, 3).numel(), 6],
  size: [() => range(2, 3).size(-1), 3],
  stride: [() => range(2, 3).stride(0), 3],
  asStrided: [
    () => range(4).asStrided([2, 2], [1, 1], { storageOffset: 1 }),
    [
      [1, 2],
      [2, 3],
    ],
  ],
  ravel: [() => range(2, 2).ravel(), [0, 1, 2, 3]],
  fliplr: [
    () => range(2, 2).fliplr(),
    [
      [1, 0],
      [3, 2],
    ],
  ],
  flipud: [
    () => range(2, 2).flipud(),
    [
      [2, 3],
      [0, 1],
    ],
  ],
  scatterReduce: [() => of([1, 1]).scatterReduce(0, ints([1, 1]), of([5, 7]), "amax"), [1, 7]],
  indexCopy: [() => of([1, 2]).indexCopy(0, ints([1]), of([9])), [1, 9]],
  indexFill: [
    () => [of([1, 2]).indexFill(0, ints([1]), 9), of([1, 2]).indexFill(0, ints([0]), of(8))],
    [
      [1, 9],
      [8, 2],
    ],
  ],
  inner: [() => matrix().inner(of([1, 2])), [8, 8]],
  addmv: [() => of([1, 1]).addmv(matrix(), of([1, 2]), { alpha: 2 }), [17, 17]],
  pinverse: [
    () => matrix().pinverse(),
    [
      [0.375, -0.25],
      [-0.25, 0.5],
    ],
  ],
  matrixExp: [() => of([[1]]).matrixExp(), [[Math.E]]],
  ...inPlace(),
};

/** Methods that write into their tensor, beyond the element-wise ones. */
function inPlace(): Cases {
  const seeded = () => ({ generator: new Generator(1) });
  return {
    clamp_: [() => of([-2, 0, 5]).clamp_(-1, 1), [-1, 0, 1]],
    lerp_: [() => of([1, 2]).lerp_(of([3, 6]), 0.5), [2, 4]],
    addcmul_: [() => of([1]).addcmul_(of([2]), of([3]), { value: 2 }), [13]],
    addcdiv_: [() => of([1]).addcdiv_(of([6]), of([3])), [3]],
    nanToNum_: [() => of([NaN, 1]).nanToNum_({ nan: 7 }), [7, 1]],
    tril_: [
      () => matrix().tril_(),
      [
        [4, 0],
        [2, 3],
      ],
    ],
    triu_: [
      () => matrix().triu_(1),
      [
        [0, 2],
        [0, 0],
      ],
    ],
    scatter_: [() => of([0, 0]).scatter_(0, ints([1]), 6), [0, 6]],
    scatterAdd_: [() => of([1, 1]).scatterAdd_(0, ints([1, 1]), of([2, 3])), [1, 6]],
    indexAdd_: [() => of([1, 1]).indexAdd_(0, ints([1]), of([2]), { alpha: 3 }), [1, 7]],
    indexCopy_: [() => of([1, 2]).indexCopy_(0, ints([1]), of([9])), [1, 9]],
    indexFill_: [() => of([1, 2]).indexFill_(0, ints([1]), 9), [1, 9]],
    maskedFill_: [() => of([1, 2]).maskedFill_(mask([0, 1]), 9), [1, 9]],
    copy_: [() => of([1, 2]).copy_(of([9])), [9, 9]],
    fill_: [
      () => [of([1, 2]).fill_(7), of([1, 2]).fill_(of(8))],
      [
        [7, 7],
        [8, 8],
      ],
    ],
    zero_: [() => of([1, 2]).zero_(), [0, 0]],
    uniform_: [() => of([0]).uniform_(2, 3, seeded()).floor(), [2]],
    normal_: [() => of([0]).normal_(5, 0, seeded()), [5]],
    bernoulli_: [() => of([0]).bernoulli_(1, seeded()), [1]],
    exponential_: [() => of([-1]).exponential_(1, seeded()).ge(0), [1]],
  };
}

const picture = (): Tensor => range(1, 1, 2, 2);
const ones = (...shape: number[]): Tensor => mcloss.ones(shape, { dtype: "float64" });
const normalised = 1 / Math.sqrt(1 + 1e-5);

/** One call of every generated function. */
export const functionCases: Cases = {
  ...Object.fromEntries(
    Object.entries(activations).map(([name, formula]) => [
      name,
      [() => surface[name]!(of([-1, 0.5, 4])), [-1, 0.5, 4].map(formula)],
    ]),
  ),
  gelu: [() => mcloss.gelu(of([0, 1])), [0, 0.8413447460685429]],
  softmax: [() => mcloss.softmax(of([0, Math.log(3)]), 0), [0.25, 0.75]],
  logSoftmax: [() => mcloss.logSoftmax(of([0, 0]), 0), [-Math.LN2, -Math.LN2]],
  glu: [() => mcloss.glu(of([3, 0])), [1.5]],
  prelu: [() => mcloss.prelu(of([-2, 2]), of([0.5])), [-1, 2]],
  threshold: [() => mcloss.threshold(of([0, 2]), 1, 9), [9, 2]],
  dropout: [
    () => [mcloss.dropout(of([1, 2]), 0.5, false), mcloss.dropout(of([1, 2]), 1)],
    [
      [1, 2],
      [0, 0],
    ],
  ],
  dropout2d: [() => mcloss.dropout2d(ones(1, 2, 1, 1), 1), [[[[0]], [[0]]]]],
  alphaDropout: [() => mcloss.alphaDropout(of([1, 2]), 0.5, false), [1, 2]],
  where: [() => [mcloss.where(mask([1, 0]), 1, of([5, 6])), mcloss.where(mask([0, 1]))], [[1, 6], [[1]]]],
  stdMean: [() => mcloss.stdMean(of([1, 3])), [Math.SQRT2, 2]],
  varMean: [() => mcloss.varMean(of([1, 3])).mean, 2],
  searchsorted: [() => mcloss.searchsorted(of([1, 3, 5]), of([3]), { right: true }), [2]],
  cdist: [() => mcloss.cdist(of([[0, 0]]), of([[3, 4]])), [[5]]],
  cat: [() => mcloss.cat([range(1, 2), range(1, 2)], 1), [[0, 1, 0, 1]]],
  stack: [
    () => mcloss.stack([range(2), range(2)]),
    [
      [0, 1],
      [0, 1],
    ],
  ],
  hstack: [() => mcloss.hstack([range(1), range(2)]), [0, 0, 1]],
  vstack: [
    () => mcloss.vstack([range(2), range(2)]),
    [
      [0, 1],
      [0, 1],
    ],
  ],
  dstack: [() => mcloss.dstack([range(1), range(1)]), [[[0, 0]]]],
  blockDiag: [
    () => mcloss.blockDiag([of([[1]]), of([[2]])]),
    [
      [1, 0],
      [0, 2],
    ],
  ],
  cartesianProd: [
    () => mcloss.cartesianProd([range(2), of([7])]),
    [
      [0, 7],
      [1, 7],
    ],
  ],
  meshgrid: [() => mcloss.meshgrid([range(2), of([7])], { indexing: "xy" }), [[[0, 1]], [[7, 7]]]],
  pad: [() => mcloss.pad(range(2), [1, 0], { value: 9 }), [9, 0, 1]],
  pixelShuffle: [
    () => mcloss.pixelShuffle(range(1, 4, 1, 1), 2),
    [
      [
        [
          [0, 1],
          [2, 3],
        ],
      ],
    ],
  ],
  pixelUnshuffle: [() => mcloss.pixelUnshuffle(picture(), 2), [[[[0]], [[1]], [[2]], [[3]]]]],
  matmul: [() => mcloss.matmul(matrix(), of([1, 2])), [8, 8]],
  einsum: [() => mcloss.einsum("ij,j->i", [matrix(), of([1, 2])]), [8, 8]],
  tensordot: [() => mcloss.tensordot(matrix(), matrix(), [0, 1], [0, 1]), 33],
  linalgSlogdet: [() => mcloss.linalgSlogdet(matrix()), [1, Math.log(8)]],
  linalgSolve: [() => mcloss.linalgSolve(matrix(), of([8, 8])), [1, 2]],
  linalgQr: [
    () => mcloss.linalgQr(of([[-2]])),
    {
      shape: [
        [1, 1],
        [1, 1],
      ],
    },
  ],
  linalgSvd: [
    () =>
      mcloss.linalgSvd(
        of([
          [3, 0],
          [0, 4],
        ]),
      ).S,
    [4, 3],
  ],
  linalgEigh: [
    () =>
      mcloss.linalgEigh(
        of([
          [3, 0],
          [0, 4],
        ]),
      ).eigenvalues,
    [3, 4],
  ],
  linalgCholesky: [
    () => mcloss.linalgCholesky(matrix()),
    [
      [2, 0],
      [1, Math.SQRT2],
    ],
  ],
  linalgMatrixPower: [
    () => mcloss.linalgMatrixPower(matrix(), 2),
    [
      [20, 14],
      [14, 13],
    ],
  ],
  linalgCross: [() => mcloss.linalgCross(of([1, 0, 0]), of([0, 1, 0])), [0, 0, 1]],
  linalgVectorNorm: [() => mcloss.linalgVectorNorm(of([3, 4])), 5],
  linalgInv: [() => mcloss.linalgInv(of([[2]])), [[0.5]]],
  linalgDet: [() => mcloss.linalgDet(matrix()), 8],
  linalgNorm: [() => mcloss.linalgNorm(of([3, 4])), 5],
  linalgPinv: [() => mcloss.linalgPinv(of([[2]])), [[0.5]]],
  linalgMatrixRank: [() => mcloss.linalgMatrixRank(matrix()), 2],
  linalgLstsq: [() => mcloss.linalgLstsq(matrix(), of([[8], [8]])).solution, [[1], [2]]],
  linalgSvdvals: [() => mcloss.linalgSvdvals(of([[3]])), [3]],
  linalgEigvalsh: [() => mcloss.linalgEigvalsh(of([[3]])), [3]],
  linalgMultiDot: [() => mcloss.linalgMultiDot([matrix(), of([[1], [2]])]), [[8], [8]]],
  conv1d: [() => mcloss.conv1d(range(1, 1, 3), ones(1, 1, 2), of([1])), [[[2, 4]]]],
  conv2d: [() => mcloss.conv2d(picture(), ones(1, 1, 2, 2), null, { padding: [0, 1] }), [[[[2, 6, 4]]]]],
  conv3d: [() => mcloss.conv3d(range(1, 1, 1, 1, 2), ones(1, 1, 1, 1, 2)), [[[[[1]]]]]],
  convTranspose1d: [() => mcloss.convTranspose1d(range(1, 1, 2), ones(1, 1, 2)), [[[0, 1, 1]]]],
  convTranspose2d: [() => mcloss.convTranspose2d(range(1, 1, 1, 2), ones(1, 1, 1, 2)), [[[[0, 1, 1]]]]],
  convTranspose3d: [
    () => mcloss.convTranspose3d(range(1, 1, 1, 1, 2), ones(1, 1, 1, 1, 2)),
    [[[[[0, 1, 1]]]]],
  ],
  linear: [() => mcloss.linear(of([1, 2]), of([[3, 4]]), of([5])), [16]],
  embedding: [() => mcloss.embedding(ints([1]), range(2, 2)), [[2, 3]]],
  oneHot: [
    () => mcloss.oneHot(ints([1, 0]), 2),
    [
      [0, 1],
      [1, 0],
    ],
  ],
  maxPool1d: [() => mcloss.maxPool1d(range(1, 4), 2), [[1, 3]]],
  maxPool2d: [() => mcloss.maxPool2d(picture(), 2), [[[[3]]]]],
  maxPool3d: [() => mcloss.maxPool3d(range(1, 1, 2, 2, 2), 2), [[[[[7]]]]]],
  avgPool1d: [() => mcloss.avgPool1d(range(1, 4), 2), [[0.5, 2.5]]],
  avgPool2d: [() => mcloss.avgPool2d(picture(), 2, { stride: 1 }), [[[[1.5]]]]],
  avgPool3d: [() => mcloss.avgPool3d(range(1, 1, 2, 2, 2), 2), [[[[[3.5]]]]]],
  adaptiveAvgPool1d: [() => mcloss.adaptiveAvgPool1d(range(1, 4), 2), [[0.5, 2.5]]],
  adaptiveAvgPool2d: [() => mcloss.adaptiveAvgPool2d(picture(), 1), [[[[1.5]]]]],
  adaptiveAvgPool3d: [() => mcloss.adaptiveAvgPool3d(range(1, 1, 2, 2, 2), 1), [[[[[3.5]]]]]],
  maxPool2dWithIndices: [() => mcloss.maxPool2dWithIndices(picture(), 2), [[[[[3]]]], [[[[3]]]]]],
  adaptiveMaxPool2d: [() => mcloss.adaptiveMaxPool2d(picture(), 1).values, [[[[3]]]]],
  adaptiveMaxPool1d: [() => mcloss.adaptiveMaxPool1d(range(1, 4), 1), [[[3]], [[3]]]],
  adaptiveMaxPool3d: [() => mcloss.adaptiveMaxPool3d(range(1, 1, 2, 2, 2), 1).values, [[[[[7]]]]]],
  maxUnpool2d: [() => mcloss.maxUnpool2d(of([[[[3]]]]), ints([[[[1]]]]), [1, 2]), [[[[0, 3]]]]],
  gridSample: [
    () => [
      mcloss.gridSample(picture(), of([[[[0, 0]]]])),
      mcloss.gridSample(picture(), of([[[[9, 9]]]]), { interpolationMode: "nearest", paddingMode: "border" }),
    ],
    [[[[[1.5]]]], [[[[3]]]]],
  ],
  affineGrid: [
    () =>
      mcloss.affineGrid(
        of([
          [
            [1, 0, 0.5],
            [0, 1, 0],
          ],
        ]),
        [1, 1, 1, 1],
      ),
    [[[[0.5, 0]]]],
  ],
  fold: [() => mcloss.fold(ones(1, 2, 1), [1, 2], [1, 2]), [[[[1, 1]]]]],
  channelShuffle: [() => mcloss.channelShuffle(range(1, 4, 1, 1), 2), [[[[0]], [[2]], [[1]], [[3]]]]],
  upsampleNearest2d: [
    () => mcloss.upsampleNearest2d(range(1, 1, 1, 2), { outputSize: [1, 4] }),
    [[[[0, 0, 1, 1]]]],
  ],
  upsampleBilinear2d: [
    () => mcloss.upsampleBilinear2d(range(1, 1, 1, 2), { outputSize: [1, 3], alignCorners: true }),
    [[[[0, 0.5, 1]]]],
  ],
  upsampleBicubic2d: [
    () => mcloss.upsampleBicubic2d(picture(), { scaleFactors: [2, 2] }),
    { shape: [1, 1, 4, 4] },
  ],
  unfold: [() => mcloss.unfold(picture(), 2), [[[0], [1], [2], [3]]]],
  batchNorm: [
    () => [
      mcloss.batchNorm(of([[1], [3]]), of([1]), of([1])),
      mcloss.batchNorm(of([[1], [3]]), null, null, { training: true }),
    ],
    [
      [[0], [2 * normalised]],
      [[-normalised], [normalised]],
    ],
  ],
  instanceNorm: [() => mcloss.instanceNorm(of([[[1, 3]]])), [[[-normalised, normalised]]]],
  layerNorm: [() => mcloss.layerNorm(of([1, 3]), [2]), [-normalised, normalised]],
  groupNorm: [
    () => mcloss.groupNorm(of([[1, 3]]), 1, { weight: of([1, 2]) }),
    [[-normalised, 2 * normalised]],
  ],
  rmsNorm: [() => mcloss.rmsNorm(of([1, 7]), [2], { eps: 0 }), [0.2, 1.4]],
  scaledDotProductAttention: [
    () => mcloss.scaledDotProductAttention(ones(1, 1, 1), ones(1, 2, 1), range(1, 2, 1)),
    [[[0.5]]],
  ],
  cosineSimilarity: [() => mcloss.cosineSimilarity(of([1, 0]), of([1, 1]), { dim: 0 }), Math.SQRT1_2],
  pairwiseDistance: [() => mcloss.pairwiseDistance(of([[0, 0]]), of([[3, 4]]), { eps: 0 }), [5]],
  crossEntropy: [
    () =>
      mcloss.crossEntropy(
        of([
          [0, 0],
          [0, 0],
        ]),
        ints([0, 1]),
        { reduction: "sum" },
      ),
    2 * Math.LN2,
  ],
  nllLoss: [() => mcloss.nllLoss(of([[-1, -2]]), ints([1])), 2],
  mseLoss: [() => mcloss.mseLoss(of([1, 2]), of([3, 2])), 2],
  l1Loss: [() => mcloss.l1Loss(of([1, 2]), of([3, 2]), { reduction: "none" }), [2, 0]],
  smoothL1Loss: [() => mcloss.smoothL1Loss(of([0, 0]), of([0.5, 2]), { reduction: "none" }), [0.125, 1.5]],
  huberLoss: [() => mcloss.huberLoss(of([0]), of([3]), { delta: 2 }), 4],
  binaryCrossEntropy: [() => mcloss.binaryCrossEntropy(of([0.5]), of([1])), Math.LN2],
  binaryCrossEntropyWithLogits: [
    () => mcloss.binaryCrossEntropyWithLogits(of([0]), of([1]), { posWeight: of([2]) }),
    2 * Math.LN2,
  ],
  klDiv: [() => mcloss.klDiv(of([0]), of([0.5]), { reduction: "sum" }), 0.5 * Math.log(0.5)],
  hingeEmbeddingLoss: [() => mcloss.hingeEmbeddingLoss(of([0.25]), of([-1])), 0.75],
  cosineEmbeddingLoss: [() => mcloss.cosineEmbeddingLoss(of([[1, 0]]), of([[0, 1]]), of([1])), 1],
  marginRankingLoss: [() => mcloss.marginRankingLoss(of([1]), of([3]), of([1])), 2],
  tripletMarginLoss: [() => mcloss.tripletMarginLoss(of([[0]]), of([[2]]), of([[0.5]]), { eps: 0 }), 2.5],
  softMarginLoss: [() => mcloss.softMarginLoss(of([1]), of([-1])), softplus(1)],
  multiMarginLoss: [() => mcloss.multiMarginLoss(of([[0, 2]]), ints([0])), 1.5],
  multilabelMarginLoss: [() => mcloss.multilabelMarginLoss(of([[0, 2]]), ints([[0, -1]])), 1.5],
  poissonNllLoss: [() => mcloss.poissonNllLoss(of([0]), of([2])), 1],
  ones: [() => mcloss.ones([2]), [1, 1]],
  full: [() => mcloss.full([2], 3), [3, 3]],
  empty: [() => mcloss.empty([2, 3]), { shape: [2, 3] }],
  arange: [
    () => [mcloss.arange(3), mcloss.arange(1, 3), mcloss.arange(0, 1, 0.5)],
    [
      [0, 1, 2],
      [1, 2],
      [0, 0.5],
    ],
  ],
  linspace: [() => mcloss.linspace(0, 1, 3), [0, 0.5, 1]],
  logspace: [() => mcloss.logspace(0, 2, 3), [1, 10, 100]],
  eye: [
    () => [mcloss.eye(2), mcloss.eye(1, 2)],
    [
      [
        [1, 0],
        [0, 1],
      ],
      [[1, 0]],
    ],
  ],
  trilIndices: [
    () => mcloss.trilIndices(2, 2),
    [
      [0, 1, 1],
      [0, 0, 1],
    ],
  ],
  triuIndices: [
    () => mcloss.triuIndices(2, 2),
    [
      [0, 0, 1],
      [0, 1, 1],
    ],
  ],
  zerosLike: [() => mcloss.zerosLike(of([1, 2])), [0, 0]],
  onesLike: [() => mcloss.onesLike(of([1, 2])), [1, 1]],
  emptyLike: [() => mcloss.emptyLike(of([1, 2])), { shape: [2] }],
  randLike: [() => mcloss.randLike(of([1, 2])), { shape: [2] }],
  randnLike: [() => mcloss.randnLike(of([1, 2])), { shape: [2] }],
  randintLike: [() => mcloss.randintLike(of([1, 2]), 1), [0, 0]],
  fullLike: [() => mcloss.fullLike(of([1, 2]), 7), [7, 7]],
  rand: [() => mcloss.rand([2]).floor(), [0, 0]],
  randn: [() => mcloss.randn([2, 3]), { shape: [2, 3] }],
  randint: [
    () => [mcloss.randint(1, [2]), mcloss.randint(5, 6, [2])],
    [
      [0, 0],
      [5, 5],
    ],
  ],
  randperm: [() => mcloss.randperm(4).sort().values, [0, 1, 2, 3]],
  normal: [() => mcloss.normal(3, 0, [2]), [3, 3]],
};
