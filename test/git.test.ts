import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dataOf, errorOf, startApp } from './app.ts';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'telnyx-mcp-git-')));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);
function write(name: string, text = ''): void {
  mkdirSync(dirname(at(name)), { recursive: true });
  writeFileSync(at(name), text);
}

const ALONE = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
const gitIn = (below: string, ...args: string[]): void =>
  void execFileSync('git', ['-c', 'protocol.file.allow=always', '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
    cwd: at(below),
    stdio: 'ignore',
    env: { ...process.env, ...ALONE },
  });
const git = (...args: string[]): void => gitIn('.', ...args);
/** A repository that tracks these files, by their very names. */
const tracks = (...names: string[]): void => {
  git('init');
  for (const name of names) write(name);
  git('--literal-pathspecs', 'add', '-f', ...names);
};
const commit = (below = '.'): void => gitIn(below, 'commit', '--allow-empty', '-m', 'x');

/** Delivers to a file below the folder, and gives what came of it. */
async function deliver(name: string, env: Record<string, string> = {}) {
  const childEnv = { PATH: process.env.PATH ?? '', HOME: folder, ...env };
  await using t = await startApp({ config: { allowDirs: [folder], childEnv } });
  const connection = [...t.sandbox.world.connections.values()].find(({ kind }) => kind === 'credential');
  const result = await t.call('create_telephony_credential', {
    connection_id: connection?.id,
    name: 'new one',
    deliver_to: `file:${at(name)}`,
  });
  const isThere = existsSync(at(name)) && readFileSync(at(name), 'utf8').includes('SIP_PASSWORD');
  const created = t.sandbox.requests.some(({ method }) => method === 'POST');
  expect(created).toBe(isThere);
  if (result.isError) return { refused: errorOf(result), created };
  return { warning: dataOf<{ secret: { warning?: string } }>(result).secret.warning, created };
}

const tracked: [what: string, name: string, prepare: () => void][] = [
  ['a file', '.env', () => tracks('.env')],
  ['a file that is deleted by now', '.env', () => (tracks('.env'), rmSync(at('.env')))],
  ['a file in a folder', 'a/b/.env', () => tracks('a/b/.env')],
  ['a file that is ignored as well', '.env', () => (tracks('.env'), write('.gitignore', '.env'))],
  ['a name with magic of git in it', ':(icase)x.env', () => tracks(':(icase)x.env')],
  ['a name with a pattern in it', '[a]*.env', () => tracks('[a]*.env')],
  [
    'a name that begins like an option',
    '--a.env',
    () => (git('init'), write('--a.env'), git('add', '-f', '--', '--a.env')),
  ],
  ['a name with a backslash', 'a\\b.env', () => tracks('a\\b.env')],
  ['a name in other letters', '.env', () => tracks('.ENV')],
  [
    'a file in a linked worktree',
    'tree/.env',
    () => (
      git('init', 'main'),
      commit('main'),
      gitIn('main', 'worktree', 'add', '../tree'),
      write('tree/.env'),
      gitIn('tree', 'add', '.env')
    ),
  ],
  [
    'a file in a submodule',
    'main/sub/.env',
    () => (
      git('init', 'main'),
      git('init', 'other'),
      commit('other'),
      gitIn('main', 'submodule', 'add', '../other', 'sub'),
      write('main/sub/.env'),
      gitIn('main/sub', 'add', '.env')
    ),
  ],
  ['a file that a repository around the nearest has', 'inner/.env', () => (tracks('inner/.env'), git('init', 'inner'))],
  ['a file below a .git that is none', 'inner/.env', () => (tracks('inner/.env'), mkdirSync(at('inner/.git')))],
  [
    'a file of a repository whose worktree lies above it',
    'a/.env',
    () => (
      git('init', 'a'), write('a/.env'), gitIn('a', 'config', 'core.worktree', folder), gitIn('a', 'add', '-f', '.env')
    ),
  ],
];

test.each(tracked)('%s that git tracks gets no secret', async (_, name, prepare) => {
  prepare();
  expect(await deliver(name)).toMatchObject({
    refused: { code: 'BAD_INPUT', message: expect.stringContaining('tracked by git') },
  });
});

test.each([
  ['GIT_DIR', () => at('elsewhere/.git')],
  ['GIT_INDEX_FILE', () => at('elsewhere/.git/index')],
  ['GIT_WORK_TREE', () => at('elsewhere')],
  ['GIT_CEILING_DIRECTORIES', () => folder],
  ['GIT_ICASE_PATHSPECS', () => '1'],
  ['GIT_LITERAL_PATHSPECS', () => '1'],
])('a %s of ours does not hide that git tracks a file', async (variable, value) => {
  git('init', 'elsewhere');
  tracks('a/.env');
  const { refused } = await deliver('a/.env', { [variable]: value() });
  expect(refused).toMatchObject({ code: 'BAD_INPUT' });
});

const unsaid: [what: string, prepare: () => void][] = [
  ['the index is damaged', () => writeFileSync(at('.git/index'), 'x')],
  [
    'the repository is of a format that it does not know',
    () => (git('config', 'core.repositoryformatversion', '1'), git('config', 'extensions.nobody-knows', '1')),
  ],
  ['its settings are damaged', () => writeFileSync(at('.git/config'), '[')],
  ['it is no repository', () => rmSync(at('.git/HEAD'))],
];

test.each(unsaid)('where git cannot say, since %s, nothing is created', async (_, prepare) => {
  tracks('.env');
  prepare();
  const { refused } = await deliver('.env');
  expect(refused).toMatchObject({
    code: 'CONFIGURATION',
    message: expect.stringMatching(/git could not say .*\(status 128\)/),
  });
  // Of what it says nothing is handed on.
  expect(JSON.stringify(refused)).not.toMatch(/fatal|nobody-knows/);
});

