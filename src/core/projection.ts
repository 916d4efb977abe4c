import { z } from 'zod';
import { redact } from '../secrets/secret.ts';
import { isRecord } from './basics.ts';
import { visible } from './text.ts';

/**
 * Takes what is declared of a result, and the result; gives what of it may leave: no field that is not declared, no
 * secret, no character that nobody sees. Keys and the words that the schema spells out are ours, and stay as they are: a
 * secret that is one of them must not take it out of every answer.
 */
export function project(output: z.ZodObject, result: unknown): Record<string, unknown> {
  return shown(output, output.parse(result)) as Record<string, unknown>;
}

/** A text from outside as it may leave. */
export const shownText = (text: string): string => redact(visible(text));

function shown(schema: z.core.$ZodType | undefined, value: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return shown(schema.unwrap(), value);
  if (typeof value === 'string') return schema instanceof z.ZodEnum ? value : shownText(value);
  if (Array.isArray(value)) {
    const element = schema instanceof z.ZodArray ? schema.element : undefined;
    return value.map((item) => shown(element, item));
  }
  if (!isRecord(value)) return value;
  const fields: Record<string, z.core.$ZodType> = schema instanceof z.ZodObject ? schema.shape : {};
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shown(fields[key], item)]));
}
