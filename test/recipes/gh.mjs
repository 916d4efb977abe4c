// By https://cli.github.com/manual/gh_secret_set and pkg/cmd/secret/set/set.go of cli/cli: without --body it reads its
// input, whose newlines at the end it drops. GitHub gives no secret back.
import { Failure, input, keep } from './store.mjs';

export const gh = {
  'secret set NAME --repo REPO': ({ NAME }) => {
    // https://docs.github.com/actions/reference/security/secrets
    if (!/^(?!GITHUB_)[A-Z_][A-Z0-9_]*$/i.test(NAME)) throw new Failure(1, 'HTTP 422: the name is invalid');
    keep('gh', NAME.toUpperCase(), input().replace(/[\r\n]+$/, ''));
  },
};
