// What registries and clients read of this package. Written by `npm run package` and not kept in git: package.json and the
// built server say it all, and the registry's publisher takes the path of the file.

const NAMES = { title: 'Telnyx WebRTC credentials', schema: '2025-12-11' };

/** What the settings are for, as the clients of the registry ask for them; a test holds the names against the README. */
const SETTINGS = {
  TELNYX_API_KEY: { description: 'Telnyx API key, from portal.telnyx.com', isRequired: true, isSecret: true },
  TELNYX_API_KEY_FILE: { description: 'A file that holds the API key, instead of TELNYX_API_KEY', format: 'filepath' },
  TELNYX_BASE_URL: { description: 'The API, /v2 included', default: 'https://api.telnyx.com/v2' },
  TELNYX_MCP_STATE_DIR: { description: 'Where the vault and the journal are; a folder of your system unless set' },
  TELNYX_MCP_CONFIRM: {
    description: 'Whether a person is asked before something is destroyed',
    choices: ['ask', 'never'],
    default: 'ask',
  },
  TELNYX_MCP_READ_ONLY: {
    description: 'Offer only tools that change nothing',
    format: 'boolean',
    default: 'false',
  },
  TELNYX_MCP_TOOLSETS: {
    description: 'Which groups of tools are offered',
    default: 'telephony,push,rotation,connections,secrets',
  },
  TELNYX_MCP_DELIVER_TO: {
    description: 'Where new secrets go: vault, browser, file:PATH, keychain:NAME or command:NAME',
    default: 'vault',
  },
  TELNYX_MCP_ALLOW_DIRS: { description: 'Folders that files with secrets may lie in, separated as in PATH' },
  TELNYX_MCP_COMMANDS_FILE: { description: 'A JSON file of commands that secrets can go to', format: 'filepath' },
  TELNYX_MCP_LOG_LEVEL: {
    description: 'What is logged on stderr',
    choices: ['error', 'warn', 'info', 'debug'],
    default: 'warn',
  },
};

/**
 * The registry's `server.json`, from package.json. The bundle for desktop clients is not in it: that takes the address of a
 * release, and there is none yet.
 * @param {{ name: string, mcpName: string, version: string, description: string }} pkg
 */
export const serverJson = ({ name, mcpName, version, description }) => ({
  $schema: `https://static.modelcontextprotocol.io/schemas/${NAMES.schema}/server.schema.json`,
  name: mcpName,
  title: NAMES.title,
  description,
  version,
  packages: [
    {
      registryType: 'npm',
      identifier: name,
      version,
      runtimeHint: 'npx',
      transport: { type: 'stdio' },
      environmentVariables: Object.entries(SETTINGS).map(([setting, facts]) => ({ name: setting, ...facts })),
    },
  ],
});

/**
 * The `manifest.json` of the bundle for desktop clients, from package.json and what `tools/list` gives.
 * @param {{ name: string, version: string, description: string, license: string, keywords: string[],
 *   bin: Record<string, string>, engines: { node: string } }} pkg
 * @param {{ name: string, description?: string }[]} tools
 */
export function manifest({ name, version, description, license, keywords, bin, engines }, tools) {
  const main = bin[name];
  return {
    manifest_version: '0.3',
    name,
    display_name: NAMES.title,
    version,
    description,
    // As LICENSE has it.
    author: { name: `the ${name} authors` },
    license,
    keywords,
    server: {
      type: 'node',
      entry_point: main,
      mcp_config: {
        command: 'node',
        // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the client fills these in
        args: [`\${__dirname}/${main}`],
        env: { TELNYX_API_KEY: '${user_config.api_key}' },
        // biome-ignore-end lint/suspicious/noTemplateCurlyInString: to here
      },
    },
    tools: tools.map((tool) => ({ name: tool.name, description: tool.description })),
    // Theirs have arguments that a text in here could not check.
    prompts_generated: true,
    compatibility: { platforms: ['darwin', 'win32', 'linux'], runtimes: { node: engines.node } },
    user_config: {
      api_key: {
        type: 'string',
        title: 'Telnyx API key',
        description: 'From portal.telnyx.com. It is kept by this client and sent to nobody but Telnyx.',
        sensitive: true,
        required: true,
      },
    },
  };
}
