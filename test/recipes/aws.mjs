// By https://docs.aws.amazon.com/cli/latest/reference/secretsmanager/ and awscli/paramfile.py of aws/aws-cli: `file://` is
// opened by its path, and so is /dev/stdin, which fails on a socket. An error of the service is status 254.
import { readFileSync } from 'node:fs';
import { entries, Failure, keep } from './store.mjs';

const read = (value) => (value.startsWith('file://') ? readFileSync(value.slice('file://'.length), 'utf8') : value);
const has = (name) => name in entries('aws');

export const aws = {
  'secretsmanager create-secret --name NAME --secret-string VALUE': ({ NAME, VALUE }) => {
    const secret = read(VALUE);
    if (has(NAME)) throw new Failure(254, 'ResourceExistsException');
    keep('aws', NAME, secret);
    return '{"Name": "…"}\n';
  },
  'secretsmanager put-secret-value --secret-id NAME --secret-string VALUE': ({ NAME, VALUE }) => {
    const secret = read(VALUE);
    if (!has(NAME)) throw new Failure(254, 'ResourceNotFoundException');
    keep('aws', NAME, secret);
    return '{"Name": "…"}\n';
  },
  'secretsmanager get-secret-value --secret-id NAME --query SecretString --output json': ({ NAME }) => {
    if (!has(NAME)) throw new Failure(254, 'ResourceNotFoundException');
    return `${JSON.stringify(entries('aws')[NAME].secret)}\n`;
  },
};
