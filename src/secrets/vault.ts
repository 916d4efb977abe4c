import { randomBytes } from 'node:crypto';
import { chmod, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ToolError } from '../errors.ts';
import type { Secret } from './secret.ts';

// More than any entry needs: the space is taken on disk before Telnyx is asked to create anything.
const RESERVED_BYTES = 4096;

/** A place on disk proved writable, waiting for one secret. Dispose of it to leave nothing behind when none comes. */
interface Slot extends AsyncDisposable {
  /** Writes the entry under `name` (word characters and hyphens) and gives the path of its file. */
  keep(name: string, facts: Record<string, string | null>, secrets: Record<string, Secret>): Promise<string>;
}

export interface Vault {
  reserve(): Promise<Slot>;
}

/** The default home of new secrets: one 0600 JSON file per credential in a 0700 folder below the state folder. */
export function openVault(stateDir: string): Vault {
  const folder = join(stateDir, 'vault');
  return {
    async reserve() {
      const temporary = join(folder, `.${randomBytes(8).toString('hex')}.tmp`);
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await chmod(folder, 0o700);
        return new VaultSlot(folder, temporary, await reserveFile(temporary));
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => undefined);
        throw new ToolError(
          'CONFIGURATION',
          `The vault folder ${folder} is not writable (${reason(error)}), so a new secret would have no place to go. Nothing was created.`,
          'Ask the person to make that folder writable, or to set TELNYX_MCP_STATE_DIR to one that is, and call again.',
        );
      }
    },
  };
}

async function reserveFile(path: string): Promise<FileHandle> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.write(Buffer.alloc(RESERVED_BYTES, ' '), 0, RESERVED_BYTES, 0);
    await file.sync();
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

class VaultSlot implements Slot {
  readonly #folder: string;
  readonly #temporary: string;
  readonly #file: FileHandle;

  constructor(folder: string, temporary: string, file: FileHandle) {
    this.#folder = folder;
    this.#temporary = temporary;
    this.#file = file;
  }

  async keep(name: string, facts: Record<string, string | null>, secrets: Record<string, Secret>): Promise<string> {
    const revealed = Object.fromEntries(Object.entries(secrets).map(([key, secret]) => [key, secret.reveal()]));
    const entry = Buffer.from(`${JSON.stringify({ ...facts, ...revealed }, null, 2)}\n`);
    const path = join(this.#folder, `${name}.json`);
    try {
      // Over the reserved bytes first, cut to length after: a disk that filled up meanwhile cannot stop it.
      await this.#file.write(entry, 0, entry.length, 0);
      await this.#file.truncate(entry.length);
      await this.#file.sync();
      await rename(this.#temporary, path);
      return path;
    } catch (error) {
      throw new ToolError(
        'CONFIGURATION',
        `${name} was created at Telnyx, but its secret could not be written to ${path} (${reason(error)}).`,
        'Do not create it again. The person can read the secret in the Telnyx portal, or you delete the credential and create one anew when the folder is writable.',
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    await rm(this.#temporary, { force: true });
  }
}

function reason(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
}
