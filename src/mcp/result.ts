import { ToolError } from '../errors.ts';
import type { Log } from '../log.ts';
import { render } from './render.ts';

/** A done call as an MCP result: the structure, and a text that is enough without it. */
export function resultOf(result: Record<string, unknown>) {
  return { content: [{ type: 'text' as const, text: render(result) }], structuredContent: result };
}

/** A failed call as an MCP result an agent can act on. Of an error that is not ours nothing is shown: it could hold anything. */
export function errorResult(error: unknown, log: Log) {
  if (!(error instanceof ToolError)) log('error', 'internal error', { at: whereOf(error) });
  const known =
    error instanceof ToolError
      ? error
      : new ToolError(
          'UNEXPECTED_RESPONSE',
          'Something inside this server failed.',
          'Tell the person: its log (stderr) says where.',
        );
  return { content: [{ type: 'text' as const, text: JSON.stringify(known) }], isError: true };
}

/** Name and top frames of an error, without its message. */
function whereOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? [];
  return [error.name, ...frames.slice(0, 4).map((frame) => frame.trim())].join(' ');
}
