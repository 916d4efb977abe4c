import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { type CallToolResult, ElicitRequestSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { Phone } from '../src/sandbox/phones.ts';
import { startSandbox } from '../src/sandbox/server.ts';
import { screen } from './screen.ts';

interface Credential {
  id: string;
  name: string;
  connection_id: string;
  sip_username: string;
  expires_at: string | null;
}

const DAY = 86_400_000;
const stateDir = mkdtempSync(join(tmpdir(), 'telnyx-demo-'));
const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
// The account outlives the servers: one of them will die.
const sandbox = await startSandbox();
let person: { says: string; answer: ElicitResult };
let { client, pid } = await connect();

async function connect(): Promise<{ client: Client; pid: number }> {
  const client = new Client({ name: 'demo', version: '1' }, { capabilities: { elicitation: { form: {} } } });
  client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
    const { phrase } = 'requestedSchema' in params ? params.requestedSchema.properties : {};
    screen.question(phrase ? `${params.message}\n    ${phrase.description}` : params.message, person.says);
    // A person reads first; what comes sooner is taken for a client's own answer.
    await sleep(400);
    return person.answer;
  });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [main, '--state-dir', stateDir],
    env: { PATH: process.env.PATH ?? '', TELNYX_API_KEY: sandbox.apiKey, TELNYX_BASE_URL: sandbox.baseUrl },
    stderr: 'inherit',
  });
  await client.connect(transport);
  return { client, pid: transport.pid ?? 0 };
}

/** Calls a tool and shows what came back, as the model would see it unless `show` picks from it. */
async function call<T>(name: string, args: Record<string, unknown>, show?: (data: T) => string): Promise<T> {
  screen.call(name, args);
  const result = (await client.callTool({ name, arguments: args })) as CallToolResult;
  const text = result.content.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
  const data = result.structuredContent as T;
  screen.result(show && !result.isError ? show(data) : result.isError ? pretty(text) : text);
  return data;
}

const pretty = (text: string): string => {
  const { code, message, next } = JSON.parse(text.replace('error: ', '')) as Record<string, string>;
  return `${code}: ${message}\nnext: ${next}`;
};
const day = (date: string | null): string => date?.slice(0, 10) ?? 'never';
const inDays = (days: number): string => new Date(Date.now() + days * DAY).toISOString();

async function play(): Promise<void> {
  screen.title('telnyx-credentials-mcp: a session on the sandbox, over stdio, with a real MCP client');
  screen.note(`server: ${client.getServerVersion()?.title}, on the sandbox: nothing real is touched`);

  screen.person('Which softphones stop working within two weeks?');
  const { telephony_credentials: active } = await call<{ telephony_credentials: Credential[]; total: number }>(
    'list_telephony_credentials',
    { status: 'active', limit: 500 },
    ({ total }) => `${total} active credentials`,
  );
  const soon = active
    .filter(({ expires_at }) => expires_at && expires_at < inDays(14))
    .sort((a, b) => day(a.expires_at).localeCompare(day(b.expires_at)));
  screen.agent(`${soon.length} of them:`);
  for (const { name, expires_at } of soon) screen.note(`${day(expires_at)}  ${name}`);

  const wanted = soon[0] ?? active[0];
  if (!wanted) throw new Error('the sandbox is empty');
  screen.person(`Give ${wanted.name} another 90 days.`);
  await call<{ telephony_credentials: Credential[] }>(
    'list_telephony_credentials',
    { name: wanted.name },
    ({ telephony_credentials: rows }) =>
      rows.map(({ id, name, sip_username }) => `${id}  ${name}  ${sip_username}`).join('\n'),
  );
  await call<{ status: string; credential: Credential }>(
    'update_telephony_credential',
    { id: wanted.id, expires_at: inDays(90) },
    ({ status, credential }) => `${status}: ${credential.name} now expires ${day(credential.expires_at)}`,
  );
  screen.agent('Done. A longer life takes nothing from anyone, so nobody was asked.');

  screen.person('Make one for the new kiosk in the lobby.');
  const made = await call<{ credential: Credential; secret: { place: string; fingerprint: string } }>(
    'create_telephony_credential',
    { connection_id: wanted.connection_id, name: 'lobby-kiosk', expires_at: inDays(365) },
    ({ credential, secret }) =>
      `${credential.name}, SIP username ${credential.sip_username}\npassword ${secret.fingerprint} (a fingerprint) in ${secret.place}`,
  );
  const stored = JSON.parse(readFileSync(made.secret.place, 'utf8')) as { sip_password: string };
  screen.agent('Its password is in that file. I have never seen it.');
  screen.note(`(the file holds ${stored.sip_password.length} characters of password; only you can read it)`);

  screen.person('Actually, delete it again.');
  person = { says: '[x] Yes, do it', answer: { action: 'accept', content: { confirm: true } } };
  await call('delete_telephony_credential', { id: made.credential.id });

  screen.person('And the old iOS push credential, it lapses anyway.');
  const { mobile_push_credentials: push } = await call<{
    mobile_push_credentials: {
      id: string;
      alias: string;
      shared_by_telnyx: boolean;
      certificate?: { days_left: number };
    }[];
  }>('list_mobile_push_credentials', { type: 'ios' }, ({ mobile_push_credentials: rows }) =>
    rows
      .map(
        ({ alias, certificate, shared_by_telnyx: shared }) =>
          `${alias}: ${certificate?.days_left} days left${shared ? ' (a demo of Telnyx)' : ''}`,
      )
      .join('\n'),
  );
  const lapsing = push
    .filter((row) => !row.shared_by_telnyx)
    .sort((a, b) => (a.certificate?.days_left ?? 0) - (b.certificate?.days_left ?? 0))[0];
  person = { says: 'Oh. No!', answer: { action: 'decline' } };
  await call('delete_mobile_push_credential', { id: lapsing?.id });
  screen.agent('It is still in use, so it took more than a tick, and you said no: nothing was changed.');

  screen.person('What was that kiosk again?');
  await call('get_telephony_credential', { id: made.credential.id });
  screen.agent('Gone, as you wanted.');
  const [desk] = active.filter(({ id, expires_at }) => id !== wanted.id && expires_at === null);
  if (desk) await straggler(desk);
  await rotation(wanted);
}

