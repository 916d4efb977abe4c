import type { Recent } from './recent.ts';

/** A script for a conversation, with blanks to fill in. */
export interface Prompt {
  name: string;
  title: string;
  description: string;
  /** Tools it names: without them it is not offered. */
  needs?: readonly string[];
  arguments: readonly PromptArgument[];
  /** The words to begin the conversation with. */
  script(args: Record<string, string>): string;
}

/** A blank that may be left empty, or must be filled in (`required`). */
export const blank = (
  name: string,
  description: string,
  complete?: PromptArgument['complete'],
  required = false,
): PromptArgument => ({ name, description, required, ...(complete && { complete }) });

interface PromptArgument {
  name: string;
  description: string;
  required: boolean;
  /** Values that begin with what was typed so far; from memory, since a person waits for them. */
  complete?(typed: string, recent: Recent): string[] | Promise<string[]>;
}
