// Builds what tests, demo and packages are made of; with BUILT=1 it is there already, as in CI, which builds once.
import { spawnSync } from 'node:child_process';

const build = () => spawnSync('npm run --silent build:all', { shell: true, stdio: 'inherit' }).status;
process.exitCode = process.env.BUILT === '1' ? 0 : (build() ?? 1);
