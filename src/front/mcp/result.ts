import { ToolError, unexpected, whereOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { render } from '../../core/render.ts';

/** A done call as an MCP result: the structure, and a text that is enough without it. */
export function resultOf(result: Record<string, unknown>) {
  return { content: [{ type: 'text' as const, text: render(result) }], structuredContent: result };
}

/**
 * A failed call as an MCP result an agent can act on. Its text is no JSON as a whole: Gemini CLI takes text that is for
 * structured content, holds it against the output schema, and its model reads of missing properties and not of the error.
 */
export function errorResult(error: unknown, log: Log) {
  const text = `error: ${JSON.stringify(asToolError(error, log))}`;
  return { content: [{ type: 'text' as const, text }], isError: true };
}

/** The error as it may be shown. Of one that is not ours nothing is, since it could hold anything: the log says where. */
export function asToolError(error: unknown, log: Log): ToolError {
  if (error instanceof ToolError) return error;
  log('error', 'internal error', { at: whereOf(error) });
  return unexpected('Something inside this server failed.', 'Tell the person: its log (stderr) says where.');
}
