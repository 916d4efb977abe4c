import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  localhostHostValidation,
  localhostOriginValidation,
  type NodeIncomingMessageLike,
  toNodeHandler,
} from '@modelcontextprotocol/node';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { createMcpHandler, isLegacyRequest } from '@modelcontextprotocol/server';
import { serveHandshake } from '../../src/front/mcp/engine-2025.ts';
import { createStatelessServer } from '../../src/front/mcp/engine-2026.ts';
import { loadConfig } from '../../src/host/config.ts';
import { everything } from '../../src/host/offers.ts';
import { createSession, type Session } from '../../src/host/session.ts';
import { createFixtures } from './fixtures.ts';

interface Harness extends AsyncDisposable {
  url: string;
}

/**
 * Both engines over Streamable HTTP, since the conformance suite speaks nothing else. For tests alone: the product speaks
 * stdio. What is on offer is all that the product has and the suite's fixtures, on the sandbox.
 */
export async function startHarness(): Promise<Harness> {
  const stateDir = mkdtempSync(join(tmpdir(), 'telnyx-mcp-conformance-'));
  const { config } = loadConfig(['--sandbox', '--state-dir', stateDir, '--log-level', 'warn'], {});
  const { tools, resources, prompts } = createFixtures();
  const offers = {
    tools: [...everything.tools, ...tools],
    resources: [...everything.resources, ...resources],
    prompts: [...everything.prompts, ...prompts],
  };
  const app = createSession(config, { offers });

  const handshakes = openSessions(app);
  const stateless = createMcpHandler(() => createStatelessServer(app), { legacy: 'reject' });
  const route = async (request: Request): Promise<Response> =>
    (await isLegacyRequest(request)) ? handshakes.fetch(request) : stateless.fetch(request);

  const [hostIsLocal, originIsLocal] = [localhostHostValidation(), localhostOriginValidation()];
  const handle = toNodeHandler({ fetch: route });
  const server = createServer((request, response) => {
    if (!hostIsLocal(request, response) || !originIsLocal(request, response)) return;
    // The cast is for exactOptionalPropertyTypes, which the adapter was not written under.
    void handle(request as NodeIncomingMessageLike, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    async [Symbol.asyncDispose]() {
      await handshakes.close();
      await stateless.close();
      server.closeAllConnections();
      server.close();
      await app.close();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

/** The handshake engine, once per session. */
function openSessions(app: Session) {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();

  async function open(request: Request): Promise<Response> {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    const engine = await serveHandshake(app, async () => app, transport);
    const response = await transport.handleRequest(request);
    if (transport.sessionId === undefined) await engine.close();
    return response;
  }

  return {
    async fetch(request: Request): Promise<Response> {
      const id = request.headers.get('mcp-session-id');
      if (id === null) return open(request);
      return sessions.get(id)?.handleRequest(request) ?? new Response('No such session.', { status: 404 });
    },
    async close(): Promise<void> {
      for (const transport of sessions.values()) await transport.close();
    },
  };
}
