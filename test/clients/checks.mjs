import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { LISTED, newServer } from './server.mjs';

/** Runs one check and tells the runner how it went; the others go on. */
export async function check(what, run) {
  const [outcome, line] = await Promise.resolve()
    .then(run)
    .then(
      () => ['passed', `ok      ${what}`],
      (error) => ['failed', `FAILED  ${what}\n${error.stack}`],
    );
  await new Promise((resolve) => process.send({ outcome, line }, resolve));
}

const UUID = /[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g;

/** What a model gets, be it text, JSON, or JSON within JSON: one text, without the quotes and escapes of any of them. */
const plain = (seen) => (typeof seen === 'string' ? seen : JSON.stringify(seen)).replaceAll(/[\\"]+/g, '');
const idsIn = (seen) => [...new Set(seen.match(UUID))];
const after = (word, seen) => new RegExp(`${word}: ?([^\\s,}]+)`).exec(seen)?.[1];

/**
 * Takes how to connect a client: given a server and, where the client can ask one, a person's answer to a form, it gives
 * `names`, `call` (what the model gets of a call, or what is thrown in its place) and `close`. Plays the same session with
 * each: all a model does, and no more than it sees. `validates` says that the client holds arguments against the schema itself
 * and sends none that do not fit.
 */
export async function playSession(connect, { asks = false, validates = false } = {}) {
  const server = newServer();
  let client;
  const call = async (name, args) => plain(await client.call(name, args).catch((error) => error.message));
  await check('it connects, and lists every tool', async () => {
    client = await connect(server);
    assert.deepEqual((await client.names()).toSorted(), LISTED.map(({ name }) => name).toSorted());
  });
  if (!client) return;

  await check('it reads, and pages with a cursor', async () => {
    const first = await call('list_telephony_credentials', { limit: 3 });
    assert.equal(idsIn(first).length, 3, first);
    const next = await call('list_telephony_credentials', { limit: 3, cursor: after('next_cursor', first) });
    assert.equal(idsIn(next).length, 3, next);
    assert.equal(new Set([...idsIn(first), ...idsIn(next)]).size, 6);
  });
  await check('what a model fills in without need counts as left out', async () => {
    const loose = validates ? {} : { limit: '2', tag: null, connection_id: null };
    const seen = await call('list_telephony_credentials', { limit: 2, name: '', cursor: '', ...loose });
    assert.equal(idsIn(seen).length, 2, seen);
  });
  let made;
  await check('it creates a credential, whose password stays away from the model', async () => {
    const connection_id = /\d{19}/.exec(await call('list_connections', { limit: 1 }))?.[0];
    const seen = await call('create_telephony_credential', { connection_id, name: 'made by a client' });
    assert.match(seen, /status: ?done/);
    assert.match(seen, /destination: ?vault/);
    assert.doesNotMatch(seen, /sip_password:/);
    [made] = idsIn(seen);
    assert.match(await call('get_telephony_credential', { id: made }), /made by a client/);
  });
  await check('an error reaches its model, with what to do next', async () => {
    const missing = await call('get_telephony_credential', { id: 'nobody' });
    assert.match(missing, /error: \{code:NOT_FOUND,message:/);
    assert.match(missing, /next:List the credentials/);
  });
  await check('a selector without a value is refused in words', async () => {
    const seen = await call('delete_expired_telephony_credentials', { connection_id: '' });
    assert.match(seen, /BAD_INPUT/);
    assert.match(seen, /connection_id was given without a value/);
  });
  await check('without a way to ask a person nothing is deleted, and the model is told why', async () => {
    assert.match(await call('delete_telephony_credential', { id: made }), /CANNOT_ASK/);
    assert.match(await call('get_telephony_credential', { id: made }), /made by a client/);
  });
  await check('its server leaves when it does', async () => {
    await client.close();
    assert.ok(await server.left());
  });
  if (asks) await playDeletions(connect);
}

/** Connects, does the work, and closes, whatever comes of it. */
export async function withClient(connect, work) {
  const server = newServer();
  const client = await connect(server);
  try {
    await work(client);
  } finally {
    await client.close();
    await server.left();
  }
}

/** Sooner than this a client has said no by itself. */
const READS_MS = 400;

/** The form as a client shows it: as it begins. */
const begun = ({ properties }) =>
  Object.fromEntries(
    Object.entries(properties).flatMap(([name, schema]) => ('default' in schema ? [[name, schema.default]] : [])),
  );
const ticked = ({ properties }) => Object.fromEntries(Object.keys(properties).map((name) => [name, true]));

const PEOPLE = [
  ['a person who says accept to a deletion is heard', (form) => ({ action: 'accept', content: ticked(form) }), 'done'],
  ['a person who says decline to a deletion is heard', slowly(() => ({ action: 'decline' })), 'declined'],
  [
    'a form sent back as it began deletes nothing',
    slowly((form) => ({ action: 'accept', content: begun(form) })),
    'unanswered',
  ],
  ['a client that declines by itself has asked nobody', () => ({ action: 'decline' }), 'CANNOT_ASK'],
  ['a client that cancels by itself has asked nobody', () => ({ action: 'cancel' }), 'CANNOT_ASK'],
  ['a client that declines by itself leaves the person a page', () => ({ action: 'decline' }), 'needs_approval', true],
];

function slowly(answer) {
  return async (form) => {
    await sleep(READS_MS);
    return answer(form);
  };
}

/** What comes of a deletion by who is asked, or is not. */
export async function playDeletions(connect) {
  for (const [what, answer, ends, browser] of PEOPLE) {
    await check(what, async () => {
      const server = newServer({ browser });
      const questions = [];
      const person = ({ message, requestedSchema }) => {
        questions.push(message);
        assert.equal(requestedSchema.properties.confirm.default, false);
        return answer(requestedSchema);
      };
      const client = await connect(server, person);
      try {
        const call = async (name, args) => plain(await client.call(name, args).catch((error) => error.message));
        const [id] = idsIn(await call('list_telephony_credentials', { limit: 1 }));
        assert.match(await call('delete_telephony_credential', { id }), new RegExp(`(status|code): ?${ends}`));
        assert.equal(questions.length, 1);
        assert.match(questions[0], /^\[Sandbox: nothing real is touched\] Delete /);
        const then = await call('get_telephony_credential', { id });
        assert.equal(then.includes('NOT_FOUND'), ends === 'done', then);
        assert.equal(server.pages(), ends === 'needs_approval' ? 1 : 0);
      } finally {
        await client.close();
        assert.ok(await server.left());
      }
    });
  }
}
