import { connect, createServer, type Server, type Socket } from "node:net";

/** What lies between the browser and the service, to be cut. */
export class Network {
  readonly #to: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  port = 0;

  constructor(to: number) {
    this.#to = to;
  }

  /** Lets connections through, at the same port as ever. */
  async mend(): Promise<void> {
    if (this.#server) return;
    const server = createServer((client) => this.#pipe(client));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.port, "127.0.0.1", resolve));
    this.port = (server.address() as { port: number }).port;
  }

  /** Refuses connections, as when the service is down, and drops those that there are. */
  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  }

  #pipe(client: Socket): void {
    const service = connect(this.#to, "127.0.0.1");
    for (const socket of [client, service]) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        client.destroy();
        service.destroy();
      });
    }
    client.pipe(service).pipe(client);
  }
}
