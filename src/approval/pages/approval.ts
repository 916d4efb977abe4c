import { oneLine } from '../../core/text.ts';
import { html, notice, paragraphs, type View } from './document.ts';
import { FORM_LIMIT, MINUTE_MS, type Page } from './page.ts';

export interface ApprovalQuestion {
  title: string;
  account: string;
  text: string;
  /** To be typed before Approve counts. */
  phrase?: string;
}

/** A page that puts a question to a person: what will happen, to what, and Approve or Refuse. It works without script. */
export function approvalPage(
  question: ApprovalQuestion,
  onAnswer: (answer: 'accept' | 'decline') => void,
  code: string,
): Page {
  return {
    code,
    lastsMs: 10 * MINUTE_MS,
    bodyLimit: FORM_LIMIT,
    accepts: 'form',
    show: (token) => ask(question, token, false),
    async submit(fields, { token, claim }) {
      const { answer, phrase } = fields as Record<string, string | undefined>;
      if (answer === 'decline') {
        if (!claim('answered')) return 'gone';
        onAnswer('decline');
        return { status: 200, view: notice('Refused', 'Nothing was changed.', CLOSE) };
      }
      const typed = question.phrase === undefined || plain(phrase ?? '') === plain(question.phrase);
      if (answer !== 'accept' || !typed) return { status: 422, view: ask(question, token, answer === 'accept') };
      if (!claim('answered')) return 'gone';
      onAnswer('accept');
      return { status: 200, view: notice('Approved', 'Your assistant may now do this, once.', CLOSE) };
    },
  };
}

const CLOSE = 'You can close this window and go back to your assistant.';

// A keyboard may compose an accent otherwise than the account holds it.
const plain = (text: string): string => oneLine(text, 1000).normalize('NFC');

function ask({ title, account, text, phrase }: ApprovalQuestion, token: string, mistyped: boolean): View {
  const field =
    phrase === undefined
      ? undefined
      : html`<label for="phrase">To approve, type this:<span class="phrase">${plain(phrase)}</span></label>
<input id="phrase" name="phrase" type="text" required autocomplete="off" autocapitalize="off" spellcheck="false"${
          mistyped ? html` autofocus aria-invalid="true" aria-describedby="mistyped"` : undefined
        }>
${mistyped ? html`<p class="error" id="mistyped" role="alert">That is not the same text. Nothing was approved.</p>` : undefined}`;
  // Refuse has a form of its own: Enter in the phrase must not press it, and it needs no phrase.
  return {
    title: `${mistyped ? 'Not approved yet' : 'Your approval is needed'}: ${title}`,
    main: html`<section${phrase === undefined ? undefined : html` class="grave"`}>
<h1>${oneLine(title)}</h1>
<p class="soft">Your assistant asks to do this. It happens only if you approve.</p>
<div class="asked">${paragraphs(text)}</div>
<dl><dt>Account</dt><dd>${oneLine(account)}</dd></dl>
<form id="refuse" method="post"><input type="hidden" name="token" value="${token}"></form>
<form id="approve" method="post"><input type="hidden" name="token" value="${token}">
${field}
<div class="actions">
<button form="refuse" name="answer" value="decline">Refuse</button>
<button class="main" form="approve" name="answer" value="accept">Approve</button>
</div>
</form>
<p class="soft">If your assistant named a code, it must be the one at the top of this page. The page works once, for 10 minutes.</p>
</section>`,
  };
}
