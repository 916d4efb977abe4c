import { z } from 'zod';
import { badInput } from './errors.ts';
import type { Tool } from './tool.ts';

/**
 * The arguments of a call as its tool takes them, with defaults: one call has one form, however a model spelt it. Throws
 * `BAD_INPUT`. Models fill in blanks, and strict modes make them: null and "" of what may be left out count as left out.
 */
export function parseArguments(tool: Tool, given: unknown): Record<string, unknown> {
  const parsed = tool.input.safeParse(isRecord(given) ? asMeant(tool, given) : (given ?? {}));
  if (parsed.success) return parsed.data;
  throw badInput(z.prettifyError(parsed.error).slice(0, 800));
}

function asMeant({ input, selects = [] }: Tool, given: Record<string, unknown>): Record<string, unknown> {
  const meant: [name: string, value: unknown][] = [];
  for (const [name, value] of Object.entries(given)) {
    const field = Object.hasOwn(input.shape, name) ? input.shape[name] : undefined;
    if (!field) meant.push([name, value]);
    else if (value !== null && value !== '') meant.push([name, isWhole(field) ? numberIn(value) : value]);
    else if (selects.includes(name)) throw emptySelector(name);
    else if (!mayBeLeftOut(field)) throw emptyRequired(name);
  }
  return Object.fromEntries(meant);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const mayBeLeftOut = (field: z.core.$ZodType): field is z.ZodOptional | z.ZodDefault =>
  field instanceof z.ZodOptional || field instanceof z.ZodDefault;

function isWhole(field: z.core.$ZodType): boolean {
  return mayBeLeftOut(field) ? isWhole(field.unwrap()) : field instanceof z.ZodNumber && field.isInt;
}

/** A whole number that came as text; all else as it came, for the schema to refuse. */
const numberIn = (value: unknown): unknown =>
  typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;

/** Fewer filters mean more credentials: a blank must not be taken for one that was left out on purpose. */
const emptySelector = (name: string) =>
  badInput(
    `${name} was given without a value. It says which ones this is about: without it there may be more.`,
    `Give ${name} a value, or leave it out if it should narrow nothing. Nothing was changed.`,
  );

const emptyRequired = (name: string) =>
  badInput(`${name} is required, and was given without a value.`, `Give ${name} a value. Nothing was changed.`);
