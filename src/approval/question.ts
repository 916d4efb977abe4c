/** What a person is asked before something happens, in plain words, about the thing as it is now. */
export interface Question {
  text: string;
  /** A phrase to type instead of a tick, for what is in use or many. */
  phrase?: string;
}

/** What came back from a person, by whichever way they were asked. `accept` alone is no yes: the form must say so too. */
export interface Answer {
  /** The sealed state that came with the question. */
  state: string;
  action: 'accept' | 'decline' | 'cancel';
  content?: Record<string, unknown> | undefined;
}

/**
 * The form that puts a question to a person: one tick, or one phrase to type (MCP form elicitation). The tick says that it
 * is not there, since some clients begin at the first value of a boolean, where one Enter would be a yes.
 */
export function formFor({ text, phrase }: Question) {
  const field =
    phrase === undefined
      ? { confirm: { type: 'boolean' as const, title: 'Yes, do it', description: 'Tick to go ahead', default: false } }
      : { phrase: { type: 'string' as const, title: 'To go ahead', description: `Type: ${phrase}` } };
  return {
    message: text,
    requestedSchema: { type: 'object' as const, properties: field, required: Object.keys(field) },
  };
}

/** Whether the form was filled in with a true yes to this very question. */
export function saysYes({ phrase }: Question, { action, content }: Answer): boolean {
  if (action !== 'accept') return false;
  return phrase === undefined ? content?.confirm === true : content?.phrase === phrase;
}

/** A page that the client itself shows a person (MCP URL elicitation): the message and the page bear the same code. */
export interface ShownPage {
  url: string;
  message: string;
}
