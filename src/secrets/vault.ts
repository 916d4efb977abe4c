import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, type FileHandle, link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt, isRecord, parseJson } from '../core/basics.ts';
import { misconfigured } from '../core/errors.ts';
import { type Destination, entryOf, type Handover, type Slot } from './destination.ts';
import { reason, syncFolder } from './files.ts';

// More than any entry needs: the space is taken on disk before Telnyx is asked to create anything.
const RESERVED_BYTES = 8192;

export interface Vault extends Destination {
  /** The path of an entry or a copy kept earlier, by its name, or undefined. */
  find(name: string): string | undefined;
  /** As `reserve`, for a copy: of a secret that goes elsewhere, until it is seen to be there. Each delivery has its own. */
  reserveCopy(): Promise<Copy>;
}

/** The slot of a copy. */
export interface Copy extends Slot {
  /** Removes it: the secret has reached its place. */
  forget(): Promise<void>;
}

/** The default home of new secrets: one 0600 JSON file per credential in a 0700 folder below the state folder. */
export function openVault(stateDir: string): Vault {
  const folder = join(stateDir, 'vault');
  const entryAt = (name: string): string => join(folder, `${name}.json`);
  const reserve = async (pathOf: (name: string) => string): Promise<Slot> => {
    const temporary = join(folder, `.${randomBytes(8).toString('hex')}.tmp`);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await chmod(folder, 0o700);
      return slotOf(pathOf, temporary, await reserveFile(temporary));
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw misconfigured(
        `The vault folder ${folder} is not writable (${reason(error)}), so a new secret would have no place to go. Nothing was created.`,
        'Ask the person to make that folder writable, or to set TELNYX_MCP_STATE_DIR to one that is, and call again.',
      );
    }
  };
  return {
    to: 'vault',
    label: 'the vault',
    many: true,
    find(name) {
      if (existsSync(entryAt(name))) return entryAt(name);
      const copy = attempt(() => readdirSync(folder))?.find((file) => file.startsWith(`${name}.copy-`));
      return copy && join(folder, copy);
    },
    reserve: () => reserve(entryAt),
    async reserveCopy() {
      const mark = randomBytes(4).toString('hex');
      let kept: string | undefined;
      const slot = await reserve((name) => {
        kept = join(folder, `${name}.copy-${mark}.json`);
        return kept;
      });
      return { ...slot, forget: async () => void (kept && (await rm(kept, { force: true }))) };
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

const slotOf = (pathOf: (name: string) => string, temporary: string, file: FileHandle): Slot => ({
  async keep(handover) {
    const entry = Buffer.from(`${JSON.stringify(entryOf(handover), null, 2)}\n`);
    const path = pathOf(handover.name);
    try {
      // Over the reserved bytes first, cut to length after: a disk that filled up meanwhile cannot stop it.
      await file.write(entry, 0, entry.length, 0);
      await file.truncate(entry.length);
      await file.sync();
      await setAside(path, handover);
      await rename(temporary, path);
      await syncFolder(path);
      if (!(await readFile(path)).equals(entry)) throw new Error('what was read back is something else');
      return { destination: 'vault', place: path };
    } catch (error) {
      throw misconfigured(
        `The secret of ${handover.name} could not be written to ${path} (${reason(error)}); Telnyx has it.`,
        'Do not create it again. The person can read the secret in the Telnyx portal, or you hand it over with hand_off_secret when the folder is writable.',
      );
    }
  },
  async [Symbol.asyncDispose]() {
    // Neither may take the place of what came of the delivery.
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
  },
});

/** Gives an entry with another secret a name of its own: a credential may have several, one after another. */
async function setAside(path: string, { secrets }: Handover): Promise<void> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (reason(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return;
  const before = parseJson(text);
  if (isRecord(before) && Object.entries(secrets).every(([name, secret]) => before[name] === secret.reveal())) return;
  await link(path, path.replace(/\.json$/, `.before-${randomBytes(4).toString('hex')}.json`));
}
