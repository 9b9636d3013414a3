import { invalidArgument } from "../errors.js";
import type { ChannelGroups } from "../loss/channel-groups.js";
import type { Model } from "./model.js";

/** @throws McLossError ERR_ARGUMENT where the model has no channel groups */
export function groupsOf({ groups, spec }: Model): ChannelGroups {
  if (groups) return groups;
  throw invalidArgument("model", `has no channel groups: ${spec.name} has fewer channels than classes`);
}
