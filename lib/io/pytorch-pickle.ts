import { bytesOf, isDtype, type Dtype } from "../native/dtype.js";
import { unreadable, type CheckpointFile } from "./checkpoint-file.js";
import { PassedOver, PickleError, PickleGlobal, shown, type PickleRules } from "./pickle.js";
import { isCounts } from "./safetensors-header.js";

const STORAGE_DTYPES: ReadonlyMap<string, Dtype> = new Map([
  ["DoubleStorage", "float64"],
  ["FloatStorage", "float32"],
  ["HalfStorage", "float16"],
  ["BFloat16Storage", "bfloat16"],
  ["ComplexDoubleStorage", "complex128"],
  ["ComplexFloatStorage", "complex64"],
  ["LongStorage", "int64"],
  ["IntStorage", "int32"],
  ["ShortStorage", "int16"],
  ["CharStorage", "int8"],
  ["ByteStorage", "uint8"],
  ["BoolStorage", "bool"],
]);

const STORAGE_NAME = /^torch\.(?:storage\.)?(\w*Storage)$/;

/** The elements of one or more tensors: a record of the zip. */
export class Storage {
  /** Undefined where the tensors on it tell, or where the type is unknown. */
  readonly dtype: Dtype | undefined;

  constructor(
    readonly key: string,
    readonly type: string,
    readonly elements: number,
    /** Where in it the tensors begin that refer to it so: files from before 1.6 have views of storages. */
    readonly start = 0,
  ) {
    this.dtype = STORAGE_DTYPES.get(type);
  }

  get bytes(): number {
    return this.elements * (this.dtype ? bytesOf(this.dtype) : 1);
  }
}

/** A tensor as the pickle describes it, not checked yet. Offset and strides count elements. */
export class PickledTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    /** PyTorch's name of its dtype, which may be one that is not supported. */
    readonly dtype: string,
  ) {}
}

/** A tensor of a kind that is not read. Only a file where it is asked for is refused. */
export class RefusedTensor {
  constructor(
    readonly kind: string,
    readonly advice: string,
  ) {}
}

/** What torch.load(weights_only=True) allows by itself; objects of a few other classes are passed over. */
export const PICKLE_RULES: PickleRules = {
  global(written) {
    const name = written.replace(/^__builtin__\./, "builtins."); // its name in protocol 2
    const found = CALLS.get(name) ?? (isInert(name) ? new PickleGlobal(name) : undefined);
    if (found) return found;
    const advice = "In Python, save only tensors: torch.save(model.state_dict(), path)";
    throw new PickleError(
      `asks for ${shown(name)}, and only tensors and plain values are allowed; nothing was run. ${advice}`,
    );
  },
  persistent(id) {
    const [kind, type, key, , elements, view] = Array.isArray(id) ? (id as unknown[]) : [];
    const storage = type instanceof PickleGlobal ? STORAGE_NAME.exec(type.name)?.[1] : undefined;
    if (kind !== "storage" || storage === undefined || typeof key !== "string" || !isCounts([elements])) {
      throw new PickleError("refers to what is not a storage");
    }
    return new Storage(key, storage, elements as number, viewOffset(view));
  },
};

/** Of [key of the view, offset, elements], which mostly is none. */
function viewOffset(view: unknown): number {
  if (view === undefined || view === null) return 0;
  const [, offset] = Array.isArray(view) ? (view as unknown[]) : [];
  if (!isCounts([offset])) throw new PickleError("refers to what is not a view of a storage");
  return offset as number;
}

/** Names that stand for themselves: classes of storages and tensors, dtypes and the like. */
function isInert(name: string): boolean {
  return (
    STORAGE_NAME.test(name) ||
    TENSOR_CLASSES.has(name) ||
    PLAIN_TYPES.has(name) ||
    /^torch\.(per_|u?int|bfloat|float|complex|bool)\w*$/.test(name)
  );
}

const TENSOR_CLASSES: ReadonlySet<string> = new Set([
  "torch.Tensor",
  "torch.nn.parameter.Parameter",
  "torch.nn.parameter.Buffer",
]);

/** What a defaultdict makes its values by. */
const PLAIN_TYPES: ReadonlySet<string> = new Set(
  ["int", "long", "float", "bool", "str", "unicode", "list", "dict", "tuple"].map(
    (name) => `builtins.${name}`,
  ),
);

/** What training scripts keep beside their tensors. Objects of these are not made: nothing is known of them here. */
const PASSED_OVER: readonly string[] = [
  "argparse.Namespace",
  "types.SimpleNamespace",
  ...["core", "_core"].flatMap((core) => [
    `numpy.${core}.multiarray.scalar`,
    `numpy.${core}.multiarray._reconstruct`,
  ]),
  ...["numpy.ndarray", "numpy.dtype"],
  ...["datetime", "date", "time", "timedelta", "timezone"].map((name) => `datetime.${name}`),
  ...["pathlib", "pathlib._local"].flatMap((module) =>
    ["PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"].map((name) => `${module}.${name}`),
  ),
];

