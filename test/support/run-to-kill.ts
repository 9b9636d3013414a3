import { ImageFolder } from "mutual-channel-loss";
import { trainIn } from "./run.js";

// Says when its first checkpoint is written, so that its parent can kill it while it trains on.
const [data = "", output = ""] = process.argv.slice(2);
await trainIn(await ImageFolder.open(data), output, {
  onEvent: (event) => {
    if (event.type === "checkpoint" && event.reason === "last") process.stdout.write("checkpoint\n");
  },
});
