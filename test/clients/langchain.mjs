// LangChain's MCP adapters, and its conversions for three providers.
import './capture.mjs';
import { ChatAnthropic } from '@langchain/anthropic';
import { ChatGoogleGenerativeAI } from '@langchain/google-genai';
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { ChatOpenAI } from '@langchain/openai';
import { allSurvive, shapes, toolsSent } from './capture.mjs';
import { check, playSession, withClient } from './checks.mjs';

async function connect({ command, args, env }) {
  const server = { transport: 'stdio', command, args, env, stderr: 'ignore' };
  const client = new MultiServerMCPClient({ mcpServers: { telnyx: server }, throwOnLoadError: true });
  const tools = await client.getTools();
  return {
    tools,
    names: async () => tools.map(({ name }) => name),
    call: async (name, input) => {
      const { content } = await tools
        .find((one) => one.name === name)
        .invoke({ type: 'tool_call', id: '1', name, args: input });
      return content;
    },
    close: () => client.close(),
  };
}

await playSession(connect, { validates: true });

const apiKey = 'none';
const models = {
  openai: new ChatOpenAI({ apiKey, model: 'gpt-5', maxRetries: 0 }),
  anthropic: new ChatAnthropic({ apiKey, model: 'claude-sonnet-4-5', maxRetries: 0 }),
  google: new ChatGoogleGenerativeAI({ apiKey, model: 'gemini-2.5-flash', maxRetries: 0 }),
};
for (const [provider, model] of Object.entries(models)) {
  await check(`every tool and argument survives on its way to ${provider}`, () =>
    withClient(connect, async ({ tools }) => {
      allSurvive(shapes[provider](await toolsSent(() => model.bindTools(tools).invoke('hi'))));
    }),
  );
}
