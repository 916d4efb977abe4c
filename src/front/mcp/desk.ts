import type { Asking, Outcome } from '../../core/call.ts';
import type { Answer, ShownPage } from '../../core/consent.ts';
import { ToolError, unexpected, whereOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { isTemplate, matchUri } from '../../core/resource.ts';
import { render } from '../../core/text.ts';
import type { Tool } from '../../core/tool.ts';
import type { CallContext, Session } from '../../host/session.ts';
import { listingOf } from './listing.ts';
import { INVALID_PARAMS } from './message.ts';

/** An error of the protocol itself; both SDKs send its code and message. */
class ProtocolRefusal extends Error {
  readonly code: number;
  readonly data: { uri: string } | undefined;

  constructor(code: number, message: string, data?: { uri: string }) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

const INTERNAL_ERROR = -32603;
const MOST_COMPLETIONS = 100;
const NO_ARGUMENT = 'There is no argument of that name.';

type Completes = () => Promise<string[]>;

/** How an engine reaches a person. */
interface Ways<R> {
  /** Puts a question; undefined when the client has nobody to ask. `go` gives the result of an answer. */
  asked(asking: Asking, go: (answer: Answer) => Promise<R>): Promise<R | undefined> | R | undefined;
  /** Brings the person to a page, before or with the result. */
  shown(page: ShownPage, result: Record<string, unknown>): Promise<R> | R;
}

/** What both engines answer alike, in the shapes both protocol generations share; the session is loaded by who needs it. */
export function createDesk(load: () => Promise<Session>) {
  const running = new Set<Promise<unknown>>();

  const findTool = ({ catalogue }: Session, name: string) =>
    catalogue.find((tool) => tool.name === name) ?? refuse('Unknown tool; tools/list names those there are.');
  const findPrompt = ({ prompts }: Session, name = '') =>
    prompts.find((prompt) => prompt.name === name) ?? refuse('Unknown prompt.');

  /** What fails outside of a tool has no result to say it in, and an SDK would send the error's own words. */
  const saying = async <T>(session: Session, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const { message, next } = asToolError(error, session.log);
      throw new ProtocolRefusal(INTERNAL_ERROR, `${message} ${next}`);
    }
  };

  return {
    listTools: async () => ({ tools: (await load()).catalogue.map(listingOf) }),
    listResources: async () => ({
      resources: (await load()).resources
        .filter((resource) => !isTemplate(resource))
        .map(({ read, complete, needs, ...shown }) => shown),
    }),
    listTemplates: async () => ({
      resourceTemplates: (await load()).resources
        .filter(isTemplate)
        .map(({ read, complete, needs, uri, ...shown }) => ({ uriTemplate: uri, ...shown })),
    }),
    listPrompts: async () => ({
      prompts: (await load()).prompts.map(({ script, needs, arguments: args, ...shown }) => ({
        ...shown,
        arguments: args.map(({ complete, ...argument }) => argument),
      })),
    }),

    /** Runs one round of a tool call; the engine's ways turn its outcome into a result. Failures become results too. */
    call<R>(name: string, args: unknown, context: CallContext, ways: Ways<R | Result>) {
      const round = (async () => {
        const session = await load();
        const tool = findTool(session, name);
        try {
          return await take(session, tool, await session.call(tool, args, context), ways);
        } catch (error) {
          return errorResult(error, session.log);
        }
      })();
      running.add(round);
      const done = () => running.delete(round);
      round.then(done, done);
      return round;
    },

    async read(uri: string, context: CallContext, notFound: number) {
      const session = await load();
      for (const resource of session.resources) {
        const variables = matchUri(resource, uri);
        if (!variables) continue;
        const text = await saying(session, async () => resource.read(variables, await session.deps(context)));
        if (text !== undefined) return { contents: [{ uri, mimeType: resource.mimeType, text }] };
      }
      throw new ProtocolRefusal(notFound, 'Resource not found.', { uri });
    },

    async getPrompt(name: string, args: Record<string, string> = {}) {
      const prompt = findPrompt(await load(), name);
      const declared = prompt.arguments.map((argument) => argument.name);
      if (!Object.keys(args).every((given) => declared.includes(given))) refuse(NO_ARGUMENT);
      const missing = prompt.arguments.find((argument) => argument.required && args[argument.name] === undefined);
      if (missing) refuse(`The argument ${missing.name} is missing.`);
      return {
        description: prompt.description,
        messages: [{ role: 'user' as const, content: { type: 'text' as const, text: prompt.script(args) } }],
      };
    },

    async complete(
      ref: { type: string; name?: string; uri?: string },
      argument: { name: string; value: string },
      context: CallContext,
    ) {
      const session = await load();
      const { name, value } = argument;
      const ofPrompt = (): Completes | undefined => {
        const { complete } =
          findPrompt(session, ref.name).arguments.find((blank) => blank.name === name) ?? refuse(NO_ARGUMENT);
        return complete && (async () => complete(value, session.recent));
      };
      const ofResource = (): Completes | undefined => {
        const resource = session.resources.find(({ uri }) => uri === ref.uri) ?? refuse('Unknown resource.');
        const { complete = {} } = resource;
        const typed = Object.hasOwn(complete, name) ? complete[name] : refuse(NO_ARGUMENT);
        return typed && (async () => typed(value, await session.deps(context)));
      };
      const completes = ref.type === 'ref/prompt' ? ofPrompt() : ofResource();
      const all = completes ? await saying(session, completes) : [];
      return {
        completion: {
          values: all.slice(0, MOST_COMPLETIONS),
          total: all.length,
          hasMore: all.length > MOST_COMPLETIONS,
        },
      };
    },

    /** Resolves when no call is running. */
    async idle(): Promise<void> {
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}

type Result = ReturnType<typeof resultOf>;

async function take<R>(session: Session, tool: Tool, outcome: Outcome, ways: Ways<R | Result>): Promise<R | Result> {
  if (outcome.kind === 'result')
    return outcome.shown ? await ways.shown(outcome.shown, outcome.result) : resultOf(outcome.result);
  const go = async (answer: Answer) => take(session, tool, await outcome.resume(answer), ways);
  return (await ways.asked(outcome, go)) ?? resultOf(await session.askOnPage(tool, outcome));
}

function refuse(message: string): never {
  throw new ProtocolRefusal(INVALID_PARAMS, message);
}

/** A done call as an MCP result: the structure, and a text that is enough without it. */
export function resultOf(result: Record<string, unknown>) {
  return { content: [{ type: 'text' as const, text: render(result) }], structuredContent: result };
}

/**
 * A failed call as an MCP result an agent can act on. Its text is no JSON as a whole: Gemini CLI takes text that is for
 * structured content, holds it against the output schema, and its model reads of missing properties and not of the error.
 */
function errorResult(error: unknown, log: Log) {
  const text = `error: ${JSON.stringify(asToolError(error, log))}`;
  return { content: [{ type: 'text' as const, text }], isError: true };
}

/** The error as it may be shown. Of one that is not ours nothing is, since it could hold anything: the log says where. */
function asToolError(error: unknown, log: Log): ToolError {
  if (error instanceof ToolError) return error;
  log('error', 'internal error', { at: whereOf(error) });
  return unexpected('Something inside this server failed.', 'Tell the person: its log (stderr) says where.');
}
