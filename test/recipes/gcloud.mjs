// By https://cloud.google.com/sdk/gcloud/reference/secrets/create, …/versions/add and …/versions/access: a create of one
// that exists is an error, and so is a version of one that does not; what is read has no newline of gcloud's own.
import { entries, Failure, input, keep } from './store.mjs';

const has = (name) => name in entries('gcloud');

export const gcloud = {
  'secrets create NAME --data-file=-': ({ NAME }) => {
    const secret = input();
    if (has(NAME)) throw new Failure(1, 'ALREADY_EXISTS');
    keep('gcloud', NAME, secret);
  },
  'secrets versions add NAME --data-file=-': ({ NAME }) => {
    const secret = input();
    if (!has(NAME)) throw new Failure(1, 'NOT_FOUND');
    keep('gcloud', NAME, secret);
  },
  'secrets versions access latest --secret=NAME': ({ NAME }) => {
    if (!has(NAME)) throw new Failure(1, 'NOT_FOUND');
    return entries('gcloud')[NAME].secret;
  },
};
