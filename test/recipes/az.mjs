// By https://learn.microsoft.com/rest/api/keyvault/secrets/set-secret (the form of a name; a set of one that exists is a new
// version) and keyvault/_validators.py of Azure/azure-cli: `--file` is opened by its path, read as text and kept whole, and
// may not be empty.
import { readFileSync } from 'node:fs';
import { entries, Failure, keep } from './store.mjs';

function named(name) {
  if (!/^[0-9a-zA-Z-]{1,127}$/.test(name)) throw new Failure(1, 'BadParameter');
  return name;
}

export const az = {
  'keyvault secret set --vault-name VAULT --name NAME --file PATH --encoding utf-8 --output none': ({ NAME, PATH }) => {
    const secret = readFileSync(PATH, 'utf8');
    if (!secret) throw new Failure(1, 'incorrect usage: [Required] --value VALUE | --file PATH');
    keep('az', named(NAME), secret);
  },
  'keyvault secret show --vault-name VAULT --name NAME --query value --output json': ({ NAME }) => {
    const entry = entries('az')[named(NAME)];
    if (!entry) throw new Failure(3, 'SecretNotFound');
    return `${JSON.stringify(entry.secret)}\n`;
  },
};
