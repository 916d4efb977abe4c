import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { App } from '../app.ts';
import { type Engine, serveHandshake } from './handshake.ts';

/** Serves one client on stdin and stdout. */
export function serveStdio(app: App): Promise<Engine> {
  return serveHandshake(app, new StdioServerTransport());
}
