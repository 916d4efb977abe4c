import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attempt } from '../core/basics.ts';
import { badInput } from '../core/errors.ts';

// Files of certificates, keys and service accounts have a few kilobytes; parsing time is bounded by this.
const MOST_BYTES = 64 * 1024;

const REASONS: Record<string, string> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read by this process',
  EPERM: 'may not be read by this process',
  ENOTDIR: 'does not exist',
  ENAMETOOLONG: 'has a name that is too long',
};

/** A file as it was read, and where it really lies: every link resolved. */
export interface MaterialFile {
  bytes: Buffer;
  realPath: string;
}

/**
 * A small regular file a person keeps somewhere on this machine; `what` names the argument, and `folder` is what a
 * relative path is relative to. Throws `BAD_INPUT`. What the file holds is never quoted, here or by those who read it.
 */
export async function readMaterial(what: string, path: string, folder: string): Promise<MaterialFile> {
  const refuse = (error: unknown): never => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw badInput(`${what}: ${path} ${REASONS[code] ?? 'cannot be opened'}.`);
  };
  const real = (written: string) => realpath(resolve(folder, written.replace(/^~(?=\/)/, homedir())));
  // A file that is called so is what is meant, whatever its name looks like.
  const realPath = await real(path).catch((error) => {
    const meant = asMeant(path);
    if (/^[a-z][a-z\d+.-]+:\/\//i.test(meant))
      throw badInput(`${what}: ${path} is a web address, not a path on this machine.`);
    return meant === path ? refuse(error) : real(meant).catch(refuse);
  });
  // Without O_NONBLOCK the open of a named pipe would wait for a writer; a link that came since leads elsewhere.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
  const file = await open(realPath, flags).catch(refuse);
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw badInput(`${what}: ${path} is a folder, not a file.`);
    if (!stat.isFile()) throw badInput(`${what}: ${path} is not a regular file.`);
    if (stat.size > MOST_BYTES)
      throw badInput(`${what}: ${path} has ${stat.size} bytes; such a file is never over ${MOST_BYTES}.`);
    if (stat.size === 0) throw badInput(`${what}: ${path} is empty.`);
    return { bytes: await file.readFile(), realPath };
  } finally {
    await file.close();
  }
}

/** A path as it was meant by who pasted it: a file URL, or quoted or escaped as a terminal writes it. */
function asMeant(path: string): string {
  const trimmed = path.trim();
  const bare = trimmed.replace(/^(['"])(.*)\1$/s, '$2');
  if (/^file:\/\//i.test(bare)) return attempt(() => fileURLToPath(bare)) ?? bare;
  return bare !== trimmed || process.platform === 'win32' ? bare : bare.replace(/\\(.)/gs, '$1');
}

/** The text of a file; Windows editors save UTF-16, and UTF-8 with a mark in front. */
export function textOf(file: Buffer): string {
  const isUtf16 = file[0] === 0xff && file[1] === 0xfe;
  return isUtf16 ? file.toString('utf16le', 2) : file.toString('utf8').replace(/^\uFEFF/, '');
}

/** One thing that is wrong or odd about material; both sentences are ours. An `error` keeps it from being uploaded. */
export interface Finding {
  /** Stable, one per cause. */
  code: string;
  severity: 'error' | 'warning';
  found: string;
  action: string;
}

const finding =
  (severity: Finding['severity']) =>
  (code: string, found: string, action: string): Finding => ({ code, severity, found, action });

/** A finding that keeps material from being uploaded. */
export const refusal = finding('error');
/** A finding that a person should hear of, and may go on with. */
export const caution = finding('warning');

/** Whether any of them is an error. */
export const isRefused = (findings: readonly Finding[]): boolean => findings.some((one) => one.severity === 'error');

/** The findings with the errors first, otherwise in their order. */
export const errorsFirst = (findings: readonly Finding[]): Finding[] =>
  findings.toSorted((a, b) => a.severity.localeCompare(b.severity));

/** The finding for a file too large to be looked into, if it is. */
export function tooLarge(slot: Slot, file: Buffer): Finding[] {
  if (file.length <= MOST_BYTES) return [];
  const found = `${slot} has ${file.length} bytes; such a file is never over ${MOST_BYTES}.`;
  return [refusal('FILE_TOO_LARGE', found, WANTED[slot][1])];
}

export type Slot = 'certificate_file' | 'private_key_file' | 'p12_file' | 'service_account_file';

export const WANTED: Record<Slot, [what: string, from: string]> = {
  certificate_file: [
    'a PEM certificate',
    'Have the person give the VoIP Services certificate from the Apple developer portal.',
  ],
  private_key_file: [
    'a PEM private key',
    'Have the person give the private key that the certificate was requested with, as PEM.',
  ],
  p12_file: [
    'a PKCS#12 archive',
    'Have the person export the certificate together with its key as .p12, or give the two PEM files.',
  ],
  service_account_file: [
    'a Firebase service account key',
    'Have the person make one in the Firebase console: Project settings, Service accounts, Generate new private key.',
  ],
};
