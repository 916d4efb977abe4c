import { ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, expect, test, vi } from 'vitest';
import { dataOf, errorOf, type Options, type Person, type Started, startApp, yes } from './app.ts';
import { startStateless } from './by-hand.ts';

// Clients with nobody at them answer by themselves, and clients with somebody give up while they read.

const DELETE = 'delete_telephony_credential';
const idOf = (t: Started): string => [...t.sandbox.world.telephony.keys()][0] ?? '';
const deletions = (t: Started): number => t.sandbox.requests.filter(({ method }) => method === 'DELETE').length;

afterEach(() => vi.useRealTimers());

type Said = Awaited<ReturnType<Person>>;
interface Ended {
  t: Started;
  pages: string[];
  result: Record<string, unknown> | undefined;
  error: string | undefined;
}

/** Asks once on either engine, gets `said` after so many milliseconds, and ends. */
const engines: Record<string, (said: Said, takes: number, browser: boolean) => Promise<Ended & AsyncDisposable>> = {
  async 'inside the call'(said, takes, browser) {
    const { pages, options } = withPages(browser);
    const t = await startApp({ ...options, person: () => said, takes });
    const answer = await t.call(DELETE, { id: idOf(t) });
    return {
      ...{ t, pages, result: answer.structuredContent, error: answer.isError ? errorOf(answer).code : undefined },
      [Symbol.asyncDispose]: () => t[Symbol.asyncDispose](),
    };
  },
  async 'by a call that comes again'(said, takes, browser) {
    const { pages, options } = withPages(browser);
    let now = 0;
    const s = await startStateless({ ...options, clock: () => now });
    const call = { name: DELETE, arguments: { id: idOf(s.t) } };
    const asked = await s.request('tools/call', call);
    now += takes;
    const answered = { ...call, inputResponses: { question: said }, requestState: asked.result?.requestState };
    const { result } = await s.request('tools/call', answered);
    return {
      ...{ t: s.t, pages, result: result?.structuredContent },
      error: result?.isError ? errorOf(result as never).code : undefined,
      [Symbol.asyncDispose]: () => s[Symbol.asyncDispose](),
    };
  },
};

function withPages(browser: boolean): { pages: string[]; options: Options } {
  const pages: string[] = [];
  return { pages, options: browser ? { launch: async (url) => void pages.push(url) } : {} };
}

const OWN = (['decline', 'cancel'] as const).flatMap((action) =>
  Object.keys(engines).flatMap((engine) => [0, 16, 299].map((ms) => [action, engine, ms] as const)),
);

test.each(OWN)('a %s %s after %i ms is the client’s own: the person gets a page', async (action, engine, ms) => {
  await using ended = await engines[engine]?.({ action }, ms, true);
  expect(ended?.result).toMatchObject({ status: 'needs_approval' });
  expect(ended?.pages).toHaveLength(1);
  expect(ended && deletions(ended.t)).toBe(0);
});

test.each(OWN)('a %s %s after %i ms, and no page: nobody can be asked', async (action, engine, ms) => {
  await using ended = await engines[engine]?.({ action }, ms, false);
  expect(ended?.error).toBe('CANNOT_ASK');
  expect(ended && deletions(ended.t)).toBe(0);
});

test.each(Object.keys(engines))(
  'what takes longer is the person’s, and a yes is one however quick (%s)',
  async (engine) => {
    for (const [action, ms, status] of [
      ['decline', 300, 'declined'],
      ['cancel', 300, 'unanswered'],
      ['accept', 0, 'done'],
      ['accept', 400, 'done'],
    ] as const) {
      const said = { action, ...(action === 'accept' && { content: { confirm: true } }) };
      await using ended = await engines[engine]?.(said, ms, true);
      expect(ended?.result).toMatchObject({ status });
      expect(ended?.pages).toEqual([]);
    }
  },
);

test.each([true, false])('a form that comes back as it began is no yes (confirm is false in it: %j)', async (sent) => {
  const seen: unknown[] = [];
  const person: Person = ({ requestedSchema: { properties } }) => {
    const { default: given } = properties.confirm as { default?: boolean };
    seen.push(given);
    return { action: 'accept', content: sent ? { confirm: given ?? true } : {} };
  };
  await using t = await startApp({ person });
  expect(dataOf(await t.call(DELETE, { id: idOf(t) }))).toMatchObject({ status: 'unanswered' });
  expect(seen).toEqual([false]);
  expect(deletions(t)).toBe(0);
});

const failures: [title: string, error: Error, takes: number, browser: boolean, ends: object | string][] = [
  [
    'that it knows no such method',
    new McpError(ErrorCode.MethodNotFound, 'no'),
    5000,
    true,
    { status: 'needs_approval' },
  ],
  [
    'that it knows no such method, without a browser',
    new McpError(ErrorCode.MethodNotFound, 'no'),
    5000,
    false,
    'CANNOT_ASK',
  ],
  ['another error at once', new Error('no terminal'), 1, true, { status: 'needs_approval' }],
  ['another error after a while', new Error('the dialog broke'), 5000, true, { status: 'unanswered' }],
];

test.each(failures)('a client that answers %s', async (_, error, takes, browser, ends) => {
  const { pages, options } = withPages(browser);
  await using t = await startApp({ ...options, takes, person: () => Promise.reject(error) });
  const answer = await t.call(DELETE, { id: idOf(t) });
  if (typeof ends === 'string') expect(errorOf(answer).code).toBe(ends);
  else expect(dataOf(answer)).toMatchObject(ends);
  expect(pages).toHaveLength(browser && takes !== 5000 ? 1 : pages.length);
  expect(t.asked).toHaveLength(1);
  expect(deletions(t)).toBe(0);
});

const waits = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('nobody answers: they are asked once, and the call ends as unanswered', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  await using t = await startApp({ person: () => new Promise(() => undefined), takes: 0 });
  const params = { name: DELETE, arguments: { id: idOf(t) } };
  const calling = t.client.callTool(params, undefined, { timeout: 3_600_000 });
  await vi.waitUntil(() => t.asked.length > 0);
  await vi.advanceTimersByTimeAsync(11 * 60_000);
  expect((await calling).structuredContent).toMatchObject({ status: 'unanswered' });
  expect(t.asked).toHaveLength(1);
  expect(deletions(t)).toBe(0);
});

test('a client that waits 11 s unless it hears something hears a yes after 15 s', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  const person: Person = (asked) => waits(15_000).then(() => yes(asked));
  await using t = await startApp({ person });
  const heard: number[] = [];
  const calling = t.client.callTool({ name: DELETE, arguments: { id: idOf(t) } }, undefined, {
    timeout: 11_000,
    resetTimeoutOnProgress: true,
    onprogress: ({ progress }) => heard.push(progress),
  });
  await vi.waitUntil(() => t.asked.length > 0);
  await vi.advanceTimersByTimeAsync(15_000);
  expect((await calling).structuredContent).toMatchObject({ status: 'done' });
  expect(heard.length).toBeGreaterThanOrEqual(2);
  expect(heard).toEqual([...new Set(heard)].sort((a, b) => a - b));
  const told = heard.length;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(heard).toHaveLength(told);
});

test('without a progress token nothing is sent, and the call goes on all the same', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  await using t = await startApp({ person: (asked) => waits(15_000).then(() => yes(asked)) });
  const calling = t.client.callTool({ name: DELETE, arguments: { id: idOf(t) } });
  await vi.waitUntil(() => t.asked.length > 0);
  await vi.advanceTimersByTimeAsync(15_000);
  expect((await calling).structuredContent).toMatchObject({ status: 'done' });
});
