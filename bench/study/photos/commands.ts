import { Command, Option } from "commander";
import { positiveInteger } from "#lib/cli/arguments.js";
import { interruptSignal } from "#lib/cli/interrupt.js";
import { native } from "#lib/native/binding.js";
import {
  budgetOption,
  deadlineOf,
  epochsOption,
  imagesOption,
  imageSizeOption,
  listOf,
  seedsOption,
  type TrainingFlags,
} from "../command-options.js";
import { pictureAt } from "../pictures.js";
import { parsePhotosLoss, type PhotosLoss } from "./losses.js";
import { drawHabit } from "./picture.js";
import { PHOTOS_STUDIES, type PhotosPreset } from "./presets.js";
import { studyPhotos } from "./run.js";

const LOSSES =
  "as ce,mc:20,own:5,scores:5; mc:20:warm10 lets β rise for ten epochs, mc:20:raw is before the last ReLU";

/** Where the channels of each loss look. */
export function photosCommands(): Command[] {
  return [
    ...Object.entries(PHOTOS_STUDIES).map(([name, preset]) => photosCommand(name, preset)),
    habitCommand(),
  ];
}

interface PhotosFlags extends TrainingFlags {
  images: string;
  name?: string;
  losses: readonly PhotosLoss[];
  epochs: number;
  imageSize: number;
  places?: number;
}

function photosCommand(study: string, preset: PhotosPreset): Command {
  return new Command(study)
    .description(preset.description)
    .addOption(imagesOption())
    .addOption(
      new Option("--name <set>", "what the images are called in the results").default(
        preset.name,
        preset.name ?? "the folder's name",
      ),
    )
    .addOption(
      new Option("--losses <list>", LOSSES)
        .argParser(listOf(parsePhotosLoss))
        .default(preset.losses, "the study's"),
    )
    .addOption(seedsOption())
    .addOption(epochsOption(preset.epochs))
    .addOption(imageSizeOption(preset.size))
    .option(
      "--places <n>",
      "side of the last map: a quarter, an eighth (as without it) or a sixteenth of the image's",
      positiveInteger,
    )
    .addOption(budgetOption())
    .action(async ({ imageSize: size, places = size / 8, ...flags }: PhotosFlags) => {
      native().threads(1);
      await studyPhotos({ ...flags, size, places, deadline: deadlineOf(flags) }, interruptSignal());
    });
}

interface HabitFlags {
  images: string;
  losses: readonly PhotosLoss[];
  classes: number;
  epochs: number;
  imageSize: number;
}

function habitCommand(): Command {
  const drawn = ["ce", "mc:20", "own:5"];
  return new Command("habit")
    .description("draw docs/images/habit.png: the channels of one class on its test images")
    .addOption(imagesOption())
    .addOption(
      new Option("--losses <list>", LOSSES)
        .argParser(listOf(parsePhotosLoss))
        .default(drawn.map(parsePhotosLoss), drawn.join(",")),
    )
    .addOption(new Option("--classes <n>", "the first of them").argParser(positiveInteger).default(20))
    .addOption(epochsOption(20))
    .addOption(imageSizeOption(64))
    .action(async ({ imageSize: size, ...flags }: HabitFlags) => {
      native().threads(1);
      await drawHabit(pictureAt("habit.png"), { ...flags, size }, interruptSignal());
    });
}
