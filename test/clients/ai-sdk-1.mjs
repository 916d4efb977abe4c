// The AI SDK's MCP client before its second version, which opens at 2025-11-25 and is asked inside a call.
import { createMCPClient, ElicitationRequestSchema } from 'ai-sdk-mcp-1';
import { Experimental_StdioMCPTransport as StdioMCPTransport } from 'ai-sdk-mcp-1/mcp-stdio';
import { playDeletions } from './checks.mjs';

await playDeletions(async ({ command, args, env }, person) => {
  const client = await createMCPClient({
    transport: new StdioMCPTransport({ command, args, env, stderr: 'ignore' }),
    capabilities: { elicitation: { form: {} } },
  });
  client.onElicitationRequest(ElicitationRequestSchema, async ({ params }) => person(params));
  const tools = await client.tools();
  return {
    call: (name, input) => tools[name].execute(input, { toolCallId: '1', messages: [] }),
    close: () => client.close(),
  };
});
