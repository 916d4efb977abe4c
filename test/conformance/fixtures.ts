import { z } from 'zod';
import { ToolError } from '../../src/core/errors.ts';
import type { Prompt } from '../../src/core/prompt.ts';
import type { Resource } from '../../src/core/resource.ts';
import { type Deps, defineChange, defineRead, type Tool } from '../../src/core/tool.ts';
import { schemaTool } from './schema-tool.ts';

/** A tool that the suite calls by name, and that does nothing but answer. */
function answering(
  name: string,
  run: (args: object, deps: Deps) => Promise<{ text: string }> = async () => ({ text: `${name} was called` }),
): Tool {
  return defineRead({
    name,
    title: name,
    description: 'A fixture of the conformance suite.',
    toolset: 'telephony',
    input: z.object({}),
    output: z.object({ text: z.string() }),
    run,
  });
}

/** A tool that asks a person first. The suite's answers fit no question of this server, so what comes back is `unanswered`. */
function asking(name: string, text: (args: { message?: string | undefined }) => string): Tool {
  return defineChange({
    name,
    title: name,
    description: 'A fixture of the conformance suite that asks a person.',
    toolset: 'telephony',
    effect: 'destroy',
    asks: 'always',
    input: z.object({ message: z.string().optional() }),
    output: z.object({}),
    propose: async (args) => {
      const said = text(args);
      return { binding: { said }, steps: [], question: () => ({ text: said }) };
    },
    run: async () => ({}),
  });
}

/** The fixtures of one run of the suite; one of them changes its question while it is asked. */
export function createFixtures(): { tools: Tool[]; resources: Resource[]; prompts: Prompt[] } {
  let step = 0;
  const tools = [
    answering('test_simple_text'),
    answering('test_logging_tool'),
    answering('test_error_handling', async () => {
      throw new ToolError('CONFLICT', 'This tool always fails.', 'Expect nothing else of it.');
    }),
    answering('test_tool_with_progress', async (_args, { progress }) => {
      for (const done of [25, 50, 100]) progress(done, 100);
      return { text: 'three steps' };
    }),
    asking('test_elicitation', ({ message }) => String(message)),
    asking('test_missing_capability', () => 'Go on?'),
    asking('test_streaming_elicitation', () => 'Go on?'),
    asking('test_input_required_result_elicitation', () => 'What is your name?'),
    asking('test_input_required_result_request_state', () => 'Please confirm'),
    asking('test_input_required_result_capabilities', () => 'Please confirm'),
    asking('test_input_required_result_tampered_state', () => 'Please confirm'),
    // As when the thing in question changes while a person reads: the answer to the first wording counts for nothing.
    asking('test_input_required_result_multi_round', () => {
      step += 1;
      return step === 1 ? 'The thing as it was' : 'The thing as it is by now';
    }),
    schemaTool,
  ];
  return { tools, resources, prompts };
}

const resources: Resource[] = [
  {
    uri: 'test://static-text',
    name: 'static-text',
    title: 'Static text',
    description: 'A fixture of the conformance suite.',
    mimeType: 'text/plain',
    read: async () => 'This is the content of the static text resource.',
  },
  {
    uri: 'test://template/{id}/data',
    name: 'template',
    title: 'Template',
    description: 'A fixture of the conformance suite.',
    mimeType: 'application/json',
    read: async ({ id }) => JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
  },
];

const prompts: Prompt[] = [
  {
    name: 'test_simple_prompt',
    title: 'Simple prompt',
    description: 'A fixture of the conformance suite.',
    arguments: [],
    script: () => 'This is a simple prompt for testing.',
  },
  {
    name: 'test_prompt_with_arguments',
    title: 'Prompt with arguments',
    description: 'A fixture of the conformance suite.',
    arguments: [
      {
        name: 'arg1',
        description: 'First test argument',
        required: true,
        complete: async (typed) => ['testValue1', 'other'].filter((value) => value.startsWith(typed)),
      },
      { name: 'arg2', description: 'Second test argument', required: true },
    ],
    script: ({ arg1, arg2 }) => `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`,
  },
];
