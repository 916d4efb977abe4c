import { mkdirSync, statSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import envPaths from 'env-paths';

// Node 22.8 and newer; this compiles against 20.
const { enableCompileCache } = module as { enableCompileCache?: (folder: string) => unknown };
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Has Node keep compiled code for the next start, in a folder that only this user can write: Node's own choice is in the
 * shared temporary folder, and what lies in the cache is run. Without such a folder nothing is kept.
 */
export function keepCompiled(): void {
  if (!enableCompileCache) return;
  try {
    const folder = join(envPaths('telnyx-credentials-mcp', { suffix: '' }).cache, 'compiled');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(folder);
    // Windows has neither: there the folder is under the user's profile.
    const mine = !process.getuid || (uid === process.getuid() && (mode & WRITABLE_BY_OTHERS) === 0);
    if (mine) enableCompileCache(folder);
  } catch {
    // A home that cannot be written keeps nothing.
  }
}
