import { z } from "zod";
import { ChannelGroups } from "../loss/channel-groups.js";
import { describe } from "../models/describe.js";
import {
  resnet101Spec,
  resnet18Shape,
  resnet18Spec,
  resnet34Spec,
  resnet50Shape,
  resnet50Spec,
  type ResNet18Options,
  type ResNet50Options,
} from "../models/resnet.js";
import { smallResNetShape, smallResNetSpec, type SmallResNetOptions } from "../models/small-resnet.js";
import type { ModelSpec } from "../models/spec.js";
import {
  bilinearVgg16Shape,
  bilinearVgg16Spec,
  vgg16Shape,
  vgg16Spec,
  type BilinearVgg16Options,
  type Vgg16Options,
} from "../models/vgg.js";
import type { Recipe } from "./recipe.js";

/** A network by name, with the options of the function that makes it, but without the classes. */
export type RecipeNetwork =
  | ({ name: "small-resnet" } & Omit<SmallResNetOptions, "classes">)
  | ({ name: "resnet18" | "resnet34" } & Omit<ResNet18Options, "classes">)
  | ({ name: "resnet50" | "resnet101" } & Omit<ResNet50Options, "classes">)
  | ({ name: "vgg16" } & Omit<Vgg16Options, "classes">)
  | ({ name: "bilinear-vgg16" } & Omit<BilinearVgg16Options, "classes">);

/** {@link RecipeNetwork} */
export const networkSchema = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("small-resnet"), ...withoutClasses(smallResNetShape) }),
  z.strictObject({ name: z.enum(["resnet18", "resnet34"]), ...withoutClasses(resnet18Shape) }),
  z.strictObject({ name: z.enum(["resnet50", "resnet101"]), ...withoutClasses(resnet50Shape) }),
  z.strictObject({ name: z.literal("vgg16"), ...withoutClasses(vgg16Shape) }),
  z.strictObject({ name: z.literal("bilinear-vgg16"), ...withoutClasses(bilinearVgg16Shape) }),
]);

/** The data have them. */
function withoutClasses<T extends { classes: unknown }>({ classes, ...shape }: T): Omit<T, "classes"> {
  return shape;
}

/** The network of a recipe for so many classes, with its channel groups. @throws McLossError ERR_ARGUMENT, ERR_SHAPE */
export function networkSpec(recipe: Pick<Recipe, "network" | "groups">, classes: number): ModelSpec {
  const spec = { ...namedSpec(recipe.network, classes), groups: [] };
  const [channels = 0] = describe(spec).features;
  const shared = channels < classes ? [] : ChannelGroups.split(channels, classes).blocks;
  const grouped = { ...spec, groups: recipe.groups === "split" ? shared : recipe.groups };
  describe(grouped);
  return grouped;
}

function namedSpec(network: RecipeNetwork, classes: number): ModelSpec {
  const options = { ...network, classes };
  switch (options.name) {
    case "small-resnet":
      return smallResNetSpec(options);
    case "resnet18":
      return resnet18Spec(options);
    case "resnet34":
      return resnet34Spec(options);
    case "resnet50":
      return resnet50Spec(options);
    case "resnet101":
      return resnet101Spec(options);
    case "vgg16":
      return vgg16Spec(options);
    case "bilinear-vgg16":
      return bilinearVgg16Spec(options);
  }
}
