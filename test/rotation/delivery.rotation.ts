import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'dotenv';
import { afterAll, expect, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/server.ts';
import { startProcess } from '../process.ts';

const DIE_AT = new URL('./die-at.mjs', import.meta.url).href;
const AT_ONCE = 3;
const folder = mkdtempSync(join(tmpdir(), 'telnyx-mcp-delivery-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const STORE = `import { writeFileSync } from 'node:fs';
let text = '';
for await (const chunk of process.stdin) text += chunk;
writeFileSync(process.argv[2] + '/stored-' + JSON.parse(text).id, JSON.parse(text).sip_password);`;
const VERIFY = `import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
let id = '';
for await (const chunk of process.stdin) id += chunk;
console.log(createHash('sha256').update(readFileSync(process.argv[2] + '/stored-' + id)).digest('hex'));`;

/** A project and a state folder; what was in the project before must be there afterwards. */
function project(place: string) {
  const home = mkdtempSync(join(folder, 'home-'));
  const [work, state] = [join(home, 'work'), join(home, 'state')];
  mkdirSync(work);
  const before: Record<string, string> = {
    '.env': 'A="x\ny"\n',
    's.json': '{"a": 12345678901234567890}\n',
    'l.jsonl': '{"a":1}\n',
  };
  const file = join(work, place);
  if (before[place]) writeFileSync(file, before[place]);
  writeFileSync(join(home, 'store.mjs'), STORE);
  writeFileSync(join(home, 'verify.mjs'), VERIFY);
  const line = (script: string) => [process.execPath, join(home, script), work];
  writeFileSync(
    join(home, 'commands.json'),
    JSON.stringify({ c: { put: line('store.mjs'), verify: line('verify.mjs') } }),
    { mode: 0o600 },
  );
  const everything = (): string =>
    [work, join(state, 'vault')]
      .flatMap((dir) => (existsSync(dir) ? readdirSync(dir).map((name) => join(dir, name)) : []))
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n');
  return {
    deliver_to: place === 'vault' ? 'vault' : place === 'command' ? 'command:c' : `file:${file}`,
    env: {
      TELNYX_MCP_STATE_DIR: state,
      TELNYX_MCP_ALLOW_DIRS: work,
      TELNYX_MCP_COMMANDS_FILE: join(home, 'commands.json'),
    },
    home,
    everything,
    /** Throws when what was there before is not, or does not read as it did. */
    intact(): void {
      const text = before[place] ? readFileSync(file, 'utf8') : '';
      if (place === '.env') expect(parse(text)).toMatchObject({ A: 'x\ny' });
      if (place === 's.json')
        expect([JSON.parse(text).a, text]).toEqual([
          expect.any(Number),
          expect.stringContaining('12345678901234567890'),
        ]);
      if (place === 'l.jsonl') expect(text.split('\n')[0]).toBe('{"a":1}');
    },
    /** A minute passes. */
    age(): void {
      for (const name of readdirSync(work)) if (name.endsWith('.tmp')) utimesSync(join(work, name), 0, 0);
    },
    leftovers: () => readdirSync(work).filter((name) => name !== place && !name.startsWith('stored-')),
  };
}

interface Created {
  structuredContent?: { secret?: { destination: string; place: string } };
}

test.each(
  // A .json file takes the way of a .env.
  ['vault', '.env', 'l.jsonl', 'command'].flatMap((place) => [
    [place, 'killed after', 'DIE_AFTER'] as const,
    [place, 'without space from', 'FULL_FROM'] as const,
  ]),
)(
  'of a delivery to %s %s anything it does to the disk, what was reported is there, and all else as it was',
  async (place, _, how) => {
    await using sandbox = await startSandbox();
    const connection_id = [...sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.id;
    const { PATH = '' } = process.env;
    const serve = (env: Record<string, string>) =>
      startProcess({
        imports: [DIE_AT],
        env: { TELNYX_API_KEY: sandbox.apiKey, TELNYX_BASE_URL: sandbox.baseUrl, PATH, ...env },
      });
    const passwordOf = (name: string) =>
      [...sandbox.world.telephony.values()].find((row) => row.name === name)?.sip_password;
    const deliver = async (
      to: ReturnType<typeof project>,
      name: string,
      env: Record<string, string>,
      prefix = 'TELNYX',
    ) => {
      await using server = await serve({ ...to.env, ...env });
      const call = server.call('create_telephony_credential', {
        connection_id,
        name,
        deliver_to: to.deliver_to,
        prefix,
      });
      return (await call.catch(() => undefined)) as Created | undefined;
    };

    const whole = project(place);
    await deliver(whole, 'whole', { COUNT_INTO: join(whole.home, 'count') });
    const steps = Number(readFileSync(join(whole.home, 'count'), 'utf8'));
    process.stdout.write(`${place}: ${steps} things done to the disk\n`);
    const all = Array.from({ length: steps }, (_, n) => n + 1);
    const one = async (): Promise<void> => {
      for (let at = all.shift(); at !== undefined; at = all.shift()) {
        const to = project(place);
        const name = `${how} ${at}`;
        const result = await deliver(to, name, { [how]: String(at) });
        to.intact();
        const password = passwordOf(name);
        const { secret } = result?.structuredContent ?? {};
        const said = `${how} ${at}: ${JSON.stringify(result)}`;
        if (secret) expect(to.everything(), said).toContain(password ?? '-');
        // What is nowhere is said to be.
        else if (password && how === 'FULL_FROM')
          expect(JSON.stringify(result)).toMatch(/could not be written to|OUTCOME_UNKNOWN/);
        to.age();
        // The next one finds nothing in its way, and leaves nothing of the one before.
        const next = await deliver(to, `then ${at}`, {}, 'NEXT');
        expect(next?.structuredContent?.secret?.destination, `${said}, then ${JSON.stringify(next)}`).toBe(
          place === 'vault' || place === 'command' ? place : 'file',
        );
        expect(to.everything()).toContain(passwordOf(`then ${at}`));
        expect(to.leftovers(), said).toEqual([]);
        to.intact();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  },
);

test.each([
  ['.env', '.env', 'vault'],
  ['l.jsonl', 'l.jsonl', 'vault'],
  ['vault', 'json', undefined],
])(
  'a delivery to %s that the disk has lost by the time it is read back is not called one',
  async (place, LOST, destination) => {
    await using sandbox = await startSandbox();
    const connection_id = [...sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.id;
    const to = project(place);
    const env = { TELNYX_API_KEY: sandbox.apiKey, TELNYX_BASE_URL: sandbox.baseUrl, ...to.env, LOST };
    await using server = await startProcess({ imports: [DIE_AT], env });
    const args = { connection_id, name: 'lost', deliver_to: to.deliver_to };
    const result = await server.call('create_telephony_credential', args);
    expect((result as Created).structuredContent?.secret?.destination).toBe(destination);
    expect(JSON.stringify(result)).toMatch(
      destination ? /what was read back is something else/ : /could not be written to/,
    );
    const [row] = [...sandbox.world.telephony.values()].filter(({ name }) => name === 'lost');
    expect(to.everything().includes(`${row?.sip_password}`)).toBe(destination !== undefined);
    to.intact();
  },
);

test.each(['.env', 's.json', 'l.jsonl'])(
  'of 200 deliveries from four processes into one %s, all that are reported are there',
  async (place) => {
    await using sandbox = await startSandbox();
    const connection_id = [...sandbox.world.connections.values()].find(({ kind }) => kind === 'credential')?.id;
    const to = project(place);
    const env = {
      TELNYX_API_KEY: sandbox.apiKey,
      TELNYX_BASE_URL: sandbox.baseUrl,
      TELNYX_MCP_ALLOW_DIRS: to.env.TELNYX_MCP_ALLOW_DIRS,
    };
    const servers = await Promise.all(Array.from({ length: 4 }, () => startProcess({ env })));
    // No more at once than have their turn within a call's time, however slow the disk.
    const all: { name: string; secret: NonNullable<Created['structuredContent']>['secret'] }[] = [];
    const calls = servers.flatMap((server, s) => {
      const numbers = Array.from({ length: 50 }, (_, n) => n).values();
      return Array.from({ length: 3 }, async () => {
        for (const n of numbers) {
          const args = { connection_id, name: `p ${s} ${n}`, deliver_to: to.deliver_to, prefix: `P${s}_${n}` };
          const { structuredContent } = (await server.call('create_telephony_credential', args)) as Created;
          all.push({ name: args.name, secret: structuredContent?.secret });
        }
      });
    });
    const text = await Promise.all(calls).then(() => {
      const now = readFileSync(to.deliver_to.slice('file:'.length), 'utf8');
      const passwords = new Map([...sandbox.world.telephony.values()].map((row) => [row.name, row.sip_password]));
      for (const { name, secret } of all) {
        const where = secret?.destination === 'file' ? now : readFileSync(`${secret?.place}`, 'utf8');
        expect(where).toContain(passwords.get(name) ?? '-');
      }
      process.stdout.write(
        `${place}: ${all.filter(({ secret }) => secret?.destination === 'file').length} of 200 in the file\n`,
      );
      return now;
    });
    expect(text.length).toBeGreaterThan(1000);
    to.intact();
    expect(to.leftovers()).toEqual([]);
    for (const server of servers) await server[Symbol.asyncDispose]();
  },
);
