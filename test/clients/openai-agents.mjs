// The OpenAI Agents SDK: its MCP server over stdio, and its conversion to strict and to plain function tools.
import './capture.mjs';
import {
  Agent,
  getAllMcpTools,
  MCPServerStdio,
  RunContext,
  run,
  setDefaultOpenAIKey,
  setTracingDisabled,
} from '@openai/agents';
import { allStrict, allSurvive, shapes, toolsSent } from './capture.mjs';
import { check, playSession, withClient } from './checks.mjs';

setDefaultOpenAIKey('none');
setTracingDisabled(true);

async function connect({ command, args, env }) {
  const server = new MCPServerStdio({ name: 'telnyx', command, args, env });
  await server.connect();
  const tools = await getAllMcpTools({ mcpServers: [server], convertSchemasToStrict: true });
  return {
    server,
    names: async () => tools.map(({ name }) => name),
    // Its strict mode has a model give every argument, null for those it does not need.
    call: async (name, input) => {
      const tool = tools.find((one) => one.name === name);
      const blanks = Object.fromEntries(Object.keys(tool.parameters.properties).map((argument) => [argument, null]));
      return tool.invoke(new RunContext(), JSON.stringify({ ...blanks, ...input }));
    },
    close: () => server.close(),
  };
}

await playSession(connect);

for (const strict of [true, false]) {
  await check(`every tool and argument survives on its way to openai, ${strict ? 'strict' : 'as it is'}`, () =>
    withClient(connect, async ({ server }) => {
      const agent = new Agent({ name: 'a', mcpServers: [server], mcpConfig: { convertSchemasToStrict: strict } });
      const tools = shapes.openai(await toolsSent(() => run(agent, 'hi')));
      allSurvive(tools);
      if (strict) allStrict(tools);
    }),
  );
}
