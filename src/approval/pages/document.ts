import { createHash } from 'node:crypto';
import { oneLine } from '../../core/text.ts';

/** The one style sheet of all pages. System fonts and colours only: nothing is fetched. */
const STYLE = `
:root{color-scheme:light dark;--bg:#f3f5f4;--card:#fff;--text:#17201d;--soft:#56635e;--line:#d9dfdc;--field:#fff;--edge:#84918c;
--accent:#0b6b56;--accent-hover:#08533f;--on-accent:#fff;--tint:#eaf4f0;--danger:#b42318;--danger-hover:#8f1a12;--danger-tint:#fdf0ee;--focus:#1a56db}
@media(prefers-color-scheme:dark){:root{--bg:#0f1413;--card:#181f1d;--text:#e7edea;--soft:#a3b1ab;--line:#2c3733;--field:#111816;--edge:#6b7a74;
--accent:#3ecfa5;--accent-hover:#6bdebb;--on-accent:#04241b;--tint:#14281f;--danger:#ff9a8f;--danger-hover:#ffb8b0;--danger-tint:#2e1815;--focus:#8ab4ff}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;min-height:100vh;background:var(--bg);color:var(--text);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;padding:clamp(12px,6vw,64px) 12px 24px}
main{max-width:34rem;margin:0 auto;background:var(--card);border:1px solid var(--line);border-radius:14px;box-shadow:0 1px 2px rgb(0 0 0/.05),0 8px 28px rgb(0 0 0/.06);overflow:hidden}
header{display:flex;align-items:center;justify-content:space-between;gap:12px;padding:12px clamp(16px,5vw,28px);border-bottom:1px solid var(--line);color:var(--soft);font-size:.875rem}
header span:first-child{display:flex;align-items:center;gap:8px;font-weight:600;color:var(--text)}
header svg{width:18px;height:18px;flex:none;color:var(--accent)}
.code{white-space:nowrap}
.code b{font:600 .9375rem/1 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;letter-spacing:.12em;color:var(--text);background:var(--tint);border:1px solid var(--line);border-radius:6px;padding:4px 5px 4px 8px;margin-left:6px}
section,#page{padding:clamp(18px,5vw,28px)}
h1{font-size:1.375rem;line-height:1.25;letter-spacing:-.01em;margin:0 0 .5rem;outline:none;overflow-wrap:anywhere}
h2{font-size:.9375rem;margin:1.25rem 0 .375rem}
p{margin:0 0 .75rem;overflow-wrap:anywhere}
.soft{color:var(--soft);font-size:.875rem}
.soft:last-child{margin-bottom:0}
:is(form,.actions)+.soft{margin-top:1.25rem}
[role=status]+.soft{margin-top:.75rem}
.asked{border-left:3px solid var(--accent);background:var(--tint);border-radius:0 8px 8px 0;padding:14px 16px;margin:1rem 0;unicode-bidi:isolate}
.grave .asked{border-color:var(--danger);background:var(--danger-tint)}
.asked p:last-child{margin:0}
dl{margin:1rem 0;display:grid;grid-template-columns:auto 1fr;gap:4px 14px;font-size:.9375rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere;unicode-bidi:isolate}
label,.label{display:block;font-weight:600;font-size:.9375rem;margin:1rem 0 .375rem}
.phrase{display:block;font:.9375rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-weight:400;overflow-wrap:anywhere;margin:.125rem 0 0}
input:not([type=file]),textarea{width:100%;min-height:46px;padding:9px 12px;font:inherit;color:inherit;background:var(--field);border:1px solid var(--edge);border-radius:8px}
main .secret{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.9375rem;line-height:1.5}
textarea{display:block;resize:vertical;overflow-wrap:anywhere}
[aria-invalid=true]{border-color:var(--danger);border-width:2px}
.error{color:var(--danger);font-size:.9375rem;font-weight:600;margin:.375rem 0 0}
.actions{display:flex;flex-wrap:wrap;gap:12px;margin-top:1.5rem}
button{min-height:46px;padding:10px 20px;font:inherit;font-weight:600;border-radius:8px;border:1px solid var(--edge);background:transparent;color:var(--text);cursor:pointer}
.actions button{flex:1 1 9rem}
button:hover{border-color:var(--text)}
button.main{background:var(--accent);border-color:var(--accent);color:var(--on-accent)}
button.main:hover{background:var(--accent-hover);border-color:var(--accent-hover)}
.grave button.main{background:var(--danger);border-color:var(--danger)}
.grave button.main:hover{background:var(--danger-hover);border-color:var(--danger-hover)}
button:disabled{opacity:.5;cursor:default}
:is(button,input,textarea,a):focus-visible,.drop:focus-within{outline:3px solid var(--focus);outline-offset:2px}
.field{display:grid;grid-template-columns:1fr auto;gap:8px;align-items:start}
.field button{min-width:6.25rem;padding:10px 12px;visibility:hidden}
.scripted .field button{visibility:visible}
.drop{position:relative;display:block;text-align:center;font-weight:400;border:2px dashed var(--edge);border-radius:12px;padding:28px 16px;margin:1rem 0;cursor:pointer}
.drop:hover,.drop.over{border-color:var(--accent);background:var(--tint)}
.drop b{display:block}
.drop input{position:absolute;inset:0;width:100%;height:100%;opacity:0;cursor:pointer}
ul{list-style:none;margin:0;padding:0}
li{display:grid;grid-template-columns:1.5rem 1fr auto;gap:4px 10px;align-items:center;padding:10px 0;border-top:1px solid var(--line);font-size:.9375rem}
li:last-child{border-bottom:1px solid var(--line)}
li svg{width:20px;height:20px;color:var(--accent)}
li.bad svg,li.bad .what{color:var(--danger)}
li b,li .what{display:block;overflow-wrap:anywhere;unicode-bidi:isolate}
li .what{color:var(--soft);font-size:.875rem}
li button{min-height:36px;padding:4px 12px;font-size:.875rem;font-weight:500}
[role=status]{min-height:1.5rem;margin:.75rem 0 0;font-size:.9375rem;color:var(--soft)}
[role=status].error{color:var(--danger)}
[hidden]{display:none}
@media(max-width:26rem){.field{grid-template-columns:1fr}.field button{width:100%}}
@media(forced-colors:active){button,.drop{border-color:ButtonText}}
`;

