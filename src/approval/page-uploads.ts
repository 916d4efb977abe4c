import { randomUUID } from 'node:crypto';
import type { Secret } from '../secrets/secret.ts';
import type { PageHost } from './pages/host.ts';
import { newCode } from './pages/page.ts';
import { type Recognised, type UploadedFile, uploadPage } from './pages/upload.ts';

/** Files a person handed over at a page, with the passphrase of one of them if it has one. */
interface Uploaded {
  files: UploadedFile[];
  passphrase: Secret | undefined;
}

export interface WaitingUpload {
  upload_id: string;
  code: string;
  secondsLeft: number;
}

/** Pages where a person drops files. What comes of one is kept for ten minutes, in memory only. */
export interface PageUploads {
  /** Opens a page; rejects without a browser. */
  open(title: string, recognise: (files: UploadedFile[]) => Promise<Recognised[]>): Promise<WaitingUpload>;
  /** The files, while they are kept; `WaitingUpload` until they are there; undefined for an id that is unknown or too old. */
  take(uploadId: string): WaitingUpload | Uploaded | undefined;
}

interface Entry {
  code: string;
  until: number;
  uploaded: Uploaded | undefined;
}

/** `clock` is monotonic, in milliseconds. */
export function createPageUploads(host: PageHost, clock: () => number): PageUploads {
  const entries = new Map<string, Entry>();
  const secondsLeft = ({ until }: Entry): number => Math.ceil((until - clock()) / 1000);
  return {
    async open(title, recognise) {
      const id = randomUUID();
      const entry: Entry = { code: newCode(), until: 0, uploaded: undefined };
      const keep = (files: UploadedFile[], passphrase: Secret | undefined): void => {
        entry.uploaded = { files, passphrase };
      };
      const page = await host.open(uploadPage({ title, recognise }, keep, entry.code));
      entry.until = page.expiresAt;
      entries.set(id, entry);
      void page.done.then((ending) => ending !== 'answered' && entries.delete(id));
      return { upload_id: id, code: entry.code, secondsLeft: secondsLeft(entry) };
    },
    take(id) {
      for (const [old, kept] of entries) if (secondsLeft(kept) <= 0) entries.delete(old);
      const entry = entries.get(id);
      if (!entry) return undefined;
      return entry.uploaded ?? { upload_id: id, code: entry.code, secondsLeft: secondsLeft(entry) };
    },
  };
}
