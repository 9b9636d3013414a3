// Says which decoder the addon has that its argument names, or why it does not load: see doctor.ts.
import { loadAddon } from "../addon/load.js";

try {
  const addon = loadAddon([process.argv[2] ?? ""]) as { hasJpegDecoder(): boolean };
  console.log(addon.hasJpegDecoder() ? "libjpeg" : "sharp");
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
}
