import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { DataLoader, ImageFolder, smallResNet, Trainer, type TrainingEvent } from "mutual-channel-loss";
import { normalize, resize } from "mutual-channel-loss/data";

if (isMainThread) await watch(process.argv[2] ?? "photos/train");
else await train(workerData as string);

/** The main thread is free for other work; training in it would not block it either, but share its memory and heap. */
async function watch(folder: string): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: folder });
  worker.on("message", (event: TrainingEvent) => {
    if (event.type === "epoch") console.log(event.epoch, event.train.loss);
    if (event.type === "checkpoint") console.log("wrote", event.path);
  });
  process.once("SIGINT", () => worker.postMessage("stop"));
  await once(worker, "exit");
}

async function train(folder: string): Promise<void> {
  const stop = new AbortController();
  parentPort?.once("message", () => stop.abort());

  const images = await ImageFolder.open(folder);
  const transforms = [resize(64), normalize()];
  const info = { classNames: images.classes, transforms };
  const model = smallResNet({ classes: images.classes.length, channelsPerClass: 3, info });
  const batches = new DataLoader(images, { batchSize: 8, shuffle: true, dropLast: true, transforms });
  const trainer = new Trainer(model, { epochs: 5, loss: { alpha: 1.5, beta: 1 }, output: "runs/worker" });

  // Events are plain data.
  for await (const event of trainer.fit(batches, { signal: stop.signal })) parentPort?.postMessage(event);
  parentPort?.close();
}
