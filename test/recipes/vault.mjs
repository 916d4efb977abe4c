// By https://developer.hashicorp.com/vault/docs/commands/kv/put, …/kv/get and kv-builder/builder.go of
// hashicorp/go-secure-stdlib: `-` takes a JSON object from the input, a put replaces what is there, and a field is printed
// without a newline when it goes to a pipe.
import { entries, Failure, input, keep } from './store.mjs';

export const vault = {
  'kv put -mount=MOUNT PATH -': ({ MOUNT, PATH }) => {
    const { sip_password, ...more } = JSON.parse(input());
    keep('vault', `${MOUNT}/${PATH}`, sip_password, more);
  },
  'kv get -mount=MOUNT -field=sip_password PATH': ({ MOUNT, PATH }) => {
    const entry = entries('vault')[`${MOUNT}/${PATH}`];
    if (!entry) throw new Failure(2, `No value found at ${MOUNT}/data/${PATH}`);
    return entry.secret;
  },
};
