// The AI SDK's MCP client, and its conversions for three providers.
import './capture.mjs';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createMCPClient, ElicitationRequestSchema } from '@ai-sdk/mcp';
import { StdioMCPTransport } from '@ai-sdk/mcp/mcp-stdio';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText } from 'ai';
import { allSurvive, shapes, toolsSent } from './capture.mjs';
import { check, playSession, withClient } from './checks.mjs';

async function connect({ command, args, env }, person) {
  const client = await createMCPClient({
    transport: new StdioMCPTransport({ command, args, env, stderr: 'ignore' }),
    capabilities: person ? { elicitation: { form: {} } } : {},
  });
  if (person) client.onElicitationRequest(ElicitationRequestSchema, async ({ params }) => person(params));
  const tools = await client.tools();
  return {
    tools,
    names: async () => Object.keys(tools),
    call: async (name, input) => {
      const output = await tools[name].execute(input, { toolCallId: '1', messages: [] });
      return tools[name].toModelOutput({ toolCallId: '1', input, output });
    },
    close: () => client.close(),
  };
}

await playSession(connect, { asks: true });

const apiKey = 'none';
const models = {
  openai: createOpenAI({ apiKey })('gpt-5'),
  anthropic: createAnthropic({ apiKey })('claude-sonnet-4-5'),
  google: createGoogleGenerativeAI({ apiKey })('gemini-2.5-flash'),
};
for (const [provider, model] of Object.entries(models)) {
  await check(`every tool and argument survives on its way to ${provider}`, () =>
    withClient(connect, async ({ tools }) => {
      const ask = () => generateText({ model, tools, prompt: 'hi', maxRetries: 0 });
      allSurvive(shapes[provider](await toolsSent(ask)));
    }),
  );
}