/** Markup that may go to a browser as it is: only `html` makes it, and `html` escapes whatever it is given. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | Html | readonly Html[] | undefined;

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const escapeText = (text: string): string => text.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? '');

function render(part: Part): string {
  if (part === undefined) return '';
  if (typeof part === 'string') return escapeText(part);
  return part instanceof Html ? part.text : part.map(render).join('');
}

/** A template whose values are escaped, in text and in quoted attributes alike; Html goes in as it is. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return new Html(strings.reduce((out, text, at) => out + render(parts[at - 1]) + text));
}

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const STYLE_HASH = hash(STYLE);

// `raw`: a style or script element takes no escapes, and its text is a constant of ours.
const raw = (text: string): Html => new Html(text);

const SHIELD =
  'M12 2 4 5v6c0 5 3.4 9.3 8 11 4.6-1.7 8-6 8-11V5l-8-3Zm4.7 7.7-5.4 5.4a1 1 0 0 1-1.4 0l-2.6-2.6 1.4-1.4 1.9 1.9 4.7-4.7 1.4 1.4Z';

const ICON = `data:image/svg+xml,${encodeURIComponent(
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path fill="#0b8f70" d="${SHIELD}"/></svg>`,
)}`;

/** What a person sees: the inside of one document. Its script, if any, is a constant of ours and is allowed by hash. */
export interface View {
  title: string;
  main: Html;
  script?: string;
}

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
