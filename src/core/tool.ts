import { z } from 'zod';
import type { PageUploads } from '../approval/local-pages.ts';
import type { Looks } from '../jobs/looks.ts';
import type { Fleets } from '../jobs/runner.ts';
import type { Work } from '../jobs/work.ts';
import type { FolderRules } from '../secrets/allowed-folder.ts';
import { redact } from '../secrets/secret.ts';
import type { Change } from '../telnyx/http.ts';
import { isRecord } from './basics.ts';
import type { Binding, Question } from './consent.ts';
import type { Cursors } from './cursor.ts';
import { visible } from './text.ts';

/** Groups of tools that an operator can leave out. */
export type Toolset = 'telephony' | 'push' | 'rotation' | 'connections' | 'secrets';

/** What a tool does to the account; its MCP hints follow from it. */
export type Effect = 'read' | 'create' | 'update' | 'destroy';

/** What a tool may use, for one call. */
export interface Deps extends Work {
  uploads(): Promise<PageUploads>;
  cursors: Cursors;
  /** What relative paths are relative to, and which folders are this server's to use. */
  folders: FolderRules;
  fleets: Fleets;
  looks: Looks;
  progress(done: number, total?: number): void;
}

/** Something that will be done: a request, or what a longer job does, in words. */
export type Step = Change | string;

/**
 * What a call would do, of one reading, with nothing changed yet. A tool adds to it what it holds in memory: material whose
 * fingerprint is bound, for example.
 */
export interface Proposal {
  /** What the change rests on: who, on what connection, until when, which material, where to. A yes is given to its digest. */
  binding: Binding;
  /** Words for a person, made of the binding; absent when nobody needs to be asked. Only names are looked up for it. */
  question?: (() => Question | Promise<Question>) | undefined;
  /** What will be done, in this order: a dry run shows it, a run does it. */
  steps: Step[];
  /** Where a new secret will go. */
  secret_to?: string;
  /** What was read this very moment and need not be read again; left out once a person has been waited for. */
  seen?: unknown;
}

/** What is given when there is nothing to do: it is under way already, or waits for a person. */
export interface Instead {
  steps: string[];
  instead(): Promise<Result> | Result;
}

/** That there is nothing to do, and what is given all the same. */
export const nothing = (why: string, instead: Instead['instead']): Instead => ({ steps: [`nothing: ${why}`], instead });

type Result = Record<string, unknown>;

/** Whether a tool asks a person: for everything it changes, or only for what takes something away or lets something leave. */
type Asks = 'never' | 'maybe' | 'always';

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
}

interface Changing<I extends z.ZodObject, O extends z.ZodObject, P extends Proposal> extends Definition<I, O> {
  effect: Exclude<Effect, 'read'>;
  asks: Asks;
  /** True when it may have to wait for files a person drops at a page. */
  uploads?: true;
  /** True when its work may outlast the call. */
  lasts?: true;
  /** The only place that takes the arguments, and that reads files; changes nothing. Throws when it must not be done. */
  propose(args: z.output<I>, deps: Deps): Promise<P | Instead>;
  /**
   * Does what was proposed. It looks before it acts, and acts only while the world is as the binding says; throws
   * `CONFLICT` with what it found otherwise.
   */
  run(proposal: P, deps: Deps): Promise<z.input<O>>;
}

/** A tool as the catalogue holds it, whatever its arguments and results. */
export type Tool = ReadTool | ChangeTool;

interface ReadTool extends Definition<z.ZodObject, z.ZodObject> {
  effect: 'read';
  run(args: Record<string, unknown>, deps: Deps): Promise<Result>;
}

export interface ChangeTool extends Definition<z.ZodObject, z.ZodObject> {
  effect: Exclude<Effect, 'read'>;
  asks: Asks;
  propose(args: Record<string, unknown>, deps: Deps): Promise<Proposal | Instead>;
  run(proposal: Proposal, deps: Deps): Promise<Result>;
}

/** A tool that changes nothing: `run` throws ToolError, formats no text, catches nothing. Undeclared arguments are refused. */
export function defineRead<I extends z.ZodObject, O extends z.ZodObject>(
  tool: Definition<I, O> & { run(args: z.output<I>, deps: Deps): Promise<z.input<O>> },
): ReadTool {
  return { ...tool, effect: 'read', input: tool.input.strict() } as unknown as ReadTool;
}

/**
 * A tool that changes something: it takes `dry_run`, and its results say what came of it by `status`; its own fields are
 * there when that is `done`. A proposal that asks otherwise than the tool says it does is a mistake of ours.
 */
export function defineChange<I extends z.ZodObject, O extends z.ZodObject, P extends Proposal>(
  tool: Changing<I, O, P>,
): ChangeTool {
  const asks = tool.asks !== 'never';
  return {
    ...tool,
    input: tool.input.extend({ dry_run: z.boolean().optional(), ...(asks && approval) }).strict(),
    output: z.object({
      ...outcome,
      status: z.enum([
        'done',
        'planned',
        ...(tool.lasts ? (['in_progress'] as const) : []),
        ...(asks ? (['declined', 'unanswered', 'needs_approval'] as const) : []),
        ...(tool.uploads ? (['needs_upload'] as const) : []),
      ]),
      ...(asks && asked),
      ...(tool.uploads && uploading),
      ...tool.output.partial().shape,
    }),
    propose: async (args: z.output<I>, deps: Deps) => {
      const proposal = await tool.propose(args, deps);
      if ('instead' in proposal)
        return { ...proposal, instead: async () => ({ status: 'done', ...(await proposal.instead()) }) };
      if (tool.asks !== 'maybe' && asks !== (proposal.question !== undefined))
        throw new Error(`${tool.name} ${tool.asks} asks`);
      return proposal;
    },
    run: async (proposal: P, deps: Deps) => ({ status: 'done', ...(await tool.run(proposal, deps)) }),
  } as unknown as ChangeTool;
}

const outcome = {
  plan: z
    .object({
      steps: z.array(z.string()),
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

/** The four MCP hints of a tool. Creates only add; what asks takes away or overwrites; deleting or setting twice is once. */
export function hintsFor(tool: Tool) {
  return {
    readOnlyHint: tool.effect === 'read',
    destructiveHint: tool.effect !== 'read' && tool.asks !== 'never',
    idempotentHint: tool.effect !== 'create',
    openWorldHint: true,
  };
}

/**
 * Takes what is declared of a result, and the result; gives what of it may leave: no field that is not declared, no
 * secret, no character that nobody sees. Keys and the words that the schema spells out are ours, and stay as they are: a
 * secret that is one of them must not take it out of every answer.
 */
export function project(output: z.ZodObject, result: unknown): Record<string, unknown> {
  return shown(output, output.parse(result)) as Record<string, unknown>;
}

/** A text from outside as it may leave. */
export const shownText = (text: string): string => redact(visible(text));

function shown(schema: z.core.$ZodType | undefined, value: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return shown(schema.unwrap(), value);
  if (typeof value === 'string') return schema instanceof z.ZodEnum ? value : shownText(value);
  if (Array.isArray(value)) {
    const element = schema instanceof z.ZodArray ? schema.element : undefined;
    return value.map((item) => shown(element, item));
  }
  if (!isRecord(value)) return value;
  const fields: Record<string, z.core.$ZodType> = schema instanceof z.ZodObject ? schema.shape : {};
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shown(fields[key], item)]));
}
