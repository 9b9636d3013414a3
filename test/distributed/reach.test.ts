import { expect } from "chai";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createHttpServer } from "node:http";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { isLoopback, listenAddress, ownAddress } from "#lib/distributed/address.js";
import { Deadline } from "#lib/distributed/deadline.js";
import { reachStore, requireFreePort } from "#lib/distributed/reach-store.js";
import { rejected } from "../support/errors.js";

const placeAt = (port: number, host = "127.0.0.1") => ({ type: "tcp", host, port, serve: false }) as const;

describe("the way to rank 0", () => {
  const servers: Server[] = [];
  const sockets: Socket[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  async function listen(server: Server, port = 0): Promise<number> {
    servers.push(server);
    server.on("connection", (socket: Socket) => sockets.push(socket));
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  /** As c10d's store: gives back the number of a PING. */
  const answer = (socket: Socket) => socket.on("data", (chunk) => socket.write(chunk.subarray(6, 10)));

  it("is there where the store answers", async () => {
    const port = await listen(createServer(answer));
    expect(await reachStore(placeAt(port), new Deadline(5))).to.equal("127.0.0.1");
    expect(await reachStore(placeAt(port, "localhost"), new Deadline(5))).to.equal("127.0.0.1");
  });

  it("is waited for while nothing listens", async () => {
    const first = createServer();
    const port = await listen(first);
    first.close();
    await once(first, "close");
    const reached = reachStore(placeAt(port), new Deadline(20));
    await listen(createServer(answer), port);
    await reached;
  });

  it("is told as not reached after the timeout", async () => {
    const first = createServer();
    const port = await listen(first);
    first.close();
    await once(first, "close");
    const error = await rejected(reachStore(placeAt(port), new Deadline(0.3)));
    expect(error).to.include({ code: "ERR_DISTRIBUTED" });
    expect(error.message).to.match(
      /rank 0 was not reached at 127\.0\.0\.1, port \d+, within 0\.3 seconds \(connection refused\)/,
    );
    expect(error.message).to.match(/127\.0\.0\.1 is this machine itself/);
  });

  it("is told as another program's that answers as a web server", async () => {
    const server = createHttpServer((_, response) => response.end());
    const error = await rejected(reachStore(placeAt(await listen(server)), new Deadline(5)));
    expect(error.message).to.match(/is not rank 0 of a training: it answered "HTTP\/1\.1 400 Bad Request"/);
    expect(error.message).to.match(/MASTER_PORT/);
  });

  it("is told as another program's that never answers", async () => {
    const port = await listen(createServer(() => undefined));
    const error = await rejected(reachStore(placeAt(port), new Deadline(0.1)));
    expect(error.message).to.match(/it does not answer/);
  });

  it("is told as another program's that hangs up, after the timeout", async () => {
    const port = await listen(createServer((socket) => socket.destroy()));
    const error = await rejected(reachStore(placeAt(port), new Deadline(0.3)));
    expect(error.message).to.match(/it hung up/);
  });

  it("has a host whose name is known", async () => {
    const error = await rejected(reachStore(placeAt(1, "no-such-host.invalid"), new Deadline(30)));
    expect(error.message).to.match(/the name of MASTER_ADDR, no-such-host\.invalid, is not known/);
  });

  it("begins at a port that no other program has", async () => {
    const taken = await listen(createServer());
    const error = await rejected(requireFreePort(placeAt(taken)));
    expect(error.message).to.match(/rank 0 cannot listen at MASTER_PORT \d+ \(address already in use\)/);
    servers.pop()?.close();
    await requireFreePort(placeAt(taken));
  });
});

describe("the address at which rank 0 listens", () => {
  it("is the one that MASTER_ADDR stands for, alone", async () => {
    expect(await listenAddress(placeAt(29500), {})).to.equal("127.0.0.1");
    expect(await listenAddress(placeAt(29500, "127.0.0.2"), {})).to.equal("127.0.0.2");
    expect(await listenAddress(placeAt(29500, "localhost"), {})).to.satisfy(isLoopback);
    for (const { address, internal } of Object.values(networkInterfaces()).flatMap((all) => all ?? [])) {
      if (!internal) expect(await listenAddress(placeAt(29500, address), {})).to.equal(address);
    }
  });

  it("is any where that is a loopback address, and another interface is wanted", async () => {
    expect(await listenAddress(placeAt(29500), { GLOO_SOCKET_IFNAME: "eth0" })).to.equal(undefined);
  });

  it("is none of a name that is not known", async () => {
    const error = await rejected(listenAddress(placeAt(1, "no-such-host.invalid"), {}));
    expect(error.message).to.match(/no-such-host\.invalid, is not known/);
  });
});

describe("this machine's address", () => {
  it("is the one that leads to rank 0", async () => {
    expect(await ownAddress(placeAt(29500), {})).to.equal("127.0.0.1");
    expect(await ownAddress(placeAt(29500, "localhost"), {})).to.satisfy(isLoopback);
    expect(await ownAddress({ type: "file", path: "/tmp/store" }, {})).to.equal("127.0.0.1");
  });

  it("is that of the interface that is named", async () => {
    expect(await ownAddress(placeAt(1, "10.255.255.1"), { GLOO_SOCKET_IFNAME: "none,lo" })).to.equal(
      "127.0.0.1",
    );
    const error = await rejected(ownAddress(placeAt(1), { GLOO_SOCKET_IFNAME: "eth7" }));
    expect(error).to.include({ code: "ERR_ARGUMENT", argument: "GLOO_SOCKET_IFNAME" });
    expect(error.message).to.match(/got eth7: there are lo/);
  });

  it("is none without a way to rank 0, or where its name is not known", async () => {
    // Reserved: no network has it.
    const away = await rejected(ownAddress(placeAt(29500, "255.255.255.255"), {}));
    expect(away.message).to.match(/no way leads from this machine to MASTER_ADDR 255\.255\.255\.255/);
    const unknown = await rejected(ownAddress(placeAt(1, "no-such-host.invalid"), {}));
    expect(unknown.message).to.match(/no-such-host\.invalid, is not known/);
  });

  it("is a loopback address or not, in both protocols", () => {
    expect(["127.0.1.1", "::1", "::ffff:127.0.0.1"].every(isLoopback)).to.equal(true);
    expect(["10.0.0.1", "fe80::1", "128.0.0.1"].some(isLoopback)).to.equal(false);
  });
});
