import { ChannelGroups, mcLoss, tensor, tidy } from "mutual-channel-loss";

// Features of 4 images: 6 classes that own 3 channels each, 7 × 7 places.
const features = tensor(Float32Array.from({ length: 4 * 18 * 7 * 7 }, Math.random), {
  shape: [4, 18, 7, 7],
  requiresGrad: true,
});
const labels = tensor(Int32Array.of(0, 5, 2, 2), { dtype: "int64" });

await tidy(async () => {
  const { loss, discriminality, diversity } = mcLoss(features, labels, {
    groups: ChannelGroups.uniform(6, 3),
  });
  await loss.backward();
  console.log(loss.item(), discriminality.item(), diversity.item(), features.grad?.shape);
});