type Call = (args: readonly unknown[]) => unknown;

const TO_DENSE = "save its to_dense() in Python";

const CALLED: readonly (readonly [string, PickleGlobal])[] = Object.entries<Call>({
  "torch._utils._rebuild_tensor_v2": ([storage, offset, shape, strides, , , flags]) =>
    rebuildTensor([storage, offset, shape, strides], flags),
  "torch._utils._rebuild_tensor_v3": ([storage, offset, shape, strides, , , dtype, flags]) =>
    rebuildTensor([storage, offset, shape, strides], flags, dtype),
  "torch._utils._rebuild_parameter": ([tensor]) => tensor,
  "torch._utils._rebuild_parameter_with_state": ([tensor]) => tensor,
  "torch._tensor._rebuild_from_type_v2": rebuildFromType,
  "torch._utils._rebuild_qtensor": refuse("quantized tensor", "save its dequantize() in Python"),
  "torch._utils._rebuild_sparse_tensor": refuse("sparse tensor", TO_DENSE),
  "torch._utils._rebuild_sparse_csr_tensor": refuse("sparse tensor", TO_DENSE),
  "torch._utils._rebuild_nested_tensor": refuse("nested tensor", "save its parts in Python"),
  "torch._utils._rebuild_meta_tensor_no_storage": refuse(
    "tensor of the meta device",
    "it has no elements; save one with elements in Python",
  ),
  "torch.serialization._get_layout": ([name]) => name,
  "torch.Size": ([sizes]) => {
    if (!isSizes(sizes)) throw new PickleError("has a torch.Size that is not one");
    return sizes;
  },
  "torch.device": ([type]) => type,
  "collections.OrderedDict": (args) => {
    if (args.length > 0) throw new PickleError("makes an OrderedDict from arguments, which is not allowed");
    return new Map();
  },
  "collections.Counter": ([counts]) => (counts instanceof Map ? counts : new Map()),
  "collections.defaultdict": () => new Map(),
  "collections.deque": () => [],
  "builtins.set": ([values]) => values ?? [],
  "builtins.complex": ([real, imaginary]) => [real, imaginary],
  "builtins.bytearray": ([bytes]) => bytes ?? Buffer.alloc(0),
  "_codecs.encode": ([text]) => {
    if (typeof text !== "string") throw new PickleError("encodes what is not text");
    return Buffer.from(text, "latin1");
  },
}).map(([name, call]) => [name, new PickleGlobal(name, call)]);

const CALLS: ReadonlyMap<string, PickleGlobal> = new Map([
  ...CALLED,
  ...PASSED_OVER.map((name) => [name, new PickleGlobal(name, () => new PassedOver(), true)] as const),
]);

function refuse(kind: string, advice: string): Call {
  return () => new RefusedTensor(kind, advice);
}

function rebuildTensor(
  view: readonly unknown[],
  flags: unknown,
  dtype?: unknown,
): PickledTensor | RefusedTensor {
  const [storage, offset, shape, strides] = view;
  const valid = storage instanceof Storage && isCounts([offset]) && isSizes(shape) && isSizes(strides);
  if (!valid) throw new PickleError("has a tensor whose storage, offset, shape or strides are not valid");
  if (flags instanceof Map && (flags.get("conj") === true || flags.get("neg") === true)) {
    return new RefusedTensor("conjugated or negated view", "save its resolve_conj().resolve_neg() in Python");
  }
  const name = dtype instanceof PickleGlobal ? dtype.name.replace(/^torch\./, "") : storage.dtype;
  const from = storage.start + (offset as number);
  return new PickledTensor(storage, from, shape, strides, name ?? storage.type);
}

/** LibTorch has no tensors of more dimensions. One list may stand in many places: long ones are not looked at. */
const MOST_DIMENSIONS = 64;

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MOST_DIMENSIONS && isCounts(value);
}

/** A tensor with attributes: they are dropped. The class is one that is allowed, or its name was refused. */
function rebuildFromType([rebuild, , args]: readonly unknown[]): unknown {
  const known = rebuild instanceof PickleGlobal && rebuild.name.startsWith("torch._utils._rebuild_");
  if (known && rebuild.call && Array.isArray(args)) return rebuild.call(args);
  throw new PickleError("has a tensor that is not rebuilt by a function of PyTorch");
}

/** The dtype of a tensor. @throws McLossError ERR_CHECKPOINT where LibTorch's name for it is none that is supported */
export function dtypeOf(file: CheckpointFile, name: string, { dtype, storage }: PickledTensor): Dtype {
  const known = isDtype(dtype) ? dtype : undefined;
  if (known && (storage.dtype === undefined || storage.dtype === known)) return known;
  const kind = `${storage.type} of ${dtype}`;
  throw unreadable(file.path, `has ${kind} under its tensor ${name}, which is not supported`);
}

/** Gives a refused pickle the name of its file. */
export function explained<T>(file: CheckpointFile, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof PickleError)) throw cause;
    throw unreadable(file.path, `is refused: it ${cause.message}`, cause);
  }
}
