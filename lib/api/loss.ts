export { ChannelGroups, type ChannelBlock } from "../loss/channel-groups.js";
export {
  ChannelHealthTally,
  type ChannelChance,
  type ChannelHealth,
  type ChannelHealthReport,
  type ClassChannelHealth,
} from "../loss/channel-health.js";
export {
  mcLoss,
  mcLossAsync,
  type ChannelLossOptions,
  type DiversityOver,
  type McLossOptions,
  type McLossTerms,
  type Pooling,
} from "../loss/mc-loss.js";
