import { z } from 'zod';
import { oneLine } from '../../core/text.ts';
import { Secret } from '../../secrets/secret.ts';
import { html, type View } from './document.ts';
import { MINUTE_MS, type Page } from './page.ts';
import { UPLOAD_SCRIPT } from './upload-script.ts';

export interface UploadedFile {
  /** As the person's machine calls it, without folders: only for showing back to that person. */
  name: string;
  bytes: Buffer;
}

export interface Recognised {
  name: string;
  /** What the file is, or what is wrong with it, in plain words. */
  what: string;
  ok: boolean;
}

export interface UploadRequest {
  title: string;
  recognise(files: UploadedFile[]): Promise<Recognised[]>;
}

/** All files together. */
const MOST_BYTES = 1024 * 1024;
const MOST_FILES = 8;

const submission = z.object({
  token: z.string(),
  action: z.enum(['check', 'use', 'cancel']),
  files: z.array(z.object({ name: z.string().max(1000), data: z.base64() })).max(MOST_FILES),
  passphrase: z.string().max(1000).optional(),
});

/** A page where a person drops files, sees what they were recognised as, and hands them over; the bytes go to `onFiles`. */
export function uploadPage(
  request: UploadRequest,
  onFiles: (files: UploadedFile[], passphrase: Secret | undefined) => void,
  code: string,
): Page {
  return {
    code,
    lastsMs: 10 * MINUTE_MS,
    // Base64 makes four bytes of three; the rest is for names and passphrase.
    bodyLimit: Math.ceil(MOST_BYTES / 3) * 4 + 16_384,
    accepts: 'json',
    show: (token) => form(request.title, token),
    async submit(fields, { claim }) {
      const parsed = submission.safeParse(fields);
      if (!parsed.success) return { status: 422, json: { error: 'These files could not be read.' } };
      const { action, passphrase } = parsed.data;
      if (action === 'cancel') {
        return claim('closed') ? { status: 200, json: { said: said(CANCELLED) } } : 'gone';
      }
      const files = parsed.data.files.map(({ name, data }) => ({
        name: oneLine(name.split(/[/\\]/).at(-1) ?? ''),
        bytes: Buffer.from(data, 'base64'),
      }));
      if (files.reduce((sum, { bytes }) => sum + bytes.length, 0) > MOST_BYTES) {
        return { status: 413, json: { error: 'The files are larger than 1 MB together.' } };
      }
      const recognised = await request.recognise(files);
      const found = recognised.map(({ name, what, ok }) => ({ name: oneLine(name), what: oneLine(what, 600), ok }));
      const usable = files.length > 0 && found.every(({ ok }) => ok);
      if (action === 'check') return { status: 200, json: { found, usable } };
      if (!usable) return { status: 422, json: { found, usable, error: 'These files cannot be used as they are.' } };
      if (!claim('answered')) return 'gone';
      onFiles(files, passphrase ? new Secret(passphrase, 'local') : undefined);
      return { status: 200, json: { said: said(HANDED_OVER) } };
    },
  };
}

const HANDED_OVER = [
  'Handed over',
  'The files went to the server on this machine, not into the conversation.',
] as const;
const CANCELLED = ['Cancelled', 'No file was handed over.'] as const;

const said = ([title, sentence]: readonly [string, string]) => ({
  title,
  sentences: [sentence, 'You can close this window and go back to your assistant.'],
});

function form(title: string, token: string): View {
  return {
    title,
    main: html`<form id="page" method="post" data-token="${token}" data-most-bytes="${String(MOST_BYTES)}" data-most-files="${String(MOST_FILES)}">
<h1>${oneLine(title)}</h1>
<p class="soft">Files you choose here do not pass through the conversation: your assistant does not see what is in them.</p>
<noscript><p class="error">This page needs JavaScript to read your files. You can close it and tell your assistant where the files are instead.</p></noscript>
<label class="drop" id="drop"><b>Choose files</b> or drop them here
<input type="file" id="files" multiple aria-describedby="kinds"></label>
<p class="soft" id="kinds">A certificate and its key (.pem, .cer, .key), a .p12 file, or a service account file (.json). 1 MB together.</p>
<ul id="list" aria-label="Chosen files"></ul>
<label for="passphrase">Passphrase, if a file has one</label>
<input type="password" id="passphrase" autocomplete="off" maxlength="1000">
<p role="status" id="said"></p>
<div class="actions">
<button type="button" id="cancel">Cancel</button>
<button id="use" class="main" disabled>Use these</button>
</div>
<p class="soft">If your assistant named a code, it must be the one at the top of this page. The page works once, for 10 minutes.</p>
</form>`,
    script: UPLOAD_SCRIPT,
  };
}
