import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the rename to `path` survive a power cut, on systems that can sync a folder; on others it does nothing. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
