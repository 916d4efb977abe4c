import { setImmediate as settled } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { ElicitRequestSchema, ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, expect, test, vi } from 'vitest';
import { serveHandshake } from '../src/front/mcp/engine-2025.ts';
import { dataOf, errorOf, type Options, type Person, type Started, startApp, yes } from './app.ts';
import { press, visit } from './browser/visitor.ts';
import { startStateless } from './by-hand.ts';
import { until } from './until.ts';

// Clients with nobody at them answer by themselves, and clients with somebody give up while they read.

const DELETE = 'delete_telephony_credential';
const idOf = (t: Started): string => [...t.sandbox.world.telephony.keys()][0] ?? '';
const deletions = (t: Started): number => t.sandbox.requests.filter(({ method }) => method === 'DELETE').length;

afterEach(() => vi.useRealTimers());

/** Only the person takes time. */
const STILL = () => 0;

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
    const t = await startApp({ ...options, clock: STILL, person: () => said, takes });
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

const FAILS: Record<string, Error> = {
  'no such method': new McpError(ErrorCode.MethodNotFound, 'no'),
  'wrong parameters': new McpError(ErrorCode.InvalidParams, 'no'),
  'an internal error': new McpError(ErrorCode.InternalError, 'no'),
  'an error of its own': new McpError(-1, 'no terminal'),
};
const failures = Object.keys(FAILS).flatMap((error) => [
  [error, 0, true] as const,
  [error, 0, false] as const,
  [error, 5000, true] as const,
]);

test.each(failures)('a client that fails with %s after %i ms (a page can open: %j)', async (error, takes, browser) => {
  const { pages, options } = withPages(browser);
  const person: Person = () => Promise.reject(FAILS[error]);
  await using t = await startApp({ ...options, clock: STILL, takes, person });
  const answer = await t.call(DELETE, { id: idOf(t) });
  // Who does not know the method has nobody to ask, however late it says so; else a late failure was a dialog that broke.
  const asksElsewhere = takes === 0 || error === 'no such method';
  if (asksElsewhere && !browser) expect(errorOf(answer).code).toBe('CANNOT_ASK');
  else expect(dataOf(answer)).toMatchObject({ status: asksElsewhere ? 'needs_approval' : 'unanswered' });
  expect(pages).toHaveLength(asksElsewhere && browser ? 1 : 0);
  expect(t.asked).toHaveLength(1);
  expect(deletions(t)).toBe(0);
});

test.each([
  [0, 'needs_approval', 1],
  [5000, 'unanswered', 0],
])('an answer after %i ms that is none: %s', async (takes, status, opened) => {
  const { pages, options } = withPages(true);
  const person = (() => ({ action: 'maybe' })) as unknown as Person;
  await using t = await startApp({ ...options, clock: STILL, takes, person });
  expect(dataOf(await t.call(DELETE, { id: idOf(t) }))).toMatchObject({ status });
  expect(pages).toHaveLength(opened);
  expect(deletions(t)).toBe(0);
});

test('a yes that comes as the seal has expired is none, and nobody is asked again', async () => {
  await using t = await startApp({ clock: STILL, takes: 10 * 60_000, person: yes });
  expect(dataOf(await t.call(DELETE, { id: idOf(t) }))).toMatchObject({ status: 'unanswered' });
  expect(t.asked).toHaveLength(1);
  expect(deletions(t)).toBe(0);
});

/** A call that waits for a person, who has not answered yet. */
async function asking(options: Options = {}) {
  const { pages, options: withBrowser } = withPages(true);
  let answer: (said: Said) => void = () => undefined;
  const person: Person = () =>
    new Promise((resolve) => {
      answer = resolve;
    });
  const t = await startApp({ ...withBrowser, clock: STILL, takes: 0, person, ...options });
  const leave = new AbortController();
  const calling = t.client.callTool({ name: DELETE, arguments: { id: idOf(t) } }, undefined, { signal: leave.signal });
  const ended = calling.then(
    () => 'a result',
    () => 'nothing',
  );
  await until(() => t.asked.length > 0);
  return { t, pages, leave, ended, answer: (said: Said) => answer(said) };
}

test('a client that takes its call back gets no page, and a yes after that is to nothing', async () => {
  const { t, pages, leave, ended, answer } = await asking();
  await using _ = t;
  leave.abort();
  expect(await ended).toBe('nothing');
  answer({ action: 'accept', content: { confirm: true } });
  expect(dataOf(await t.call('list_connections', { limit: 1 }))).toBeTruthy();
  expect(pages).toEqual([]);
  expect(deletions(t)).toBe(0);
});