interface Moving {
  id: string;
  consumers: string;
  evidence: string[];
  successor: { sip_username: string };
}

/** Two phones on one login, of which one moves, and the other is found before it is cut off. */
async function straggler({ id, name, sip_username }: Credential): Promise<void> {
  const { world } = sandbox;
  const [lobby, meetingRoom] = ['198.51.100.7', '203.0.113.9'].map((ip) => new Phone(world, { ip }));
  meetingRoom?.register(sip_username);
  screen.person(`Rotate the login of ${name}, and end the old one when everyone has moved.`);
  person = { says: '[x] Yes, do it', answer: { action: 'accept', content: { confirm: true } } };
  const { rotation } = await call<{ rotation: Moving }>(
    'rotate_telephony_credential',
    { id, overlap: 'until_moved', at_most: '14d' },
    ({ rotation }) => `the successor is ${rotation.successor.sip_username}`,
  );
  lobby?.register(rotation.successor.sip_username);

  screen.person('I gave the phone in the lobby the new one. Are we done?');
  const look = () =>
    call<{ rotations: Moving[] }>('get_rotation', { id: rotation.id }, ({ rotations: [moving] }) =>
      [moving?.consumers, ...(moving?.evidence ?? [])].join('\n'),
    );
  await look();
  screen.agent('Not yet: someone at 203.0.113.9 still uses the old one. I would have cut them off.');
  screen.person('Ah, the meeting room. Now it has the new one, too.');
  meetingRoom?.moveTo(rotation.successor.sip_username);
  await look();
  screen.agent(
    'Everyone has moved. After a quiet time without a sighting the old one ends by itself, in 14 days at the latest.',
  );
}

interface Rotated {
  status: string;
  rotation: {
    id: string;
    state: string;
    successor: { sip_username: string };
    secret: { place: string };
    retires_at: string;
    done: string[];
    left: string[];
  };
}

/** A rotation whose server dies on the way, and another server that finishes it. */
async function rotation({ id, name }: Credential): Promise<void> {
  screen.person(
    `The laptop with ${name} on it was stolen. Give them a new login, the old one may work for an hour more.`,
  );
  person = { says: '[x] Yes, do it', answer: { action: 'accept', content: { confirm: true } } };
  const die = () => {
    process.kill(pid, 'SIGKILL');
    return true;
  };
  sandbox.fault({ method: 'PATCH', path: `/telephony_credentials/${id}`, hang: 'before', when: die });
  await call('rotate_telephony_credential', { id, overlap: '1h' }).catch(() => undefined);
  screen.result('(the server was killed: no answer)');

  ({ client, pid } = await connect());
  screen.agent('The server died on me. A new one is there; where were we?');
  const { rotations } = await call<{ rotations: Rotated['rotation'][] }>('get_rotation', {}, ({ rotations: [open] }) =>
    [`${open?.id}: ${open?.state}`, ...(open?.done ?? []), `left: ${open?.left.join(', ')}`].join('\n'),
  );
  const { rotation: finished } = await call<Rotated>(
    'continue_rotation',
    { id: rotations[0]?.id },
    ({ status, rotation }) => `${status}: ${rotation.state}, the old one ends ${rotation.retires_at}`,
  );
  screen.agent(
    `One successor, ${finished.successor.sip_username}; its password is in ${finished.secret.place}. The old one ends by itself, even if nobody runs me again.`,
  );
}

try {
  await play();
} finally {
  await client.close();
  await sandbox.close();
  rmSync(stateDir, { recursive: true, force: true });
}
