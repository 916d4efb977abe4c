import type { z } from 'zod';
import type { Cursors } from './cursor.ts';
import type { Question } from './people/question.ts';
import type { Secret } from './secrets/secret.ts';
import type { Vault } from './secrets/vault.ts';
import type { Http } from './telnyx/http.ts';

/** What a tool does to the account; its MCP hints follow from it. */
export type Effect = 'read' | 'create' | 'update' | 'destroy';

export const TOOLSETS = ['telephony', 'push', 'connections'] as const;
export type Toolset = (typeof TOOLSETS)[number];

/** What a tool may use, for one call. */
export interface Deps {
  http: Http;
  vault: Vault;
  cursors: Cursors;
  fingerprint(secret: Secret | null): string | null;
  now(): Date;
  progress(done: number, total?: number): void;
}

export interface Tool<I extends z.ZodObject = z.ZodObject, O extends z.ZodObject = z.ZodObject> {
  name: string;
  title: string;
  description: string;
  toolset: Toolset;
  effect: Effect;
  input: I;
  /** The allow-list of what leaves: a field that is not declared here is dropped. */
  output: O;
  /**
   * The question a person must answer first, from a fresh read; undefined when these arguments need none. Required for
   * `destroy`. Throws when the thing must not be done at all.
   */
  confirm?(args: z.output<I>, deps: Deps): Promise<Question | undefined>;
  /** Does it. Throws ToolError, formats no text, catches nothing. */
  run(args: z.output<I>, deps: Deps): Promise<z.input<O>>;
}

/** A tool with its types tied together. Its input is strict: an argument a person never saw declared is refused. */
export function defineTool<I extends z.ZodObject, O extends z.ZodObject>(tool: Tool<I, O>): Tool<I, O> {
  return { ...tool, input: tool.input.strict() as I };
}

/** The four MCP hints of an effect. Creates only add; an update may overwrite; deleting or setting twice is once. */
export function hintsFor(effect: Effect) {
  return {
    readOnlyHint: effect === 'read',
    destructiveHint: effect === 'update' || effect === 'destroy',
    idempotentHint: effect !== 'create',
    openWorldHint: true,
  };
}
