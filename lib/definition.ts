import { z } from "zod";
import { invalidArgument } from "./errors.js";
import { mustBeOneOf } from "./schema.js";

/** Options by name: what each takes, its default (`.default()`), and in the comment above it what it is. */
export type OptionShape = Readonly<Record<string, z.ZodType>>;

/** One of a kind, such as one optimizer: all that is known of it, in one place. Kinds add functions of their own. */
export interface Definition<Name extends string = string, Options extends OptionShape = OptionShape> {
  readonly name: Name;
  /** What it is, in a line. */
  readonly summary: string;
  readonly options: Options;
}

/** Options as they are given. */
export type Given<Options extends OptionShape> = z.input<z.ZodObject<Options, z.core.$strict>>;

/** Options with their defaults. */
export type Filled<Options extends OptionShape> = z.output<z.ZodObject<Options, z.core.$strict>>;

/** What a registry's members have alike. */
export interface RegistryOptions<Tag extends string, Common, Fallback extends string> {
  /** The key that says which one. Default "type". */
  tag?: Tag;
  /** Options of every one. Default: none. */
  common?: Common & OptionShape;
  /** The one that is meant where the key is left out. Default: it must be there. */
  fallback?: Fallback;
}

/** The whole shape of each member: the key that says which one, its options, and what all have. */
type Whole<One, Tag extends string, Common, Fallback, Missing extends boolean> =
  One extends Definition<infer Name, infer Options>
    ? Readonly<Record<Tag, Naming<Name, Missing extends true ? Fallback : never>>> & Options & Common
    : never;

type Naming<Name extends string, Optional> = Name extends Optional
  ? z.ZodOptional<z.ZodLiteral<Name>>
  : z.ZodLiteral<Name>;

type EachGiven<Options> = Options extends OptionShape ? Given<Options> : never;
type EachFilled<Options> = Options extends OptionShape ? Filled<Options> : never;

/** Plain data that names one of a registry's members and gives its options: a union, told apart by the key. */
export type Spec<Of extends { readonly given: z.ZodType }> = z.output<Of["given"]>;

/** A {@link Spec} with the defaults. */
export type FilledSpec<Of extends { readonly filled: z.ZodType }> = z.output<Of["filled"]>;

/** All definitions of a kind. */
export class Registry<
  One extends Definition,
  Tag extends string = "type",
  Common = unknown,
  Fallback extends string = never,
> {
  readonly definitions: readonly One[];
  readonly tag: Tag;
  readonly common: Common;
  /** What the key may be: for choices. */
  readonly names: readonly One["name"][];
  /** Takes what may be given, and leaves it as it is. */
  readonly given: z.ZodType<
    EachGiven<Whole<One, Tag, Common, Fallback, true>>,
    EachGiven<Whole<One, Tag, Common, Fallback, true>>
  >;
  /** Takes the same, and adds the defaults. */
  readonly filled: z.ZodType<EachFilled<Whole<One, Tag, Common, Fallback, false>>>;

  constructor(definitions: readonly One[], options: RegistryOptions<Tag, Common, Fallback> = {}) {
    const { tag = "type" as Tag, common = {}, fallback } = options;
    this.definitions = definitions;
    this.tag = tag;
    this.common = common as Common;
    this.names = definitions.map(({ name }) => name);
    const alternatives = definitions.map((definition): Alternative => {
      const name = z.literal(definition.name);
      const key = definition.name === fallback ? name.optional() : name;
      return z.strictObject({ [tag]: key, ...common, ...definition.options });
    });
    const named = (spec: Record<string, unknown>) => ({ ...spec, [tag]: spec[tag] ?? fallback });
    this.filled = z.discriminatedUnion(tag, several(alternatives)).transform(named) as never;
    this.given = z.discriminatedUnion(tag, several(alternatives.map(asGiven))) as never;
  }

  /** @throws McLossError ERR_ARGUMENT for a name that none has */
  get(name: string): One {
    const found = this.definitions.find((definition) => definition.name === name);
    if (found) return found;
    throw invalidArgument(this.tag, mustBeOneOf(this.names, name));
  }
}

/** The defaults of the options that have one. */
export function defaultsOf(options: OptionShape): Record<string, unknown> {
  const defaults = Object.entries(options).flatMap(([name, schema]): [string, unknown][] =>
    schema instanceof z.ZodDefault ? [[name, schema.def.defaultValue]] : [],
  );
  return Object.fromEntries(defaults);
}

type Alternative = z.ZodObject<Record<string, z.ZodType>, z.core.$strict>;

/** As zod's types want a union's alternatives: at least one. */
function several<T>(items: readonly T[]): [T, ...T[]] {
  return items as [T, ...T[]];
}

/** The same schema without defaults. */
function asGiven<Schema extends z.core.$ZodType>(schema: Schema): Schema;
function asGiven(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodDefault) return z.optional(asGiven(schema.def.innerType));
  if (schema instanceof z.ZodOptional) return z.optional(asGiven(schema.def.innerType));
  if (!(schema instanceof z.ZodObject)) return schema;
  const shape = Object.entries(schema.shape).map(([key, inner]) => [key, asGiven(inner as z.ZodType)]);
  return z.strictObject(Object.fromEntries(shape) as z.ZodRawShape);
}
