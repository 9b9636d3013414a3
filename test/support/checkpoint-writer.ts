// Writes one checkpoint after another until it is killed; says so after the second.
import { saveModel, smallResNet } from "mutual-channel-loss";

const path = process.argv[2] ?? "";
const model = smallResNet({ classes: 3, inputSize: 32, width: 8 });
for (let i = 0; ; i += 1) {
  await saveModel(model, path);
  if (i === 1) process.send?.("writing");
}
