// Mastra's MCP client, and its agents' conversions for three providers.
import './capture.mjs';
import { Agent } from '@mastra/core/agent';
import { MCPClient } from '@mastra/mcp';
import { allSurvive, shapes, toolsSent } from './capture.mjs';
import { check, playDeletions, playSession, withClient } from './checks.mjs';

const PREFIX = 'telnyx_';
let made = 0;

async function connect({ command, args, env }, person, more = {}) {
  made += 1;
  const inputRequests = person && (async ({ params }) => person(params));
  const server = { command, args, env, stderr: 'ignore', ...(person && { inputRequests }), ...more };
  const client = new MCPClient({ id: `${made}`, servers: { telnyx: server } });
  const tools = await client.listTools();
  return {
    tools,
    names: async () => Object.keys(tools).map((name) => name.replace(PREFIX, '')),
    call: (name, input) => tools[`${PREFIX}${name}`].execute(input, {}),
    close: () => client.disconnect(),
  };
}

await playSession(connect, { asks: true, validates: true });
// The older protocol, where it is asked inside the call.
await playDeletions((server, person) => connect(server, person, { protocolVersion: 'legacy' }));

Object.assign(process.env, { OPENAI_API_KEY: 'none', ANTHROPIC_API_KEY: 'none', GOOGLE_GENERATIVE_AI_API_KEY: 'none' });
const models = { openai: 'openai/gpt-5', anthropic: 'anthropic/claude-sonnet-4-5', google: 'google/gemini-2.5-flash' };
for (const [provider, model] of Object.entries(models)) {
  await check(`every tool and argument survives on its way to ${provider}`, () =>
    withClient(connect, async ({ tools }) => {
      const agent = new Agent({ id: 'a', name: 'a', instructions: 'none', model, tools, maxRetries: 0 });
      const sent = shapes[provider](await toolsSent(() => agent.generate('hi')));
      allSurvive(sent, (name) => name.replace(PREFIX, ''));
    }),
  );
}

// A package of Mastra's listens to messages of the runner, which keeps a process alive that has nothing to do.
process.disconnect();
