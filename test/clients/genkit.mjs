// Genkit's MCP client, and its plugins' conversions for three providers.
import './capture.mjs';
import { anthropic } from '@genkit-ai/anthropic';
import { openAI } from '@genkit-ai/compat-oai/openai';
import { googleAI } from '@genkit-ai/google-genai';
import { createMcpClient } from '@genkit-ai/mcp';
import { genkit } from 'genkit';
import { allSurvive, shapes, toolsSent } from './capture.mjs';
import { check, playSession, withClient } from './checks.mjs';

const apiKey = 'none';
const ai = genkit({
  plugins: [googleAI({ apiKey }), openAI({ apiKey, fetch: globalThis.fetch }), anthropic({ apiKey })],
});
const ours = (name) => name.replace(/^telnyx[/_]+/, '');

async function connect({ command, args, env }) {
  const client = createMcpClient({
    name: 'checks',
    serverName: 'telnyx',
    mcpServer: { command, args, env, stderr: 'ignore' },
  });
  await client.ready();
  const tools = await client.getActiveTools(ai);
  const nameOf = ({ __action }) => ours(__action.name);
  return {
    tools,
    names: async () => tools.map(nameOf),
    // Its validator compiles the schema of a tool when that is called.
    call: (name, input) => tools.find((tool) => nameOf(tool) === name)(input),
    close: () => client.disable(),
  };
}

await playSession(connect, { validates: true });

const models = {
  openai: openAI.model('gpt-5'),
  anthropic: anthropic.model('claude-sonnet-4-5'),
  google: googleAI.model('gemini-2.5-flash'),
};
for (const [provider, model] of Object.entries(models)) {
  await check(`every tool and argument survives on its way to ${provider}`, () =>
    withClient(connect, async ({ tools }) => {
      const sent = await toolsSent(() => ai.generate({ model, prompt: 'hi', tools }));
      allSurvive(shapes[provider](sent), ours);
    }),
  );
}
