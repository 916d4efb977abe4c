// Loaded into the server before itself: writes down that it began and with what status it ended, which no client tells.
import { appendFileSync } from 'node:fs';

const file = process.env.WITNESS_FILE;
appendFileSync(file, `${process.pid} began\n`);
process.on('exit', (status) => appendFileSync(file, `${process.pid} ended with ${status}\n`));
