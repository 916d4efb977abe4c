// Prism would outlive whoever started it, were that one killed: it leaves when its input ends.
process.stdin.on('end', () => process.exit()).on('error', () => process.exit());
process.stdin.resume();