test('a client that left gets no page', async () => {
  const { t, pages, ended, answer } = await asking();
  await using _ = t;
  await t.client.close();
  expect(await ended).toBe('nothing');
  answer({ action: 'accept', content: { confirm: true } });
  await settled();
  expect(pages).toEqual([]);
  expect(deletions(t)).toBe(0);
});

test('a client that refuses by itself each time leaves the person one page, and its yes acts once', async () => {
  const { pages, options } = withPages(true);
  await using t = await startApp({ ...options, clock: STILL, takes: 1, person: () => ({ action: 'cancel' }) });
  const [id] = [...t.sandbox.world.telephony.keys()];
  const first = dataOf<{ approval_id: string }>(await t.call(DELETE, { id }));
  const second = dataOf<{ approval_id: string }>(await t.call(DELETE, { id }));
  expect(second).toMatchObject({ status: 'needs_approval', approval_id: first.approval_id });
  expect(pages).toHaveLength(1);
  await press(await visit(pages[0] ?? ''), { answer: 'accept' });
  expect(dataOf(await t.call(DELETE, { id, approval_id: first.approval_id }))).toEqual({ status: 'done', id });
  expect(t.asked).toHaveLength(2);
  expect(errorOf(await t.call(DELETE, { id, approval_id: first.approval_id })).code).toBe('BAD_INPUT');
  expect(deletions(t)).toBe(1);
});

const TICK = { question: { action: 'accept', content: { confirm: true } } };
const NOES = (['decline', 'cancel'] as const).map((action) => [action] as const);

/** A client at 2026-07-28 that was asked to delete; `answers` calls again, so many milliseconds later. */
async function askedStateless() {
  const { pages, options } = withPages(true);
  let now = 0;
  const s = await startStateless({ ...options, clock: () => now });
  const call = { name: DELETE, arguments: { id: idOf(s.t) } };
  const { result: asked } = await s.request('tools/call', call);
  const answers = async (inputResponses: object, ms: number, more: object = {}) => {
    now += ms;
    const params = { ...call, arguments: { ...call.arguments, ...more } };
    return (await s.request('tools/call', { ...params, inputResponses, requestState: asked?.requestState })).result;
  };
  return { s, pages, call, answers };
}

test.each(NOES)('what a client refused by itself (%s) it cannot say yes to later', async (action) => {
  const { s, pages, call, answers } = await askedStateless();
  await using _ = s;
  const refused = await answers({ question: { action } }, 1);
  expect(refused?.structuredContent).toMatchObject({ status: 'needs_approval' });
  expect(await answers(TICK, 1000)).toMatchObject({ resultType: 'input_required' });
  // Nor when the person has said no at the page.
  await press(await visit(pages[0] ?? ''), { answer: 'decline' });
  const { approval_id } = refused?.structuredContent ?? {};
  const told = await s.request('tools/call', { ...call, arguments: { ...call.arguments, approval_id } });
  expect(told.result?.structuredContent).toMatchObject({ status: 'declined' });
  expect(await answers(TICK, 1000)).toMatchObject({ resultType: 'input_required' });
  expect(deletions(s.t)).toBe(0);
});

test.each([
  ['decline', 'declined'],
  ['cancel', 'unanswered'],
])('a %s that comes after the seal expired, or again, asks nobody anew', async (action, status) => {
  const { s, pages, answers } = await askedStateless();
  await using _ = s;
  for (const ms of [10 * 60_000, 1000])
    expect((await answers({ question: { action } }, ms))?.structuredContent).toMatchObject({ status });
  expect(pages).toEqual([]);
  expect(deletions(s.t)).toBe(0);
});

test('a person asked by the client after a page is heard, with the approval_id of the page still there', async () => {
  const { s, pages, call, answers } = await askedStateless();
  await using _ = s;
  const refused = await answers({ question: { action: 'cancel' } }, 1);
  await press(await visit(pages[0] ?? ''), { answer: 'accept' });
  const record = s.t.sandbox.world.telephony.get(call.arguments.id);
  if (record) record.name = 'renamed after the yes';
  const { approval_id } = refused?.structuredContent ?? {};
  const again = { ...call, arguments: { ...call.arguments, approval_id } };
  const { result: asked } = await s.request('tools/call', again);
  expect(asked?.inputRequests?.question?.params.message).toContain('renamed after the yes');
  const answered = { ...again, inputResponses: TICK, requestState: asked?.requestState };
  expect((await s.request('tools/call', answered)).result?.structuredContent).toMatchObject({ status: 'done' });
  expect(deletions(s.t)).toBe(1);
});

const waits = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const fakeTime = () =>
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });

test('nobody answers: they are asked once, and the call ends as unanswered', async () => {
  fakeTime();
  const { pages, options } = withPages(true);
  await using t = await startApp({ ...options, person: () => new Promise(() => undefined), takes: 0 });
  const params = { name: DELETE, arguments: { id: idOf(t) } };
  const calling = t.client.callTool(params, undefined, { timeout: 3_600_000 });
  await until(() => t.asked.length > 0);
  await vi.advanceTimersByTimeAsync(11 * 60_000);
  expect((await calling).structuredContent).toMatchObject({ status: 'unanswered' });
  expect(t.asked).toHaveLength(1);
  expect(pages).toEqual([]);
  expect(deletions(t)).toBe(0);
});

test('a client that waits 11 s unless it hears something hears a yes after 15 s', async () => {
  fakeTime();
  const person: Person = (asked) => waits(15_000).then(() => yes(asked));
  await using t = await startApp({ person });
  const heard: number[] = [];
  const strays: Error[] = [];
  t.client.onerror = (error) => strays.push(error);
  const calling = t.client.callTool({ name: DELETE, arguments: { id: idOf(t) } }, undefined, {
    timeout: 11_000,
    resetTimeoutOnProgress: true,
    onprogress: ({ progress }) => heard.push(progress),
  });
  await until(() => t.asked.length > 0);
  await vi.advanceTimersByTimeAsync(15_000);
  expect((await calling).structuredContent).toMatchObject({ status: 'done' });
  expect(heard.length).toBeGreaterThanOrEqual(2);
  expect(heard).toEqual([...new Set(heard)].sort((a, b) => a - b));
  // What comes after the result is for a token that its client knows no more.
  await vi.advanceTimersByTimeAsync(60_000);
  expect(strays).toEqual([]);
});

test('without a progress token nothing is sent, and the call goes on all the same', async () => {
  fakeTime();
  await using t = await startApp({ person: (asked) => waits(15_000).then(() => yes(asked)) });
  const calling = t.client.callTool({ name: DELETE, arguments: { id: idOf(t) } });
  await until(() => t.asked.length > 0);
  await vi.advanceTimersByTimeAsync(15_000);
  expect((await calling).structuredContent).toMatchObject({ status: 'done' });
});

test('progress of the work before, the wait for a person, and the work after only ever grows', async () => {
  await using t = await startApp({ person: (asked) => waits(15_000).then(() => yes(asked)) });
  await t.sandbox.world.ready;
  const used = [...t.sandbox.world.push.values()].find(({ alias }) => alias === 'acme-dialer-android');
  fakeTime();
  const heard: number[] = [];
  const params = { name: 'delete_mobile_push_credential', arguments: { id: used?.id } };
  const onprogress = ({ progress }: { progress: number }): void => void heard.push(progress);
  const calling = t.client.callTool(params, undefined, { onprogress });
  await until(() => t.asked.length > 0);
  const before = heard.length;
  await vi.advanceTimersByTimeAsync(15_000);
  expect((await calling).structuredContent).toMatchObject({ status: 'done' });
  expect(before).toBeGreaterThan(0);
  expect(heard.length).toBeGreaterThanOrEqual(before + 2);
  expect(heard).toEqual([...new Set(heard)].sort((a, b) => a - b));
});

test('a client that shows a page hears that its call goes on while the person looks', async () => {
  fakeTime();
  await using t = await startApp();
  const [here, there] = InMemoryTransport.createLinkedPair();
  const engine = await serveHandshake(t.app, async () => t.app, there);
  const client = new Client({ name: 'test', version: '1' }, { capabilities: { elicitation: { url: {} } } });
  const strays: Error[] = [];
  client.onerror = (error) => strays.push(error);
  let shown = 0;
  client.setRequestHandler(ElicitRequestSchema, async () => {
    shown += 1;
    await waits(15_000);
    return { action: 'accept' as const };
  });
  await client.connect(here);
  const connection_id = [...t.sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.id;
  const params = {
    name: 'create_telephony_credential',
    arguments: { connection_id, name: 'new one', deliver_to: 'browser' },
  };
  const heard: number[] = [];
  const calling = client.callTool(params, undefined, {
    timeout: 11_000,
    resetTimeoutOnProgress: true,
    onprogress: ({ progress }) => heard.push(progress),
  });
  await until(() => shown > 0);
  await vi.advanceTimersByTimeAsync(15_000);
  expect((await calling).structuredContent).toMatchObject({ status: 'done' });
  expect(heard.length).toBeGreaterThanOrEqual(2);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(strays).toEqual([]);
  await client.close();
  await engine.close();
});
