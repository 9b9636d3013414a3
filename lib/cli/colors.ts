import type { HelpConfiguration } from "commander";
import { styleText } from "node:util";

const ALWAYS = { validateStream: false };

/** For a message on stderr: in colour on a terminal, unless NO_COLOR is set. */
export function inRed(text: string): string {
  return styleText("red", text, { stream: process.stderr, validateStream: true });
}

/** Of the help's parts; commander takes the colours out where it does not print to a terminal, or NO_COLOR is set. */
export const HELP_STYLES: HelpConfiguration = {
  styleTitle: (text) => styleText("bold", text, ALWAYS),
  styleCommandText: (text) => styleText("cyan", text, ALWAYS),
  styleOptionText: (text) => styleText("cyan", text, ALWAYS),
};
