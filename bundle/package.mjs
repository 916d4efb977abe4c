// Writes server.json for the MCP registry and a .mcpb bundle for desktop clients into .build/package. Run by `npm run
// package`, which fetches the bundle's own tool, mcpb.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { manifest, serverJson } from './manifests.mjs';

const OUT = '.build/package';
const STAGE = `${OUT}/mcpb`;

const pkg = JSON.parse(readFileSync('package.json', 'utf8'));
const write = (file, content) => writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
const mcpb = (...args) => execFileSync('mcpb', args, { stdio: 'inherit' });

/** What the built server offers when it holds nothing back. */
async function listTools() {
  const client = new Client({ name: 'package', version: pkg.version });
  const args = [pkg.bin[pkg.name], '--sandbox'];
  await client.connect(new StdioClientTransport({ command: process.execPath, args }));
  const { tools } = await client.listTools();
  await client.close();
  return tools;
}

rmSync(OUT, { recursive: true, force: true });
mkdirSync(STAGE, { recursive: true });
for (const path of ['dist', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md']) {
  cpSync(path, `${STAGE}/${path}`, { recursive: true });
}
// It tells Node what kind of modules these are. The keychain stays out: it is native, and a bundle is for every system.
write(`${STAGE}/package.json`, { name: pkg.name, version: pkg.version, type: pkg.type });
write(`${STAGE}/manifest.json`, manifest(pkg, await listTools()));
write(`${OUT}/server.json`, serverJson(pkg));
mcpb('validate', `${STAGE}/manifest.json`);
mcpb('pack', STAGE, `${OUT}/${pkg.name}-${pkg.version}.mcpb`);
