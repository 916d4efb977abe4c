import { isRecord } from '../../core/basics.ts';
import { oneLine } from '../../core/text.ts';
import type { Secret } from '../../secrets/secret.ts';
import { type Html, html, type View } from './document.ts';
import { FORM_LIMIT, MINUTE_MS, type Page } from './page.ts';

export interface RevealedSecret {
  title: string;
  /** By the name a person reads; what is no secret may be a plain string. */
  fields: Record<string, Secret | string>;
}

/**
 * A page that shows a secret after a person pressed a button, to the one browser that opened it. It is used up when that
 * says that it has it: an answer may be lost on its way.
 */
export function revealPage({ title, fields }: RevealedSecret, code: string): Page {
  return {
    code,
    lastsMs: 5 * MINUTE_MS,
    bodyLimit: FORM_LIMIT,
    accepts: 'form',
    show: (token) => ({
      title: `Ready to show: ${title}`,
      main: html`<section>
<h1>${oneLine(title)}</h1>
<p>This is shown to you alone: your assistant does not see it. Make sure that nobody looks over your shoulder and that your screen is not shared.</p>
<p>You will see: ${Object.keys(fields).join(', ')}.</p>
<form method="post"><input type="hidden" name="token" value="${token}">
<div class="actions"><button class="main">Show it now</button></div>
</form>
<p class="soft">If your assistant named a code, it must be the one at the top of this page. The page works once, for 5 minutes.</p>
</section>`,
    }),
    async submit(submitted, { token, claim }) {
      if (!isRecord(submitted) || submitted.arrived !== 'yes')
        return { status: 200, view: reveal(title, fields, token) };
      return claim('answered') ? { status: 200, json: {} } : 'gone';
    },
  };
}

function reveal(title: string, fields: RevealedSecret['fields'], token: string): View {
  return {
    title,
    main: html`<section>
<h1>${oneLine(title)}</h1>
<p>Put this where it belongs before you close this window: it is not shown again.</p>
${Object.entries(fields).map(([name, value], at) => field(name, typeof value === 'string' ? value : value.reveal(), at))}
<p role="status" id="said" data-token="${token}"></p>
<p class="soft">When you are done, close this window. What you copied stays on your clipboard until you copy something else.</p>
</section>`,
    script: SCRIPT,
  };
}

function field(name: string, value: string, at: number): Html {
  const id = `field-${String(at)}`;
  // A spelling checker may send what it checks to its maker.
  const common = html`class="secret" id="${id}" readonly autocomplete="off" autocapitalize="off" spellcheck="false"`;
  const rows = Math.min(8, Math.max(value.split('\n').length, Math.ceil(value.length / 36)));
  // A browser drops the first line break of a textarea: the one after the tag is there for that.
  const box =
    rows === 1
      ? html`<input type="text" ${common} value="${value}">`
      : html`<textarea ${common} rows="${String(rows)}">
${value}</textarea>`;
  return html`<label for="${id}">${name}</label>
<div class="field">${box}<button type="button" data-copies="${id}" aria-label="Copy ${name}">Copy</button></div>`;
}

const SCRIPT = `
const said = document.getElementById('said');
document.body.classList.add('scripted');
fetch(location.pathname, { method: 'POST', body: new URLSearchParams({ token: said.dataset.token, arrived: 'yes' }) }).catch(() => undefined);
for (const button of document.querySelectorAll('[data-copies]')) {
  button.addEventListener('click', async () => {
    const field = document.getElementById(button.dataset.copies);
    const name = field.labels[0].textContent;
    try {
      await navigator.clipboard.writeText(field.value);
      said.textContent = name + ' is copied.';
      button.textContent = 'Copied';
      setTimeout(() => { button.textContent = 'Copy'; }, 2000);
    } catch {
      field.focus();
      field.select();
      said.textContent = 'This browser does not let the page copy. The text is selected: copy it with the keyboard.';
    }
  });
}
`;
