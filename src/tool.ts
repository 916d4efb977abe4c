import { z } from 'zod';
import type { Cursors } from './cursor.ts';
import type { Fleets } from './fleet/runner.ts';
import type { PageUploads } from './people/page-uploads.ts';
import type { Question } from './people/question.ts';
import type { Ledger } from './rotation/ledger.ts';
import type { Destinations } from './secrets/destinations.ts';
import type { Secret } from './secrets/secret.ts';
import type { Vault } from './secrets/vault.ts';
import type { Http } from './telnyx/http.ts';
import type { Toolset } from './toolsets.ts';

/** What a tool does to the account; its MCP hints follow from it. */
export type Effect = 'read' | 'create' | 'update' | 'destroy';

/** What a tool may use, for one call. */
export interface Deps {
  http: Http;
  vault: Vault;
  destinations: Destinations;
  uploads(): Promise<PageUploads>;
  cursors: Cursors;
  ledger: Ledger;
  fleets: Fleets;
  fingerprint(secret: Secret | null): string | null;
  now(): Date;
  pause(ms: number): Promise<void>;
  /** Milliseconds until this call should have answered. */
  timeLeft(): number;
  progress(done: number, total?: number): void;
}

/** What a change would do: requests in their order, secrets withheld, and where a new secret would go. */
interface Plan {
  requests: (
    | string
    | { method: 'POST' | 'PATCH' | 'DELETE'; path: string; body?: Record<string, unknown> | undefined }
  )[];
  secret_to?: string;
}

interface Definition<I extends z.ZodObject, O extends z.ZodObject> {
  name: string;
  title: string;
  description: string;
  toolset: Toolset;
  input: I;
  /**
   * Which of its arguments narrow down what a change is about. Left out, they leave more: so an empty one is refused,
   * where that of any other argument counts as left out.
   */
  selects?: readonly Extract<keyof I['shape'], string>[];
  /** The allow-list of what leaves: a field that is not declared here is dropped. */
  output: O;
  /** Does it. Throws ToolError, formats no text, catches nothing. */
  run(args: z.output<I>, deps: Deps): Promise<z.input<O>>;
}

interface Change<I extends z.ZodObject, O extends z.ZodObject> extends Omit<Definition<I, O>, 'run'> {
  effect: Exclude<Effect, 'read'>;
  /** True when it may have to wait for files a person drops at a page. */
  uploads?: true;
  /** True when its work may outlast the call. */
  lasts?: true;
  /**
   * The question a person must answer first, from a fresh read; undefined when these arguments need none. Required for
   * `destroy`. Throws when the thing must not be done at all.
   */
  confirm?(args: z.output<I>, deps: Deps): Promise<Question | undefined>;
  /** What `run` would send, after the same checks; it may read. */
  plan(args: z.output<I>, deps: Deps): Promise<Plan>;
  /** `agreed` is the question that `confirm` gave for this very call: what is done must be what it says. */
  run(args: z.output<I>, deps: Deps, agreed?: Question): Promise<z.input<O> | NeedsUpload>;
}

interface NeedsUpload {
  status: 'needs_upload';
  upload_id: string;
  message: string;
}

/** A tool as the catalogue holds it, whatever its arguments and results. */
export interface Tool extends Omit<Definition<z.ZodObject, z.ZodObject>, 'run'> {
  effect: Effect;
  run(args: Record<string, unknown>, deps: Deps, agreed?: Question): Promise<Record<string, unknown>>;
  confirm?(args: Record<string, unknown>, deps: Deps): Promise<Question | undefined>;
  plan?(args: Record<string, unknown>, deps: Deps): Promise<Plan>;
}

/** A tool that changes nothing. Its input is strict: an argument a person never saw declared is refused. */
export function defineRead<I extends z.ZodObject, O extends z.ZodObject>(tool: Definition<I, O>): Tool {
  return { ...tool, effect: 'read', input: tool.input.strict() } as Tool;
}

/**
 * A tool that changes something: it takes `dry_run`, and its results say what came of it by `status`; its own fields are
 * there when that is `done`.
 */
export function defineChange<I extends z.ZodObject, O extends z.ZodObject>(tool: Change<I, O>): Tool {
  return {
    ...tool,
    input: tool.input.extend({ dry_run: z.boolean().optional(), ...(tool.confirm && approval) }).strict(),
    output: z.object({
      ...outcome,
      status: z.enum([
        'done',
        'planned',
        ...(tool.lasts ? (['in_progress'] as const) : []),
        ...(tool.confirm ? (['declined', 'unanswered', 'needs_approval'] as const) : []),
        ...(tool.uploads ? (['needs_upload'] as const) : []),
      ]),
      ...(tool.confirm && asked),
      ...(tool.uploads && uploading),
      ...tool.output.partial().shape,
    }),
    run: async (args: z.output<I>, deps: Deps, agreed?: Question) => ({
      status: 'done',
      ...(await tool.run(args, deps, agreed)),
    }),
  } as unknown as Tool;
}

const outcome = {
  plan: z
    .object({
      requests: z.array(z.string()),
      asks: z.string().optional(),
      secret_to: z.string().optional(),
    })
    .optional(),
};

const uploading = {
  message: z.string().optional(),
  upload_id: z.string().optional(),
};

const approval = { approval_id: z.string().optional() };

const asked = {
  message: z.string().optional(),
  approval_id: z.string().optional(),
};

/** The four MCP hints of an effect. Creates only add; an update may overwrite; deleting or setting twice is once. */
export function hintsFor(effect: Effect) {
  return {
    readOnlyHint: effect === 'read',
    destructiveHint: effect === 'update' || effect === 'destroy',
    idempotentHint: effect !== 'create',
    openWorldHint: true,
  };
}
