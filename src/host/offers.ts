import type { Prompt } from '../core/prompt.ts';
import type { Resource } from '../core/resource.ts';
import type { Tool } from '../core/tool.ts';
import { prompts } from '../prompts/index.ts';
import { healthResource, rotationResources } from '../resources/index.ts';
import { catalogue } from '../tools/index.ts';
import type { Config } from './config.ts';

/** What a client can be offered. */
export interface Offers {
  readonly tools: readonly Tool[];
  readonly resources: readonly Resource[];
  readonly prompts: readonly Prompt[];
}

/** All that the product has. */
export const everything: Offers = { tools: catalogue, resources: [healthResource, ...rotationResources], prompts };

/** Takes what there is; gives what the settings leave of it: a script whose tools are not all there leads nowhere. */
export function offered({ toolsets, readOnly }: Config, { tools, resources, prompts }: Offers): Offers {
  const left = tools.filter((tool) => toolsets.includes(tool.toolset) && (!readOnly || tool.effect === 'read'));
  const names = new Set(left.map(({ name }) => name));
  const works = ({ needs = [] }: Prompt | Resource): boolean => needs.every((name) => names.has(name));
  return { tools: left, resources: resources.filter(works), prompts: prompts.filter(works) };
}
