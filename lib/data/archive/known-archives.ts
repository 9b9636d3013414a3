/**
 * SHA-256 of the files that the publishers offer, by name, as TensorFlow Datasets has them (its url_checksums of
 * caltech_birds2011, cars196, fgvc_aircraft and oxford_flowers102).
 */
export const KNOWN_SHA256: ReadonlyMap<string, string> = new Map([
  ["CUB_200_2011.tgz", "0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081"],
  ["car_devkit.tgz", "b97deb463af7d58b6bfaa18b2a4de9829f0f79e8ce663dfa9261bf7810e9accd"],
  ["cars_train.tgz", "512b227b30e2f0a8aab9e09485786ab4479582073a144998da74d64b801fd288"],
  ["cars_test.tgz", "bffea656d6f425cba3c91c6d83336e4c5f86c6cffd8975b0f375d3a10da8e243"],
  ["cars_test_annos_withlabels.mat", "790f75be8ea34eeded134cc559332baf23e30e91367e9ddca97d26ed9b895f05"],
  ["fgvc-aircraft-2013b.tar.gz", "d5f68b1b81d6d7831eb9d5c5517074176b5dfbce6bcb43dc14ed1c66a87b8d75"],
  ["102flowers.tgz", "2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246"],
  ["imagelabels.mat", "4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d"],
  ["setid.mat", "46b8678f91fd95d3c8f4feab80d271a6c834a1dd896fe29fd3e6ad9ce5c8dccd"],
]);
