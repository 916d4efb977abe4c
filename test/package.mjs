// The bundle for desktop clients, unpacked and started as they do it; needs `npm run package` and mcpb.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { checks, session } from './session.mjs';

const MOST_BYTES = 1_500_000;
const OUT = '.build/package';
const MADE_UP_KEY = 'KEY0123456789ABCDEF-of-nobody';

const json = (file) => JSON.parse(readFileSync(file, 'utf8'));
const { name, version } = json('package.json');
const packed = `${OUT}/${name}-${version}.mcpb`;
const temporary = mkdtempSync(join(tmpdir(), 'telnyx-mcp-package-'));
const unpacked = join(temporary, 'extension with a space');
const home = join(temporary, 'home');
mkdirSync(home);

/** What a client puts in for `${…}`; throws for anything it would not know. */
const filledIn = (text) =>
  text.replace(/\$\{([^}]*)\}/g, (_, variable) => {
    const value = { __dirname: unpacked, 'user_config.api_key': MADE_UP_KEY }[variable];
    if (value === undefined) throw new Error(`no client knows ${variable}`);
    return value;
  });

const { check, end } = checks();
try {
  await check('server.json is as the registry wants it', () => {
    const ajv = new Ajv2020();
    assert.ok(ajv.validate(json('test/server.schema.json'), json(`${OUT}/server.json`)), ajv.errorsText());
  });
  await check('the bundle is small, and whole', () => {
    assert.ok(statSync(packed).size <= MOST_BYTES);
    execFileSync('mcpb', ['unpack', packed, unpacked], { stdio: 'pipe' });
    execFileSync('mcpb', ['validate', join(unpacked, 'manifest.json')], { stdio: 'pipe' });
    for (const file of ['LICENSE', 'dist/THIRD-PARTY-LICENSES.txt']) assert.ok(existsSync(join(unpacked, file)), file);
  });
  const { server, tools } = json(join(unpacked, 'manifest.json'));
  await check('it starts as a client starts it, with the tools it tells of', async () => {
    const { command, args, env } = server.mcp_config;
    assert.equal(command, 'node');
    const [listed] = await session(
      {
        // A desktop client has a Node of its own.
        command: process.execPath,
        args: args.map(filledIn),
        cwd: home,
        env: {
          PATH: process.env.PATH,
          HOME: home,
          ...Object.fromEntries(Object.entries(env).map(([variable, value]) => [variable, filledIn(value)])),
        },
      },
      [{ method: 'tools/list' }],
    );
    assert.deepEqual(
      listed.tools.map((tool) => tool.name),
      tools.map((tool) => tool.name),
    );
    assert.ok(existsSync(join(unpacked, server.entry_point)));
  });
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
end();
