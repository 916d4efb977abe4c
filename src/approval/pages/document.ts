import { createHash } from 'node:crypto';
import { oneLine } from '../../core/text.ts';
import { Html, html } from './html.ts';
import type { View } from './page.ts';
import { STYLE } from './style.ts';

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const STYLE_HASH = hash(STYLE);

// `raw`: a style or script element takes no escapes, and its text is a constant of ours.
const raw = (text: string): Html => new Html(text);

const SHIELD =
  'M12 2 4 5v6c0 5 3.4 9.3 8 11 4.6-1.7 8-6 8-11V5l-8-3Zm4.7 7.7-5.4 5.4a1 1 0 0 1-1.4 0l-2.6-2.6 1.4-1.4 1.9 1.9 4.7-4.7 1.4 1.4Z';

const ICON = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path fill="#0b8f70" d="${SHIELD}"/></svg>`,
)}`;

/** A whole document. Nobody may translate it: browsers send pages away for that. */
export function renderDocument({ title, main, script }: View, code: string | undefined): string {
  return html`<!doctype html>
<html lang="en" translate="no">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="google" content="notranslate">
<link rel="icon" href="${raw(ICON)}">
<title>${oneLine(title)}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
<header><span><svg viewBox="0 0 24 24" aria-hidden="true"><path fill="currentColor" d="${SHIELD}"/></svg>Telnyx credentials</span>${
    code === undefined ? undefined : html`<span class="code">Code <b>${code}</b></span>`
  }</header>
${main}
</main>
${script === undefined ? undefined : html`<script>${raw(script)}</script>`}
</body>
</html>
`.text;
}

/** Only what the document itself holds: its style, its script, its form, and for a script this server. */
export function contentPolicy(script: string | undefined): string {
  return [
    "default-src 'none'",
    `style-src ${STYLE_HASH}`,
    'img-src data:',
    ...(script === undefined ? [] : [`script-src ${hash(script)}`, "connect-src 'self'"]),
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}

/** A document that only says something. */
export function notice(title: string, ...sentences: string[]): View {
  return {
    title,
    main: html`<section><h1>${title}</h1>${sentences.map((sentence) => html`<p>${sentence}</p>`)}</section>`,
  };
}

/** Text of whoever wrote to the account, by line, without characters that hide or turn other text. */
export function paragraphs(text: string): Html[] {
  return text
    .split('\n')
    .map((line) => oneLine(line, 4000))
    .filter((line) => line !== '')
    .map((line) => html`<p>${line}</p>`);
}