test.runIf(process.getuid?.() === 0)(
  'where git cannot say, since the repository is of another user, nothing is created',
  async () => {
    tracks('.env');
    chownSync(at('.git'), 12345, 12345);
    chownSync(folder, 12345, 12345);
    expect((await deliver('.env')).refused).toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining('(status 128)'),
    });
  },
);

test.each([
  ['is missing', ''],
  ['is killed', '#!/bin/sh\nkill -9 $$\n'],
  ['ends in a way of its own', '#!/bin/sh\nexit 2\n'],
])('where git %s, nothing is created', async (_, script) => {
  tracks('.env');
  mkdirSync(at('bin'));
  if (script) writeFileSync(at('bin/git'), script);
  if (script) chmodSync(at('bin/git'), 0o755);
  expect((await deliver('.env', { PATH: at('bin') })).refused).toMatchObject({ code: 'CONFIGURATION' });
});

const GIT_MAY = /^\S+ may be committed: git does not ignore it/;

test.each<[what: string, name: string, prepare: () => void, warning: RegExp | undefined]>([
  ['no repository', '.env', () => undefined, undefined],
  ['a repository that does not ignore it', '.env', () => git('init'), GIT_MAY],
  ['a repository that ignores it', '.env', () => (git('init'), write('.gitignore', '.env*')), undefined],
  [
    'a repository that ignores its folder',
    'a/.env',
    () => (git('init'), write('.gitignore', 'a/'), mkdirSync(at('a'))),
    undefined,
  ],
  [
    'a repository that ignores a name like magic',
    ':(icase)x.env',
    () => (git('init'), write('.gitignore', ':(icase)x.env')),
    undefined,
  ],
  ['a repository that has another file of that pattern', '*.env', () => tracks('a.env'), GIT_MAY],
  [
    'a submodule that ignores it',
    'main/sub/.env',
    () => (
      git('init', 'main'),
      git('init', 'other'),
      write('other/.gitignore', '.env'),
      gitIn('other', 'add', '.'),
      commit('other'),
      gitIn('main', 'submodule', 'add', '../other', 'sub')
    ),
    undefined,
  ],
  ...['.jj', '.hg', '.svn', '.sl', '.bzr', '.pijul', '_darcs', '.fslckout', '_FOSSIL_', 'CVS'].map(
    (marker): [string, string, () => void, RegExp] => [
      `a working copy of ${marker}`,
      'a/.env',
      () => (mkdirSync(at('a')), mkdirSync(at(marker))),
      GIT_MAY,
    ],
  ),
  [
    'a working copy of jj beside a repository that ignores it',
    '.env',
    () => (git('init'), mkdirSync(at('.jj')), write('.gitignore', '.env')),
    undefined,
  ],
])('a file in %s gets the secret, and a warning where it may be committed', async (_, name, prepare, warning) => {
  prepare();
  const delivered = await deliver(name);
  expect(delivered).toMatchObject({ created: true });
  expect(delivered.warning ?? '').toMatch(warning ?? /^$/);
});

/** A clone that has not fetched its .gitignore, and would do so when asked what is ignored. */
function partialClone(): void {
  git('init', 'origin');
  write('origin/.gitignore', '.env');
  gitIn('origin', 'add', '.');
  commit('origin');
  gitIn('origin', 'config', 'uploadpack.allowFilter', 'true');
  git('clone', '--filter=blob:none', '--no-checkout', `file://${at('origin')}`, 'work');
  gitIn('work', 'read-tree', 'HEAD');
  gitIn('work', 'update-index', '--skip-worktree', '.gitignore');
}

test.each<[what: string, prepare: (run: string) => void]>([
  ['core.fsmonitor', (run) => gitIn('work', 'config', 'core.fsmonitor', run)],
  ['core.pager', (run) => gitIn('work', 'config', 'core.pager', run)],
  ['an alias', (run) => gitIn('work', 'config', 'alias.ls-files', `!${run}`)],
  [
    'a filter',
    (run) => {
      for (const kind of ['clean', 'smudge', 'process']) gitIn('work', 'config', `filter.x.${kind}`, run);
      write('work/.gitattributes', '* filter=x');
    },
  ],
  [
    'core.hooksPath',
    (run) => {
      for (const hook of ['post-index-change', 'fsmonitor-watchman', 'post-checkout']) {
        write(`hooks/${hook}`, `#!/bin/sh\n${run}\n`);
        chmodSync(at(`hooks/${hook}`), 0o755);
      }
      gitIn('work', 'config', 'core.hooksPath', at('hooks'));
      gitIn('work', 'config', 'core.untrackedCache', 'true');
    },
  ],
  [
    'what it would fetch with',
    (run) => {
      rmSync(at('work'), { recursive: true });
      partialClone();
      gitIn('work', 'config', 'remote.origin.uploadpack', run);
    },
  ],
  [
    'what it would reach another host with',
    (run) => {
      rmSync(at('work'), { recursive: true });
      partialClone();
      gitIn('work', 'config', 'remote.origin.url', 'ssh://127.0.0.1/x');
      gitIn('work', 'config', 'core.sshCommand', run);
    },
  ],
])('a repository cannot make us run a program by %s', async (_, prepare) => {
  git('init', 'work');
  prepare(`touch ${at('ran')} #`);
  await deliver('work/.env');
  expect(existsSync(at('ran'))).toBe(false);
});
