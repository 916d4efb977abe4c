/** Characters that mean the same to every dotenv reader and shell, without quotes. */
const PLAIN = /^[\w.~+/=@:-]+$/;
/** What a PEM block is made of besides: its line breaks are written as `\n` between double quotes. */
const PEM = /^[\w+/= \n-]+$/;

/**
 * A dotenv text with the given keys set: replaced in place where they stand, appended where they do not. Comments,
 * order, `export` and line endings stay. Throws RangeError for a value that readers would understand differently.
 */
export function mergeDotenv(text: string, values: Record<string, string>): string {
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  let merged = text;
  for (const [key, value] of Object.entries(values)) {
    const line = `${key}=${quote(value)}`;
    // A quoted value may run over several lines; it ends at its closing quote.
    const present = new RegExp(
      `^([ \\t]*(?:export[ \\t]+)?)${key}[ \\t]*=(?:[ \\t]*(?:"(?:[^"\\\\]|\\\\.)*"|'[^']*')[^\\r\\n]*|[^\\r\\n]*)`,
      'gm',
    );
    if (present.test(merged)) merged = merged.replace(present, (_, before: string) => before + line);
    else merged += `${merged === '' || merged.endsWith('\n') ? '' : end}${line}${end}`;
  }
  return merged;
}

function quote(value: string): string {
  if (PLAIN.test(value)) return value;
  const lines = value.replaceAll('\r\n', '\n').trimEnd();
  if (PEM.test(lines)) return `"${lines.replaceAll('\n', '\\n')}"`;
  throw new RangeError('a value with characters that dotenv readers disagree about');
}
