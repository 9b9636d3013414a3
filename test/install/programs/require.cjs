const { tensor } = require("mutual-channel-loss");
const { softmax } = require("mutual-channel-loss/tensor");

console.log(
  softmax(tensor([1, 1], { shape: [1, 2] }), 1)
    .sum()
    .item(),
);
