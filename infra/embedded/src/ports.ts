import { createServer, type Server } from 'node:net';
import { Failure } from '@anneal/contracts';

export const portNames = [
  'nats',
  'natsMonitor',
  'postgres',
  's3',
  's3Grpc',
  's3Master',
  's3MasterGrpc',
  's3Volume',
  's3VolumeGrpc',
  's3Filer',
  's3FilerGrpc',
] as const;

export type PortName = (typeof portNames)[number];
export type Ports = Readonly<Record<PortName, number>>;

export const loopback = '127.0.0.1';

// Below the range from which systems take ports for outgoing connections: such a connection would keep a server out.
const lowestChosenPort = 15_000;
const chosenPortCount = 17_000;
const attemptLimit = 200;

/**
 * Finds a loopback port for every name: the wanted one (PORT_TAKEN when it is not free), else the kept one while it is
 * free, else a new one.
 */
export async function choosePorts(
  wanted: Partial<Record<PortName, number>>,
  kept: Partial<Record<PortName, number>>,
): Promise<Ports> {
  // Every port stays occupied until all are found, which keeps them different.
  const occupied: Server[] = [];
  const take = async (port: number): Promise<boolean> => {
    const server = await occupy(port);
    if (server) occupied.push(server);
    return server !== undefined;
  };
  const found = new Map<PortName, number>();
  try {
    for (const [name, port] of portEntries(wanted)) {
      if (!(await take(port))) throw portTaken(name, port);
      found.set(name, port);
    }
    for (const [name, port] of portEntries(kept)) {
      if (!found.has(name) && (await take(port))) found.set(name, port);
    }
    for (const name of portNames) {
      if (!found.has(name)) found.set(name, await takeAny(take));
    }
  } finally {
    await Promise.all(occupied.map(free));
  }
  return Object.fromEntries(found) as Record<PortName, number>;
}

function portEntries(ports: Partial<Record<PortName, number>>): [PortName, number][] {
  return portNames.flatMap((name): [PortName, number][] => {
    const port = ports[name];
    return port === undefined ? [] : [[name, port]];
  });
}

async function takeAny(take: (port: number) => Promise<boolean>): Promise<number> {
  for (let attempt = 0; attempt < attemptLimit; attempt++) {
    const port = lowestChosenPort + Math.floor(Math.random() * chosenPortCount);
    if (await take(port)) return port;
  }
  throw new Failure('PORT_TAKEN', `No free port was found on ${loopback} between 15000 and 32000.`, {
    remedy: 'End programs that listen there, or name the ports to use.',
  });
}

function occupy(port: number): Promise<Server | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(undefined));
    server.listen({ port, host: loopback, exclusive: true }, () => done(server));
  });
}

function free(server: Server): Promise<void> {
  return new Promise((done) => server.close(() => done()));
}

function portTaken(name: PortName, port: number): Failure {
  return new Failure('PORT_TAKEN', `Port ${port} (${name}) is taken by another program.`, {
    remedy: `End the program that listens on port ${port}, or name another port.`,
  });
}
