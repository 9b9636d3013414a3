import { Command } from "commander";
import { interruptSignal } from "#lib/cli/interrupt.js";
import { native } from "#lib/native/binding.js";
import {
  budgetOption,
  deadlineOf,
  imagesOption,
  seedsOption,
  type TrainingFlags,
} from "../command-options.js";
import { fineTune } from "./run.js";

interface FineTuneFlags extends TrainingFlags {
  images: string;
  weights: string;
}

export function fineTuneCommand(): Command {
  return new Command("finetune")
    .description("fine-tune MobileNetV2 from ImageNet with each loss")
    .addOption(imagesOption("50 classes of CUB-200-2011 in the published layout"))
    .requiredOption("--weights <file>", "of MobileNetV2 on ImageNet")
    .addOption(seedsOption())
    .addOption(budgetOption())
    .action(async (flags: FineTuneFlags) => {
      native().threads(1);
      await fineTune({ ...flags, deadline: deadlineOf(flags) }, interruptSignal());
    });
}
