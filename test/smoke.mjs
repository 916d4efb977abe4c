// What a user gets: the package is packed, installed from the tarball and started, on each Node that is supported.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { checks, session } from './session.mjs';

const MOST_BYTES = 1_500_000;
const MAJORS = ['20', '22', '24', '26'];
const WHOLE = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'dist/main.js'];
const MAY_BE_IN =
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|SECURITY\.md|dist\/THIRD-PARTY-LICENSES\.txt|dist\/[\w-]+\.js(\.map)?)$/;
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare'];

const pkg = JSON.parse(readFileSync('package.json', 'utf8'));
const temporary = mkdtempSync(join(tmpdir(), 'telnyx-mcp-smoke-'));
const folder = (name) => {
  mkdirSync(join(temporary, name));
  return join(temporary, name);
};
const home = folder('home');
// Not the commands of this project, which `npm run` puts first.
const path = process.env.PATH.split(delimiter).filter((entry) => !entry.includes('node_modules'));
// How npm reaches its registry from here; of what else is set, a server must need nothing.
const network = Object.entries(process.env).filter(([name]) =>
  /^(npm_config_(userconfig|globalconfig|registry|cafile)|(npm_config_)?(https?_proxy|no_?proxy)|NODE_EXTRA_CA_CERTS)$/i.test(
    name,
  ),
);
const environment = (node) => ({
  ...Object.fromEntries(network),
  PATH: [dirname(node), ...path].join(delimiter),
  HOME: home,
});
const run = (command, args, options) => execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe', ...options });

/** The program of a Node version: the running one, or one that npm fetches. */
function nodeOf(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  return run('npx', ['-y', '-p', `node@${major}`, '-c', 'node -p process.execPath']).trim();
}

/** Starts the server, looks at its list, and makes a call on the sandbox. */
async function use(start) {
  const [{ tools }, called] = await session(start, [
    { method: 'tools/list' },
    { method: 'tools/call', params: { name: 'list_telephony_credentials', arguments: { limit: 2 } } },
  ]);
  assert.ok(tools.some(({ name }) => name === 'list_telephony_credentials'));
  assert.equal(called.structuredContent.telephony_credentials.length, 2);
}

const { check, end } = checks();
try {
  const [packed] = Object.values(JSON.parse(run('npm', ['pack', '--json', '--pack-destination', temporary])));
  const tarball = join(temporary, packed.filename);
  const files = packed.files.map((file) => file.path);
  await check(`packed, it is ${packed.size} bytes of at most ${MOST_BYTES}`, () => {
    assert.ok(packed.size <= MOST_BYTES);
  });
  await check('the tarball holds what it should, and nothing else', () => {
    for (const file of [...WHOLE, 'dist/THIRD-PARTY-LICENSES.txt']) assert.ok(files.includes(file), file);
    assert.deepEqual(
      files.filter((file) => !MAY_BE_IN.test(file)),
      [],
    );
  });

  const installed = folder('installed');
  // Or npm would look for a project further up. Told by --prefix where to install, it forgets this machine's settings.
  writeFileSync(join(installed, 'package.json'), '{}');
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball], {
    cwd: installed,
    env: environment(process.execPath),
  });
  const modules = join(installed, 'node_modules');
  const { packages } = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8'));
  const names = Object.keys(packages).map((name) => name.replace('node_modules/', ''));
  await check(`installing it brings ${names.join(', ')}: itself and the keychain`, () => {
    assert.ok(names.includes(pkg.name));
    assert.deepEqual(
      names.filter((name) => name !== pkg.name && !/^@napi-rs\/keyring(-|$)/.test(name)),
      [],
    );
  });
  await check('nothing runs when it is installed, and nothing must be there but itself', () => {
    const published = JSON.parse(readFileSync(join(modules, pkg.name, 'package.json'), 'utf8'));
    assert.equal(published.dependencies, undefined);
    assert.deepEqual(Object.keys(published.optionalDependencies), ['@napi-rs/keyring']);
    for (const name of INSTALL_SCRIPTS) assert.equal(published.scripts?.[name], undefined, name);
    assert.deepEqual(
      names.filter((_, index) => Object.values(packages)[index].hasInstallScript),
      [],
    );
  });

  // What is installed does not depend on the Node that npm ran on.
  const main = join(modules, pkg.name, 'dist', 'main.js');
  for (const major of MAJORS) {
    let node;
    await check(`Node ${major} is there`, () => {
      node = nodeOf(major);
      assert.ok(run(node, ['--version']).startsWith(`v${major}.`));
    });
    if (!node) continue;
    const env = environment(node);
    const cwd = installed;
    await check(`Node ${major} starts it by its path`, () =>
      use({ command: node, args: [main, '--sandbox'], cwd, env }),
    );
    await check(`Node ${major} starts it by npx`, () =>
      use({ command: 'npx', args: [pkg.name, '--sandbox'], cwd, env }),
    );
    await check(`Node ${major} starts it by npx from the tarball`, () =>
      use({ command: 'npx', args: ['-y', `file:${tarball}`, '--sandbox'], cwd: folder(`empty-${major}`), env }),
    );
    await check(`Node ${major} tells the version and the help`, () => {
      assert.equal(run(node, [main, '--version'], { cwd, env }).trim(), pkg.version);
      assert.match(run(node, [main, '--help'], { cwd, env }), /--sandbox/);
    });
  }
} catch (error) {
  await check('the rest', () => {
    throw error;
  });
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
end();
