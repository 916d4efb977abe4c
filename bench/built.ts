/** A file of the built package, seen from this one's place in `.build/bench`. */
export function builtFile(path: string): URL {
  return new URL(`../../dist/${path}`, import.meta.url);
}

function load(path: string): Promise<unknown> {
  return import(builtFile(path).href);
}

// Not from `../src`: whatever needs the version looks for package.json one folder above the code.
export const { createApp } = (await load('app.js')) as typeof import('../src/app.ts');
export const { loadConfig } = (await load('config.js')) as typeof import('../src/config.ts');
export const { serveHandshake } = (await load('mcp/handshake.js')) as typeof import('../src/mcp/handshake.ts');
