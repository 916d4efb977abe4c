import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { conflict, type ToolError } from '../../core/errors.ts';
import { remember } from '../../secrets/secret.ts';
import { answer, refuse } from './answer.ts';
import { Entry } from './entry.ts';
import type { OpenedPage, Page } from './page.ts';

export interface PageHost {
  /** Opens a page in the person's browser; rejects, with the page closed, when there is no browser. */
  open(page: Page): Promise<OpenedPage>;
  /** Puts a page at an address that the caller brings to the person: URL elicitation. */
  offer(page: Page): Promise<OpenedPage>;
  close(): Promise<void>;
}

export interface PageHostOptions {
  /** Monotonic, in milliseconds. */
  clock(): number;
  /** Opens a browser at an address that works once, and leaves no trace of it once `used` is aborted. */
  launch(url: string, used: AbortSignal): Promise<void>;
}

/** More than a person could want: an agent in a loop must not bury them in windows. */
const MOST_OPEN = 8;

const tooMany = (): ToolError =>
  conflict(
    'Too many pages wait for the person already. Nothing was changed.',
    'Have them answer or close those first.',
  );

/** Serves one-time pages on the loopback interface, from the first page on until a while after the last has ended. */
export function createPageHost({ clock, launch }: PageHostOptions): PageHost {
  const entries = new Set<Entry>();
  let serving: Promise<{ server: Server; port: number }> | undefined;
  let closed = false;

  async function stop(force: boolean): Promise<void> {
    const stopping = serving;
    serving = undefined;
    if (!stopping) return;
    const { server } = await stopping;
    const ended = once(server, 'close');
    server.close();
    if (force) server.closeAllConnections();
    else server.closeIdleConnections();
    await ended;
  }

  function forget(entry: Entry): void {
    entries.delete(entry);
    if (entries.size === 0) void stop(false);
  }

  async function add(page: Page): Promise<{ entry: Entry; origin: string }> {
    if (closed) throw new Error('the page host is closed');
    if ([...entries].filter(({ usable }) => usable).length >= MOST_OPEN) throw tooMany();
    // Before the server is awaited: an older page that is forgotten meanwhile must not stop it.
    const entry = new Entry(page, clock, forget);
    entries.add(entry);
    try {
      serving ??= serve(entries);
      const { port } = await serving;
      return { entry, origin: `http://127.0.0.1:${port}` };
    } catch (error) {
      serving = undefined;
      entry.dispose();
      entries.delete(entry);
      throw error;
    }
  }

  const opened = (entry: Entry, origin: string): OpenedPage => ({
    url: origin + entry.path,
    expiresAt: entry.expiresAt,
    done: entry.done,
    close: () => entry.end('closed'),
  });

  return {
    async open(page) {
      const { entry, origin } = await add(page);
      // Nobody brings this address to the client, so it may not appear in anything sent there.
      remember(entry.path);
      remember(entry.ticket);
      try {
        await launch(origin + entry.ticket, entry.ticketUsed);
      } catch (error) {
        entry.end('closed');
        throw error;
      }
      return opened(entry, origin);
    },
    async offer(page) {
      const { entry, origin } = await add(page);
      return opened(entry, origin);
    },
    async close() {
      closed = true;
      for (const entry of entries) entry.dispose();
      entries.clear();
      await stop(true);
    },
  };
}

async function serve(entries: ReadonlySet<Entry>): Promise<{ server: Server; port: number }> {
  let port = 0;
  const server = createServer({
    // A page needs one request or two: whoever is slow, or holds many connections, is nobody's browser.
    headersTimeout: 3_000,
    requestTimeout: 15_000,
    keepAliveTimeout: 2_000,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: 8_192,
  });
  server.maxConnections = 32;
  server.maxRequestsPerSocket = 100;
  server.on('request', (request, response) => {
    answer(request, response, entries, port).catch(() => response.destroy());
  });
  server.on('checkContinue', (_request, response) => refuse(response, 417));
  server.on('clientError', (_error, socket) => socket.destroy());
  // A page that waits for a person is no reason for the process to live on.
  server.on('connection', (socket) => socket.unref());
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  return { server, port };
}
