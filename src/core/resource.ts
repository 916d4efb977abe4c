import type { Deps } from './tool.ts';

/** Something to read by URI, as text. With `{variables}` in the URI it stands for many. */
export interface Resource {
  uri: string;
  name: string;
  title: string;
  description: string;
  mimeType: string;
  /** Tools it leads to, by name: without them it is not offered. */
  needs?: readonly string[];
  /** Gives the text; undefined when there is nothing of that name. Throws ToolError. */
  read(variables: Record<string, string>, deps: Deps): Promise<string | undefined>;
  /** Values a variable can take that begin with what was typed so far. */
  complete?: Record<string, (typed: string, deps: Deps) => Promise<string[]>>;
}

/** The variables of a URI that fits the resource's, or undefined. A variable is one segment of id characters. */
export function matchUri(resource: Resource, uri: string): Record<string, string> | undefined {
  const pattern = resource.uri.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{(\w+)\}/g, '(?<$1>[\\w-]+)');
  const match = new RegExp(`^${pattern}$`).exec(uri);
  return match ? { ...match.groups } : undefined;
}

export const isTemplate = ({ uri }: Resource): boolean => uri.includes('{');
