import Fastify from "fastify";
import { loadModel, McLossError } from "mutual-channel-loss";

// A run's folder or a checkpoint. Then, for example: curl --data-binary @robin.jpg -H 'content-type: image/jpeg' URL
const [path = "runs/photos", port = "8080"] = process.argv.slice(2);
const classifier = await loadModel(path);
const server = Fastify({ bodyLimit: 20 * 2 ** 20 });

server.addContentTypeParser(/^image\//, { parseAs: "buffer" }, (_request, body, done) => done(null, body));

// Requests that come at the same time go through the network together.
server.post<{ Body: Uint8Array; Querystring: { top?: number } }>(
  "/predict",
  { schema: { querystring: { type: "object", properties: { top: { type: "integer", minimum: 1 } } } } },
  ({ body, query: { top = 5 } }) => classifier.predict(body, { top }),
);

server.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
  const unreadable = error instanceof McLossError && error.code === "ERR_IMAGE";
  return reply.status(unreadable ? 422 : (error.statusCode ?? 500)).send({ error: error.message });
});

// What is under way is answered, and nothing more is taken.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void server.close().then(() => classifier.dispose()));
}

console.log("listening on", await server.listen({ port: Number(port), host: "127.0.0.1" }));
